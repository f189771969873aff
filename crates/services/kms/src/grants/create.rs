//! CreateGrant.

use super::held::{Delegation, named};
use super::party::Party;
use super::{Asked, Constraints, GRANTS, Grant, count, token};
use crate::Kms;
use crate::api::{
    CreateGrantRequest, CreateGrantResponse, GrantConstraints, GrantOperation, KeySpec, KeyUsageType, ops,
};
use crate::authorize::Use;
use crate::context::Pairs;
use crate::errors::{dry_run, limit_exceeded, validation};
use crate::key::Key;
use crate::limits::{CONSTRAINT_CHARS, CONSTRAINT_PAIRS, GRANTS_PER_KEY};
use crate::names::{Takes, find};
use crate::state;
use crate::text::Text;
use platform::{Cx, Fault, Handle};

impl Handle<ops::CreateGrant> for Kms {
    fn handle(&self, cx: &mut Cx<'_>, input: &CreateGrantRequest) -> Result<CreateGrantResponse, Fault> {
        check_parties(input)?;
        let constraints = constraints(input.constraints.as_ref())?;
        super::check_tokens(cx, input.grant_tokens.as_deref())?;
        let found = find(cx, "kms:CreateGrant", &input.key_id, Takes::Keys)?;
        let key = &found.key;
        let delegation = Delegation { operations: &input.operations, constraints: &constraints };
        let mut asks = Use::of(&found, "kms:CreateGrant")
            .across_accounts()
            .or_grant_for(Asked::Delegation(delegation))
            .with_context(constraints.pairs())
            .with("kms:GrantIsForAWSResource", super::is_for_service(cx))
            .with_all("kms:GrantOperations", input.operations.iter().map(ToString::to_string).collect());
        for (condition, given) in [
            ("kms:GranteePrincipal", &input.grantee_principal),
            ("kms:GranteeServicePrincipal", &input.grantee_service_principal),
            ("kms:RetiringPrincipal", &input.retiring_principal),
            ("kms:RetiringServicePrincipal", &input.retiring_service_principal),
        ] {
            if let Some(given) = given {
                asks = asks.with(condition, given.as_str());
            }
        }
        constraints.told(asks).authorize(cx)?;
        state::GRANT.require(key)?;
        let operations = operations(key, &input.operations)?;
        let grant = Grant {
            id: new_id(cx),
            key_arn: key.arn.clone(),
            name: input.name.clone(),
            created: cx.now().0,
            grantee: party(cx, &input.grantee_principal, &input.grantee_service_principal)?
                .ok_or_else(|| validation(ONE_GRANTEE))?,
            retiring: party(cx, &input.retiring_principal, &input.retiring_service_principal)?,
            issuer: cx.account().to_owned(),
            operations,
            constraints,
        };
        let grant_id = match same(cx, key, &grant)? {
            Some(id) => id,
            None => {
                if !count::add(cx, key)? {
                    return Err(limit_exceeded(format!(
                        "{} already has {GRANTS_PER_KEY} grants, which is the most.",
                        key.arn
                    )));
                }
                grant.put(cx, key)?;
                grant.id
            }
        };
        if input.dry_run == Some(true) {
            return Err(dry_run());
        }
        Ok(CreateGrantResponse {
            grant_token: Some(token::make(cx, key, &grant_id)?),
            grant_id: Some(grant_id),
        })
    }
}

const ONE_GRANTEE: &str =
    "You must specify either GranteePrincipal or GranteeServicePrincipal, but not both.";

/// Which principals may stand together (API Reference, CreateGrant, `GranteeServicePrincipal`).
fn check_parties(input: &CreateGrantRequest) -> Result<(), Fault> {
    let retiring = (input.retiring_principal.is_some(), input.retiring_service_principal.is_some());
    let source_arn = input.constraints.as_ref().is_some_and(|constraints| constraints.source_arn.is_some());
    let message = match (&input.grantee_principal, &input.grantee_service_principal) {
        (None, None) | (Some(_), Some(_)) => ONE_GRANTEE,
        _ if retiring == (true, true) => {
            "You can specify either RetiringPrincipal or RetiringServicePrincipal, but not both."
        }
        (None, Some(_)) if !source_arn => {
            "You must specify a SourceArn grant constraint when you specify GranteeServicePrincipal."
        }
        (None, Some(_)) if retiring == (false, false) => {
            "You must specify either RetiringPrincipal or RetiringServicePrincipal when you specify GranteeServicePrincipal."
        }
        _ => return Ok(()),
    };
    Err(validation(message))
}

