//! Transcripts of calls: what each operation answers and refuses.

mod access_keys;
mod account;
mod authorization;
mod credentials;
mod directory;
mod groups;
mod instance_profiles;
mod mfa;
mod paging;
mod passwords;
mod policies;
mod quotas;
mod roles;
mod tags;
mod users;
