//! Failures of commands, and the codes that commands exit with.

use crate::opening::Unopened;
use keyring::KeyringError;
use std::error::Error;
use std::fmt::Display;
use std::io;
use std::process::ExitCode;
use store::StoreError;

/// The codes, for `--help`.
pub(crate) const HELP: &str = "Exit codes:
  0  done
  1  failed for a reason that has no code of its own
  2  the command line cannot be used; `policy lint` and `policy test`: errors were found, or a file cannot be used
  3  absent: no deployment, file or request is there, or the deployment is not served
  4  sealed: unseal it first
  5  damaged: a file, a backup or the history is not what was written
  6  locked: no key at hand opens it, or a key that was given is a wrong one
  7  another history: `verify --contains` named a head that this history does not continue
  8  full: the server can record nothing, for want of room on its disk or after a failed write, and so serves nothing";

/// The code of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Failed = 1,
    Absent = 3,
    Sealed = 4,
    Damaged = 5,
    Locked = 6,
    OtherHistory = 7,
    Full = 8,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl Exit {
    /// The code by the number that a server answered.
    pub(crate) fn numbered(number: u64) -> Self {
        let all = [Self::Absent, Self::Sealed, Self::Damaged, Self::Locked, Self::OtherHistory];
        all.into_iter().find(|exit| *exit as u64 == number).unwrap_or(Self::Failed)
    }

    /// The code that an error stands for.
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Self {
        if let Some(error) = error.downcast_ref::<Unopened>() {
            return match error {
                Unopened::Waits(_) | Unopened::Seal(_) => Self::Locked,
                Unopened::Altered(_) => Self::Damaged,
                Unopened::Keyring(error) => Self::of(error),
                Unopened::Store(error) => Self::of(error),
                _ => Self::Failed,
            };
        }
        match (error.downcast_ref(), error.downcast_ref(), error.downcast_ref::<io::Error>()) {
            (Some(KeyringError::NoSlotOpens { .. }), ..) => Self::Locked,
            (Some(KeyringError::NoShreds { .. }), ..) => Self::Absent,
            (Some(KeyringError::Io { source, .. }), ..) => Self::of(source),
            (Some(KeyringError::Damaged { .. }), ..)
            | (Some(KeyringError::Tampered { .. }), ..)
            | (Some(KeyringError::OtherRoot { .. }), ..)
            | (Some(KeyringError::Replaced { .. }), ..)
            | (_, Some(StoreError::Damaged { .. }), _) => Self::Damaged,
            (_, Some(StoreError::Io { source, .. }), _) => Self::of(&**source),
            (_, _, Some(error)) => match error.kind() {
                io::ErrorKind::NotFound => Self::Absent,
                io::ErrorKind::InvalidData => Self::Damaged,
                _ => Self::Failed,
            },
            _ => Self::Failed,
        }
    }
}

/// A failure of a command, in words for the operator, with its code.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) message: String,
    pub(crate) exit: Exit,
}

/// A failure that has no code of its own.
#[expect(non_snake_case, reason = "it makes a Failure, as the constructor of a tuple struct would")]
pub(crate) fn Failure(message: String) -> Failure {
    Failure { message, exit: Exit::Failed }
}

impl Failure {
    /// The same failure, with another code.
    #[must_use]
    pub(crate) fn with(self, exit: Exit) -> Self {
        Self { exit, ..self }
    }

    /// The same failure, of a setting: with its name, and the flags and variables that stand for it, in front, and the next step of whoever set it
    /// behind.
    #[must_use]
    pub(crate) fn of_setting(self, setting: &str, step: &str) -> Self {
        self.during(setting).before(step)
    }

    /// The same failure, with the next step behind.
    #[must_use]
    pub(crate) fn before(self, step: &str) -> Self {
        Self { message: format!("{}: {step}", self.message), ..self }
    }

    /// The same failure, with what was being done in front.
    #[must_use]
    pub(crate) fn during(self, doing: impl Display) -> Self {
        Self { message: format!("{doing}: {}", self.message), ..self }
    }
}

impl<E: Error + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { message: error.to_string(), exit: Exit::of(&error) }
    }
}

/// A failure with what was being done.
pub(crate) fn failure(doing: impl Display, error: impl Display) -> Failure {
    Failure(format!("{doing}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_absence_and_a_wrong_key_have_codes_of_their_own() {
        let path = || "f".into();
        let no_slot = || KeyringError::NoSlotOpens { path: path(), tried: String::new(), unusable: false };
        let cases: [(Failure, Exit); 11] = [
            (no_slot().into(), Exit::Locked),
            (Unopened::Keyring(no_slot()).into(), Exit::Locked),
            (Unopened::Waits(String::new()).into(), Exit::Locked),
            (KeyringError::Damaged { path: path(), reason: String::new() }.into(), Exit::Damaged),
            (KeyringError::Tampered { path: path() }.into(), Exit::Damaged),
            (KeyringError::NoShreds { path: path() }.into(), Exit::Absent),
            (StoreError::Damaged { file: "f".into(), offset: 0, what: "w".into() }.into(), Exit::Damaged),
            (StoreError::io("f", io::ErrorKind::NotFound.into()).into(), Exit::Absent),
            (io::Error::from(io::ErrorKind::InvalidData).into(), Exit::Damaged),
            (io::Error::from(io::ErrorKind::PermissionDenied).into(), Exit::Failed),
            (Failure("x".to_owned()), Exit::Failed),
        ];
        for (failure, exit) in cases {
            assert_eq!(failure.exit, exit, "{}", failure.message);
            assert!(HELP.contains(&format!("\n  {}  ", exit as u8)), "{exit:?} is not in the help");
        }
    }
}