fn party(
    cx: &mut Cx<'_>,
    principal: &Option<String>,
    service: &Option<String>,
) -> Result<Option<Party>, Fault> {
    match (principal, service) {
        (Some(text), _) => Party::find(cx, text).map(Some),
        (None, Some(name)) => Ok(Some(Party::service(name))),
        (None, None) => Ok(None),
    }
}

fn constraints(input: Option<&GrantConstraints>) -> Result<Constraints, Fault> {
    let Some(input) = input else { return Ok(Constraints::default()) };
    let given = |pairs: &Option<Pairs>| pairs.clone().filter(|pairs| !pairs.is_empty());
    let constraints = Constraints {
        equals: given(&input.encryption_context_equals),
        subset: given(&input.encryption_context_subset),
        source_arn: input.source_arn.clone(),
    };
    if constraints.equals.is_some() && constraints.subset.is_some() {
        return Err(validation(
            "A grant can have either the EncryptionContextEquals or the EncryptionContextSubset constraint, but not both.",
        ));
    }
    for pairs in constraints.equals.iter().chain(&constraints.subset) {
        let too_long = |text: &String| text.chars().count() > CONSTRAINT_CHARS;
        if pairs.len() > CONSTRAINT_PAIRS || pairs.iter().any(|(key, value)| too_long(key) || too_long(value))
        {
            return Err(validation(format!(
                "A grant constraint can have at most {CONSTRAINT_PAIRS} encryption context pairs, whose keys and values have at \
                 most {CONSTRAINT_CHARS} characters."
            )));
        }
    }
    Ok(constraints)
}

/// The operations, each once and in the order of the model, if the key has all of them.
fn operations(key: &Key, asked: &[GrantOperation]) -> Result<Vec<Text<GrantOperation>>, Fault> {
    if asked.is_empty() {
        return Err(validation("A grant must permit at least one operation."));
    }
    if let Some(other) = asked.iter().find(|operation| !supports(key, **operation)) {
        return Err(validation(format!(
            "Grant operation {other} is not supported on a KMS key with key spec {} and key usage {}.",
            key.spec.0, key.usage.0
        )));
    }
    Ok(GrantOperation::ALL.iter().filter(|of| asked.contains(of)).map(|of| Text(*of)).collect())
}

/// Whether a key of this kind has the operation (KMS Developer Guide, "Grant operations").
fn supports(key: &Key, operation: GrantOperation) -> bool {
    use GrantOperation as Op;
    match operation {
        Op::CreateGrant | Op::DescribeKey | Op::RetireGrant => true,
        Op::Encrypt | Op::Decrypt | Op::ReEncryptFrom | Op::ReEncryptTo => {
            key.usage.0 == KeyUsageType::EncryptDecrypt
        }
        Op::GenerateDataKey
        | Op::GenerateDataKeyWithoutPlaintext
        | Op::GenerateDataKeyPair
        | Op::GenerateDataKeyPairWithoutPlaintext => key.spec.0 == KeySpec::SymmetricDefault,
        Op::Sign | Op::Verify => key.usage.0 == KeyUsageType::SignVerify,
        Op::GetPublicKey => key.is_pair(),
        Op::GenerateMac | Op::VerifyMac => key.usage.0 == KeyUsageType::GenerateVerifyMac,
        Op::DeriveSharedSecret => key.usage.0 == KeyUsageType::KeyAgreement,
        Op::Encapsulate | Op::Decapsulate => key.usage.0 == KeyUsageType::EncapsulateDecapsulate,
    }
}

/// A grant that is the same in all but id and time and has the same name: asking again for it makes no other.
fn same(cx: &mut Cx<'_>, key: &Key, grant: &Grant) -> Result<Option<String>, Fault> {
    let Some(name) = &grant.name else { return Ok(None) };
    for id in named(cx, key, &grant.grantee.id, name)? {
        let path = [key.account.as_str(), &key.region, &key.id, &id];
        if let Some(other) = GRANTS.get(&mut cx.tx, &path)? {
            let alike = Grant { id: grant.id.clone(), created: grant.created, ..(*other).clone() };
            if alike == *grant {
                return Ok(Some(id));
            }
        }
    }
    Ok(None)
}

fn new_id(cx: &Cx<'_>) -> String {
    let mut bytes = [0; 32];
    cx.random().fill(&mut bytes);
    hex::encode(bytes)
}
