//! The databases whose passwords are rotated: who talks to them is given to the service.

use zeroize::Zeroizing;

/// The versions of a secret that a step needs: the values that its labels are on.
#[derive(Clone, Default)]
#[expect(missing_debug_implementations, reason = "they are secrets")]
pub struct Values {
    /// AWSCURRENT.
    pub current: Zeroizing<String>,
    /// AWSPENDING.
    pub pending: Zeroizing<String>,
    /// AWSPREVIOUS.
    pub previous: Option<Zeroizing<String>>,
    /// AWSCURRENT of the secret that the current value names as `masterarn`.
    pub master: Option<Zeroizing<String>>,
}

/// Why a step failed: a sentence without secrets, and whether the same step may succeed later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepFailure {
    /// The sentence.
    pub message: String,
    /// Whether nothing has to be changed for it to succeed later.
    pub may_pass: bool,
}

/// Talks to databases, as the rotation functions do that AWS publishes as templates.
pub trait Databases: std::fmt::Debug + Send + Sync {
    /// Whether a function is one of those, and if so, whether it needs the secret of another user.
    fn knows(&self, function: &str) -> Option<bool>;

    /// The ARN of the secret of the user who may change others, as a value names it.
    fn master(&self, value: &str) -> Option<String>;

    /// The new value, with this password.
    ///
    /// # Errors
    /// The current value lacks what the function needs.
    fn create(&self, function: &str, current: &str, password: &str)
    -> Result<Zeroizing<String>, StepFailure>;

    /// Gives the database the pending password. It ends by itself in less than a minute.
    ///
    /// # Errors
    /// The database refuses it, or cannot be reached.
    fn set(&self, function: &str, values: &Values) -> Result<(), StepFailure>;

    /// Logs in with a value. It ends by itself in less than a minute.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    fn test(&self, function: &str, value: &str) -> Result<(), StepFailure>;
}

/// No databases: no function is served.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nothing;

impl Nothing {
    fn failure<T>() -> Result<T, StepFailure> {
        Err(StepFailure { message: "No rotation function is served.".to_owned(), may_pass: false })
    }
}

impl Databases for Nothing {
    fn knows(&self, _function: &str) -> Option<bool> {
        None
    }

    fn master(&self, _value: &str) -> Option<String> {
        None
    }

    fn create(&self, _: &str, _: &str, _: &str) -> Result<Zeroizing<String>, StepFailure> {
        Self::failure()
    }

    fn set(&self, _function: &str, _values: &Values) -> Result<(), StepFailure> {
        Self::failure()
    }

    fn test(&self, _function: &str, _value: &str) -> Result<(), StepFailure> {
        Self::failure()
    }
}
