//! Secrets of Secrets Manager under names of parameters (Systems Manager User Guide, "Referencing AWS Secrets Manager secrets from Parameter
//! Store parameters"): `/aws/reference/secretsmanager/NAME`, perhaps with a version's id or stage. Secrets Manager is asked on the caller's
//! behalf.

use crate::access::require;
use crate::api::{Parameter as Shown, ParameterType};
use crate::data_types;
use crate::errors::validation;
use crate::names::{Reference, SECRETS};
use platform::{As, Blame, Cx, Fault};
use secretsmanager_api::{GetSecretValueRequest, GetSecretValueResponse, ops};
use serde_json::{Map, Value, json};

/// Characters of the id of a version; stages have other names.
const VERSION_ID_CHARS: usize = 36;

/// Reads a secret for those who may do `action` to the parameter and read the secret.
///
/// # Errors
/// It is not to be decrypted, or Secrets Manager does not serve the caller.
pub(crate) fn read(
    cx: &mut Cx<'_>,
    action: &str,
    reference: &Reference,
    decrypts: bool,
) -> Result<Shown, Fault> {
    let place = &reference.place;
    require(cx, action, place, None)?;
    if !decrypts {
        return Err(validation("WithDecryption flag must be True for retrieving a Secret Manager secret."));
    }
    let name = place.name.strip_prefix(SECRETS).unwrap_or_default();
    let selector = reference.selector.clone();
    let is_id = selector.as_ref().is_some_and(|selector| selector.len() >= VERSION_ID_CHARS);
    let (version_id, version_stage) = if is_id { (selector, None) } else { (None, selector) };
    let input = GetSecretValueRequest { secret_id: name.to_owned(), version_id, version_stage };
    let secret =
        cx.call::<ops::GetSecretValue>(As::Caller, &input).map_err(|fault| in_own_words(fault, name))?;
    let source = source_result(&secret).to_string();
    let value = secret
        .secret_string
        .ok_or_else(|| validation("The secret is binary: Parameter Store reads secrets that are text."))?;
    Ok(Shown {
        name: Some(place.name.clone()),
        r#type: Some(ParameterType::SecureString),
        value: Some(value),
        // Versions of secrets have no numbers.
        version: Some(0),
        selector: reference.selector.as_ref().map(|selector| format!(":{selector}")),
        source_result: Some(source),
        last_modified_date: secret.created_date,
        arn: Some(place.arn()),
        data_type: Some(data_types::DEFAULT.to_owned()),
    })
}

/// What Secrets Manager answered, as JSON.
fn source_result(secret: &GetSecretValueResponse) -> Value {
    let members = [
        ("ARN", secret.arn.as_ref().map(|arn| json!(arn))),
        ("Name", secret.name.as_ref().map(|name| json!(name))),
        ("VersionId", secret.version_id.as_ref().map(|id| json!(id))),
        ("SecretString", secret.secret_string.as_ref().map(|text| json!(text))),
        ("VersionStages", secret.version_stages.as_ref().map(|stages| json!(stages))),
        ("CreatedDate", secret.created_date.map(|date| json!(date.rfc3339()))),
    ];
    let members = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(members.collect::<Map<_, _>>())
}

fn in_own_words(fault: Fault, name: &str) -> Fault {
    if fault.blame() != Blame::Sender {
        return fault;
    }
    let told = match fault.code() {
        "ResourceNotFoundException" => format!(
            "An error occurred (ParameterNotFound) when referencing Secrets Manager: Secret {name} not found."
        ),
        code => {
            let message = fault.message();
            format!("An error occurred ({code}) when referencing Secrets Manager: {message}")
        }
    };
    fault.named("ParameterNotFound", &told)
}
