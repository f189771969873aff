//! The databases that Secrets Manager's rotations change, through the crate `rotation`.

use rotation::{Failure, Template, Versions};
use secretsmanager::{StepFailure, Values};
use zeroize::Zeroizing;

/// The rotation functions that AWS publishes as templates.
#[derive(Debug)]
pub(crate) struct Templates(pub(crate) rotation::Databases);

impl secretsmanager::Databases for Templates {
    fn knows(&self, function: &str) -> Option<bool> {
        Template::of_function(function).map(Template::needs_master)
    }

    fn master(&self, value: &str) -> Option<String> {
        rotation::master_arn(value)
    }

    fn create(
        &self,
        function: &str,
        current: &str,
        password: &str,
    ) -> Result<Zeroizing<String>, StepFailure> {
        rotation::create(template(function)?, current, password).map_err(failed)
    }

    fn set(&self, function: &str, values: &Values) -> Result<(), StepFailure> {
        let versions = Versions {
            current: &values.current,
            pending: &values.pending,
            previous: values.previous.as_deref().map(String::as_str),
            master: values.master.as_deref().map(String::as_str),
        };
        rotation::set(template(function)?, versions, &self.0).map_err(failed)
    }

    fn test(&self, function: &str, value: &str) -> Result<(), StepFailure> {
        rotation::test(template(function)?, value, &self.0).map_err(failed)
    }
}

fn template(function: &str) -> Result<Template, StepFailure> {
    let unknown = || StepFailure { message: format!("{function} is no rotation function."), may_pass: false };
    Template::of_function(function).ok_or_else(unknown)
}

fn failed(failure: Failure) -> StepFailure {
    StepFailure { message: failure.message().to_owned(), may_pass: failure.may_pass() }
}
