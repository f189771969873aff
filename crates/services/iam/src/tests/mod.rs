//! Transcripts of calls: what each operation answers and refuses.

mod access_keys;
mod account;
mod authorization;
mod directory;
mod groups;
mod instance_profiles;
mod paging;
mod policies;
mod quotas;
mod roles;
mod tags;
mod users;
