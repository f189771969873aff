mod authorization;
mod encryption;
mod errors;
mod lists;
mod policies;
mod settings;
mod sharing;
mod versions;
