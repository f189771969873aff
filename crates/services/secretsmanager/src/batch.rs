//! BatchGetSecretValue: many calls of GetSecretValue, each authorized and recorded as one.

use crate::SecretsManager;
use crate::api::{
    APIErrorType, BatchGetSecretValueRequest, BatchGetSecretValueResponse, GetSecretValueRequest,
    SecretValueEntry, SortByType, ops,
};
use crate::errors::invalid_parameter;
use crate::lists::Wanted;
use platform::{Access, As, Blame, Cx, Fault, Handle};

/// Secrets of a page where the request says nothing.
const PAGE: usize = 20;

impl Handle<ops::BatchGetSecretValue> for SecretsManager {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &BatchGetSecretValueRequest,
    ) -> Result<BatchGetSecretValueResponse, Fault> {
        cx.authorize(&Access::to("secretsmanager:BatchGetSecretValue", "*"))?;
        let (ids, next_token) = match (&input.secret_id_list, &input.filters) {
            (Some(_), None) if input.max_results.is_some() || input.next_token.is_some() => {
                return Err(invalid_parameter("You can only use MaxResults and NextToken with Filters."));
            }
            (Some(ids), None) => (ids.clone(), None),
            (None, Some(filters)) => {
                cx.authorize(&Access::to("secretsmanager:ListSecrets", "*"))?;
                let wanted = Wanted {
                    list: "BatchGetSecretValue",
                    filters,
                    deleted: false,
                    by: SortByType::CreatedDate,
                    descending: false,
                    size: (input.max_results, PAGE),
                    token: input.next_token.as_deref(),
                };
                let (secrets, next) = wanted.page(cx)?;
                (secrets.iter().map(|secret| secret.arn()).collect(), next)
            }
            _ => return Err(invalid_parameter("You must include Filters or SecretIdList, but not both.")),
        };
        let (mut values, mut errors) = (Vec::new(), Vec::new());
        for secret_id in ids {
            match get(cx, &secret_id) {
                Ok(value) => values.push(value),
                Err(fault) if matches!(fault.blame(), Blame::Sender | Blame::Denied) => {
                    let code = if fault.blame() == Blame::Denied { DENIED } else { fault.code() };
                    errors.push(APIErrorType {
                        secret_id: Some(secret_id),
                        error_code: Some(code.to_owned()),
                        message: Some(fault.message().to_owned()),
                    });
                }
                Err(fault) => return Err(fault),
            }
        }
        Ok(BatchGetSecretValueResponse { secret_values: Some(values), next_token, errors: Some(errors) })
    }
}

/// The code of a denial in the list of errors, which is no error of the call itself.
const DENIED: &str = "AccessDeniedException";

fn get(cx: &mut Cx<'_>, secret_id: &str) -> Result<SecretValueEntry, Fault> {
    let input = GetSecretValueRequest { secret_id: secret_id.to_owned(), ..GetSecretValueRequest::default() };
    let got = cx.call::<ops::GetSecretValue>(As::Part, &input)?;
    Ok(SecretValueEntry {
        arn: got.arn,
        name: got.name,
        version_id: got.version_id,
        secret_binary: got.secret_binary,
        secret_string: got.secret_string,
        version_stages: got.version_stages,
        created_date: got.created_date,
    })
}
