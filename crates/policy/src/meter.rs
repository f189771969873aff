//! The work that matching may take.
//!
//! A step is a byte or a token looked at, some nanoseconds. What is left to compare when the steps are used up is in doubt: an `Allow`
//! does not apply then, and a `Deny` does (`docs/decisions/0027-bounded-decisions.md`).

use std::cell::Cell;

/// Most steps of one decision. Real ones take some thousands: a request has one resource and values of some hundred bytes, and the
/// policies of a caller are a hundred kilobytes at the most.
pub(crate) const DECISION_STEPS_MAX: usize = 4 << 20;
/// Most steps of one explanation, which decides again and again.
pub(crate) const EXPLANATION_STEPS_MAX: usize = 16 << 20;
/// Most steps of the comparisons of one lint.
pub(crate) const LINT_STEPS_MAX: usize = 64 << 20;

/// Steps that are left.
#[derive(Debug)]
pub(crate) struct Meter {
    left: Cell<usize>,
}

/// All steps are used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spent;

impl Meter {
    pub(crate) fn new(steps: usize) -> Self {
        Meter { left: Cell::new(steps) }
    }

    /// The meter of a part that may take `steps`, and no more than are left.
    pub(crate) fn part(&self, steps: usize) -> Self {
        Meter::new(self.left().min(steps))
    }

    /// Takes away what a part of these steps has spent.
    pub(crate) fn settle(&self, before: usize, part: &Meter) {
        let _ = self.spend(before.saturating_sub(part.left()));
    }

    pub(crate) fn left(&self) -> usize {
        self.left.get()
    }

    pub(crate) fn is_spent(&self) -> bool {
        self.left() == 0
    }

    /// Takes steps away.
    ///
    /// # Errors
    /// When there are not as many left; then none are.
    pub(crate) fn spend(&self, steps: usize) -> Result<(), Spent> {
        match self.left().checked_sub(steps) {
            Some(left) if left > 0 => {
                self.left.set(left);
                Ok(())
            }
            _ => {
                self.left.set(0);
                Err(Spent)
            }
        }
    }
}
