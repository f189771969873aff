//! Operations, as callers see them.

mod deletion;
mod lists;
mod permissions;
mod policies;
mod regions;
mod rotation;
mod values;
