//! Why a call was denied, for those who may know.

use crate::Sts;
use crate::api::{DecodeAuthorizationMessageRequest, DecodeAuthorizationMessageResponse, ops};
use platform::{Access, Cx, Denial, Fault, Handle};
use policy::Explanation;
use policy::explain::Outcome;
use serde_json::{Map, Value, json};

impl Handle<ops::DecodeAuthorizationMessage> for Sts {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &DecodeAuthorizationMessageRequest,
    ) -> Result<DecodeAuthorizationMessageResponse, Fault> {
        cx.authorize(&Access::to("sts:DecodeAuthorizationMessage", "*"))?;
        let (keyring, account) = (cx.keyring(), cx.account());
        let denial = Denial::decode(&mut cx.tx, keyring, &input.encoded_message)?;
        // A message of another account's caller is none.
        let denial = denial
            .filter(|denial| denial.account == account)
            .ok_or_else(|| Fault::new("InvalidAuthorizationMessageException", "Message is not valid"))?;
        Ok(DecodeAuthorizationMessageResponse {
            decoded_message: Some(decoded(denial.for_account()).to_string()),
        })
    }
}

/// The message in the form that AWS documents (IAM User Guide, "Use DecodeAuthorizationMessage with a CLI"), with the whole
/// explanation beside it.
fn decoded(denial: Denial) -> Value {
    let explicit = denial.explanation.decision == Outcome::ExplicitDeny;
    let conditions = denial.conditions.iter().map(|(key, values)| condition(key, values));
    json!({
        "allowed": false,
        "explicitDeny": explicit,
        "matchedStatements": items(matched(&denial.explanation, &denial.principal_id)),
        "failures": items([]),
        "context": {
            "principal": {"id": denial.principal_id, "arn": denial.principal},
            "action": denial.action,
            "resource": denial.resource,
            "conditions": items(conditions),
        },
        "explanation": denial.explanation,
    })
}

fn items(items: impl IntoIterator<Item = Value>) -> Value {
    json!({ "items": items.into_iter().collect::<Vec<_>>() })
}

fn values<'v>(values: impl IntoIterator<Item = &'v String>) -> Value {
    items(values.into_iter().map(|value| json!({ "value": value })))
}

fn condition<'v>(key: &str, of: impl IntoIterator<Item = &'v String>) -> Value {
    json!({ "key": key, "values": values(of) })
}

/// The statement that denied the request, as AWS takes it apart.
fn matched(explanation: &Explanation, principal_id: &str) -> Option<Value> {
    let found = explanation.statement.as_ref()?;
    let written: Map<String, Value> = serde_json::from_str(&found.text).unwrap_or_default();
    let texts = |value: Option<&Value>| -> Vec<String> {
        let one = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        match value {
            None => Vec::new(),
            Some(Value::Array(list)) => list.iter().map(one).collect(),
            Some(value) => vec![one(value)],
        }
    };
    let tested = written.get("Condition").and_then(Value::as_object);
    let keys = tested.into_iter().flat_map(Map::values).filter_map(Value::as_object).flatten();
    // The caller by its own id, without the name of a session.
    let id = principal_id.split(':').next().unwrap_or_default().to_owned();
    Some(json!({
        "statementId": found.sid.as_deref().unwrap_or_default(),
        "effect": "DENY",
        "principals": values([&id]),
        "principalGroups": items([]),
        "actions": values(&texts(written.get("Action"))),
        "resources": values(&texts(written.get("Resource"))),
        "conditions": items(keys.map(|(key, of)| condition(key, &texts(Some(of))))),
    }))
}
