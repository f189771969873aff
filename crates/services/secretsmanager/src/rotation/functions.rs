//! Rotation functions: those that AWS publishes as templates, under the templates' names as functions of every account.

use crate::SecretsManager;
use crate::secret::Secret;
use platform::Fault;

/// The name in the ARN of a function.
pub(crate) fn name(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or_default()
}

impl SecretsManager {
    /// Requires that a function is one that is served, of the secret's own account and Region.
    ///
    /// # Errors
    /// It is not: functions of customers come with AWS Lambda.
    pub(crate) fn require_function(&self, arn: &str, secret: &Secret) -> Result<(), Fault> {
        let place = format!("arn:aws:lambda:{}:{}:function:", secret.region, secret.account);
        match arn.strip_prefix(&place).and_then(|name| self.databases().knows(name)) {
            Some(_) => Ok(()),
            None => Err(Fault::denied(
                "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants access to the principal secretsmanager.amazonaws.com.",
            )),
        }
    }
}
