//! The operations, as callers see them.

mod accounts;
mod aliases;
mod answers;
mod asymmetric;
mod conditions;
mod encryption;
mod errors;
mod explained;
mod grants;
mod import;
mod keys;
mod managed;
mod policies;
mod quotas;
mod regions;
mod rotation;
mod scene;
mod service;
mod shreds;
mod states;
mod stores;
mod tags;

use platform::Fault;
use std::fmt::Debug;

/// Asserts which error a call gave.
#[track_caller]
fn refused<T: Debug>(result: Result<T, Fault>, code: &str, message: &str) {
    match result {
        Ok(output) => panic!("not refused with {code}: {output:?}"),
        Err(fault) => assert_eq!(
            (fault.code(), fault.message()),
            (code, message),
            "operators read: {}",
            fault.for_operator()
        ),
    }
}

/// Asserts that a call was denied for want of a permission.
#[track_caller]
fn denied<T: Debug>(result: Result<T, Fault>, message_part: &str) {
    match result {
        Ok(output) => panic!("not denied: {output:?}"),
        Err(fault) => assert!(
            fault.code() == "AccessDenied" && fault.message().contains(message_part),
            "{}: {}",
            fault.code(),
            fault.message()
        ),
    }
}
