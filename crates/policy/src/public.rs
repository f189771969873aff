//! Public access: whether a resource policy lets in callers whom nobody chose (what AWS calls public or broad access).
//!
//! The answer errs towards public. A statement that allows everybody counts, unless one of its conditions holds callers to accounts,
//! organizations, principals or networks that the policy names. Statements that deny are not weighed against it.
//!
//! Source: Amazon S3 User Guide, "The meaning of public", whose fixed values and ranges these are; Secrets Manager API Reference,
//! `PutResourcePolicy`.

use crate::condition::Condition;
use crate::document::Policy;
use crate::statement::{Effect, Statement};

/// Condition keys whose values say who a caller is or where it calls from; folded.
const KEYS: [&str; 13] = [
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceip",
    "aws:sourceorgid",
    "aws:sourceorgpaths",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:userid",
    "kms:calleraccount",
];

impl Policy {
    /// Whether the policy of a resource allows something to callers whom it does not name.
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.statements().iter().any(is_public)
    }
}

fn is_public(statement: &Statement) -> bool {
    statement.effect == Effect::Allow
        && statement.principals.as_ref().is_some_and(crate::principal::Principals::is_wide)
        && !statement.conditions.iter().any(narrows)
}

fn narrows(condition: &Condition) -> bool {
    KEYS.contains(&condition.key()) && condition.names_values()
}

#[cfg(test)]
mod tests {
    use crate::{Policy, PolicyKind};

    fn is_public(principal: &str, condition: &str) -> bool {
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow",{principal},"Action":"*","Resource":"*","Condition":{{{condition}}}}}]}}"#
        );
        Policy::parse(&text, PolicyKind::Resource).unwrap().is_public()
    }

    #[test]
    fn principals() {
        for (principal, expected) in [
            (r#""Principal":"*""#, true),
            (r#""Principal":{"AWS":"*"}"#, true),
            (r#""Principal":{"AWS":["111122223333","*"]}"#, true),
            (r#""NotPrincipal":{"AWS":"111122223333"}"#, true),
            (r#""Principal":{"AWS":"111122223333"}"#, false),
            (r#""Principal":{"AWS":"arn:aws:iam::111122223333:role/r"}"#, false),
            (r#""Principal":{"Service":"events.amazonaws.com"}"#, false),
        ] {
            assert_eq!(is_public(principal, ""), expected, "{principal}");
        }
    }

    #[test]
    fn conditions() {
        let narrow = [
            r#""StringEquals":{"aws:PrincipalAccount":"111122223333"}"#,
            r#""StringEquals":{"AWS:PrincipalOrgID":["o-abcdefghij","o-abcdefghik"]}"#,
            r#""StringLike":{"aws:PrincipalOrgPaths":"o-abcdefghij/r-ab12/*"}"#,
            r#""ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-abcdefghij/*"}"#,
            r#""StringLike":{"aws:userid":"AROAABCDEFGHIJKLMNOP:*"}"#,
            r#""StringLike":{"aws:PrincipalArn":"arn:aws:iam::111122223333:role/*"}"#,
            r#""ArnLike":{"aws:PrincipalArn":"arn:aws:iam::111122223333:*"}"#,
            r#""ArnEquals":{"aws:SourceArn":"arn:aws:s3:::bucket"}"#,
            r#""IpAddress":{"aws:SourceIp":["192.0.2.0/24","2001:db8::/32"]}"#,
            r#""StringEquals":{"aws:SourceVpce":"vpce-1"},"Bool":{"aws:SecureTransport":"true"}"#,
        ];
        let wide = [
            "",
            r#""Bool":{"aws:SecureTransport":"true"}"#,
            r#""StringEquals":{"aws:PrincipalTag/team":"red"}"#,
            r#""StringNotEquals":{"aws:PrincipalAccount":"111122223333"}"#,
            r#""StringEqualsIfExists":{"aws:PrincipalAccount":"111122223333"}"#,
            r#""ForAllValues:StringEquals":{"aws:PrincipalAccount":"111122223333"}"#,
            r#""StringLike":{"aws:PrincipalAccount":"*"}"#,
            r#""StringLike":{"aws:PrincipalAccount":"1*"}"#,
            r#""StringEquals":{"aws:PrincipalAccount":"${aws:PrincipalAccount}"}"#,
            r#""StringEquals":{"aws:PrincipalAccount":["111122223333","${aws:PrincipalAccount}"]}"#,
            r#""StringLike":{"aws:PrincipalOrgID":"o-*"}"#,
            r#""StringLike":{"aws:PrincipalOrgPaths":"o-*"}"#,
            r#""StringLike":{"aws:userid":"AROA*"}"#,
            r#""StringLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/admin"}"#,
            r#""StringLike":{"aws:PrincipalArn":"*"}"#,
            r#""ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/admin"}"#,
            r#""ArnLike":{"aws:SourceArn":"arn:aws:s3:::*"}"#,
            r#""ArnLike":{"aws:SourceArn":"*"}"#,
            r#""IpAddress":{"aws:SourceIp":"0.0.0.0/0"}"#,
            r#""IpAddress":{"aws:SourceIp":["192.0.2.0/24","0.0.0.0/1"]}"#,
            r#""IpAddress":{"aws:SourceIp":"::/0"}"#,
            r#""NotIpAddress":{"aws:SourceIp":"192.0.2.0/24"}"#,
            r#""Null":{"aws:PrincipalAccount":"false"}"#,
        ];
        for condition in narrow {
            assert!(!is_public(r#""Principal":"*""#, condition), "{condition}");
        }
        for condition in wide {
            assert!(is_public(r#""Principal":"*""#, condition), "{condition}");
        }
    }

    #[test]
    fn one_statement_is_enough() {
        let text = r#"{"Version":"2012-10-17","Statement":[
            {"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"},
            {"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"*","Resource":"*"}]}"#;
        assert!(!Policy::parse(text, PolicyKind::Resource).unwrap().is_public());
        let text = text.replace(r#"{"AWS":"111122223333"}"#, r#""*""#);
        assert!(Policy::parse(&text, PolicyKind::Resource).unwrap().is_public());
    }
}
