//! What is wrong, useless or dangerous in a policy document, found without asking anybody.
//!
//! A rule is an entry of [`RULES`]: code, level, what it is about, a document that has the fault and one that has not, and the
//! function that finds it. Codes are stable; where IAM Access Analyzer has the same finding the code is its. The page
//! `docs/policy-lint.md` is made from the entries.

mod keys;
mod names;
mod rules;
mod subject;

pub use keys::unknown as unknown_key;
pub use names::Vocabulary;
pub use rules::RULES;

use crate::admit::admit;
use crate::document::{PolicyKind, Version};
use crate::meter::{LINT_STEPS_MAX, Meter};
use crate::source::Source;
use serde::Serialize;
use std::fmt::Write as _;
use subject::Subject;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// The document is refused, or does not do what it says.
    Error,
    /// It gives more than is wise, or less than it seems to.
    Warning,
    /// It could be better.
    Suggestion,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The rule's code.
    pub code: &'static str,
    /// How much it matters.
    pub level: Level,
    /// What is found, and what to do.
    pub message: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

/// A rule.
pub struct Rule {
    /// Its code.
    pub code: &'static str,
    /// How much its findings matter.
    pub level: Level,
    /// What it is about: Markdown, whole sentences.
    pub doc: &'static str,
    /// A document that has the fault.
    pub bad: Example,
    /// A document that has not.
    pub good: Example,
    check: fn(&Subject<'_>, &mut Vec<Fault>),
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rule").field("code", &self.code).field("level", &self.level).finish_non_exhaustive()
    }
}

/// A document that shows what a rule is about.
#[derive(Clone, Copy, Debug)]
pub struct Example {
    /// What the document is for.
    pub kind: PolicyKind,
    /// Its text.
    pub text: &'static str,
}

/// What a rule finds: where in the document, in bytes, and in which words.
struct Fault {
    offset: usize,
    message: String,
}

/// Everything that the rules find in a document, in its order.
#[must_use]
pub fn lint(text: &str, kind: PolicyKind, vocabulary: &Vocabulary) -> Vec<Finding> {
    let source = Source::read(text);
    let empty;
    let (source, syntax) = match source {
        Ok(source) => (source, None),
        Err(error) => {
            empty = Source::nothing();
            (empty, Some(error.0))
        }
    };
    let refused = admit(text, kind, Version::V2008).err();
    let refused = refused.as_ref();
    let meter = Meter::new(LINT_STEPS_MAX);
    let subject = Subject { text, kind, source: &source, refused, vocabulary, syntax, meter: &meter };
    let mut found = Vec::new();
    for rule in RULES {
        let mut faults = Vec::new();
        (rule.check)(&subject, &mut faults);
        found.extend(faults.into_iter().map(|fault| (fault.offset, rule, fault.message)));
    }
    found.sort_by_key(|(offset, rule, _)| (*offset, rule.level));
    let finding = |(offset, rule, message): (usize, &Rule, String)| {
        let (line, column) = position(text, offset);
        Finding { code: rule.code, level: rule.level, message, line, column }
    };
    found.into_iter().map(finding).collect()
}

/// What a document is for, by its looks. Boundaries and session policies look like identity policies.
#[must_use]
pub fn guess_kind(text: &str) -> PolicyKind {
    let Ok(source) = Source::read(text) else { return PolicyKind::Identity };
    let (mut owned, mut sts, mut kms, mut resources) = (false, true, false, false);
    for statement in source.statements() {
        owned |= statement.principals().is_some();
        resources |= statement.resources().is_some();
        let actions = statement.actions().map(|actions| actions.texts()).unwrap_or_default();
        let begins = |action: &String, prefix: &str| action.to_ascii_lowercase().starts_with(prefix);
        sts &= actions.iter().all(|action| begins(action, "sts:"));
        kms |= actions.iter().any(|action| begins(action, "kms:"));
    }
    match owned {
        false => PolicyKind::Identity,
        true if sts && !resources => PolicyKind::Trust,
        true if kms => PolicyKind::Key,
        true => PolicyKind::Resource,
    }
}

/// Line and column of a byte, both from 1.
#[must_use]
pub fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..text.floor_char_boundary(offset)).unwrap_or(text);
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    (line, before.get(start..).unwrap_or_default().chars().count() + 1)
}

/// The page about all rules, as Markdown.
#[must_use]
pub fn page() -> String {
    let mut out = String::from(PAGE_HEAD);
    for level in [Level::Error, Level::Warning, Level::Suggestion] {
        let title = match level {
            Level::Error => "Errors",
            Level::Warning => "Warnings",
            Level::Suggestion => "Suggestions",
        };
        let _ = write!(out, "\n## {title}\n");
        for rule in RULES.iter().filter(|rule| rule.level == level) {
            let _ = write!(
                out,
                "\n### {}\n\n{}\n\n```json\n{}\n```\n\nInstead:\n\n```json\n{}\n```\n",
                rule.code, rule.doc, rule.bad.text, rule.good.text
            );
        }
    }
    out
}

const PAGE_HEAD: &str = "\
# Policy lint

`fastness policy lint FILE…` reads policy documents (JSON) and tells what is wrong, useless or dangerous in them. It needs no
server. Each finding has a place, a level and a stable code:

    policy.json:4:17: error INVALID_ACTION: …

`--kind identity|resource|key|trust|boundary|session` says what a document is for; without it that is told from its looks
(boundaries and session policies look like identity policies). `--json` prints the findings as JSON. The exit code is 2 if there
are errors or a file cannot be read (standard error tells which; the others are judged all the same), 1 if there are warnings and
nothing worse, and 0 otherwise; suggestions do not count.

Actions and condition keys are judged for the services that Fastness knows the models of (`fastness coverage` lists them) and for
the global keys; those of other services are taken as they are.

This page is made from the rules themselves; a test keeps it so.
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Policy;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn vocabulary() -> Vocabulary {
        Vocabulary::new([
            (
                "kms",
                vec![
                    "CreateAlias",
                    "CreateKey",
                    "Decrypt",
                    "DescribeKey",
                    "Encrypt",
                    "ListKeys",
                    "ReEncrypt",
                ],
            ),
            ("iam", vec!["CreateUser", "GetUser", "ListUsers"]),
            ("sts", vec!["AssumeRole", "GetCallerIdentity"]),
        ])
    }

    fn codes(example: &Example) -> Vec<&'static str> {
        lint(example.text, example.kind, &vocabulary()).iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn each_rule_finds_its_fault_and_nothing_in_what_is_good() {
        for rule in RULES {
            assert!(
                codes(&rule.bad).contains(&rule.code),
                "{} misses its fault: {:?}",
                rule.code,
                codes(&rule.bad)
            );
            assert_eq!(codes(&rule.good), [""; 0], "{}: its good example has faults", rule.code);
            assert!(rule.doc.ends_with('.'), "{}", rule.code);
        }
        let unique: BTreeSet<_> = RULES.iter().map(|rule| rule.code).collect();
        assert_eq!(unique.len(), RULES.len());
    }

    #[test]
    fn the_page_is_that_of_the_rules() {
        expect_test::expect_file!["../../../docs/policy-lint.md"].assert_eq(&page());
    }

    #[test]
    fn findings_have_places_and_suggest_what_was_meant() {
        let text = "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [{\n    \"Effect\": \"Allow\",\n    \"Action\": [\"kms:Encrypt\", \"kms:Decript\"],\n    \"Resource\": \"arn:aws:kms:*:111122223333:key/k\",\n    \"Condition\": {\"StringEquals\": {\"kms:ViaServise\": \"s3\"}}\n  }]\n}";
        let found = lint(text, PolicyKind::Identity, &vocabulary());
        let shown: Vec<String> = found
            .iter()
            .map(|finding| {
                format!("{}:{} {} {}", finding.line, finding.column, finding.code, finding.message)
            })
            .collect();
        assert_eq!(
            shown,
            [
                "5:31 INVALID_ACTION kms has no action Decript; did you mean kms:Decrypt?",
                "7:54 INVALID_SERVICE_CONDITION_KEY kms has no condition key kms:ViaServise; did you mean kms:ViaService?",
            ]
        );
        let broken = lint("{\n \"Version\": }", PolicyKind::Identity, &vocabulary());
        assert_eq!((broken[0].code, broken[0].line, broken[0].column), ("SYNTAX_ERROR", 2, 13));
    }

    /// The codes and messages of what is found in one statement of an identity policy.
    fn told(statement: &str) -> Vec<String> {
        let text = format!(r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow",{statement}}}}}"#);
        let found = lint(&text, PolicyKind::Identity, &vocabulary());
        found.into_iter().map(|finding| format!("{} {}", finding.code, finding.message)).collect()
    }

    #[test]
    fn variables_are_named_by_condition_keys() {
        let user = |variable: &str| {
            told(&format!(r#""Action":"iam:GetUser","Resource":"arn:aws:iam::111122223333:user/{variable}""#))
        };
        let whose = |condition: &str| {
            told(&format!(r#""Action":"iam:GetUser","Resource":"*","Condition":{{{condition}}}"#))
        };
        for known in [
            "${aws:username}",
            "${AWS:UserName}",
            "${aws:PrincipalTag/team, 'none'}",
            "${*}",
            "${saml:sub}",
            "${s3:prefix}",
        ] {
            assert_eq!(user(known), [""; 0], "{known}");
        }
        assert_eq!(
            user("${aws:usernme}"),
            ["UNKNOWN_POLICY_VARIABLE there is no condition key aws:usernme; did you mean aws:username?"]
        );
        assert_eq!(user("${username}"), ["UNKNOWN_POLICY_VARIABLE there is no condition key username"]);
        assert_eq!(
            whose(r#""StringLike":{"aws:PrincipalTag/team":"${aws:PrincipalTg/team}-*"}"#),
            [
                "UNKNOWN_POLICY_VARIABLE there is no condition key aws:principaltg/team; did you mean aws:PrincipalTag/team?"
            ]
        );
        assert_eq!(whose(r#""Bool":{"aws:SecureTransport":"true"}"#), [""; 0]);
    }

    #[test]
    fn aliases_are_resources_of_what_is_done_to_aliases() {
        let key = "arn:aws:kms:*:111122223333:key/k";
        let alias = "arn:aws:kms:*:111122223333:alias/a";
        let on = |actions: &str, resources: &[&str]| {
            told(&format!(r#""Action":[{actions}],"Resource":{resources:?}"#))
        };
        for (actions, resources) in [
            (r#""kms:Encrypt""#, &[key][..]),
            (r#""kms:CreateAlias""#, &[alias]),
            (r#""kms:*Alias","kms:Encrypt""#, &[key, alias]),
            (r#""kms:*""#, &[alias]),
        ] {
            assert_eq!(on(actions, resources), [""; 0], "{actions} {resources:?}");
        }
        let no_key =
            format!("ALIAS_IS_NO_RESOURCE {alias} matches no key: name the key, or ask for kms:RequestAlias");
        assert_eq!(on(r#""kms:Encrypt""#, &[alias, key]), [no_key.as_str()]);
        assert_eq!(on(r#""kms:Enc*","kms:DescribeKey""#, &[alias]), [no_key.as_str()]);
        assert_eq!(
            on(r#""kms:CreateAlias","kms:Encrypt""#, &[alias]),
            ["ALIAS_IS_NO_RESOURCE kms:Encrypt is on keys, which aliases do not match: name the key"]
        );
    }

    #[test]
    fn kinds_are_guessed() {
        for rule in RULES {
            if rule.good.kind != PolicyKind::Session && rule.good.kind != PolicyKind::Boundary {
                assert_eq!(guess_kind(rule.good.text), rule.good.kind, "{}", rule.code);
            }
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text in any::<String>(), rule in 0..RULES.len(), at in any::<prop::sample::Index>(), with in "[\\[\\]{}\":,*$a]{0,2}") {
            let mut broken = RULES[rule].bad.text.to_owned();
            let at = at.index(broken.len());
            if broken.is_char_boundary(at) && broken.is_char_boundary(at + 1) {
                broken.replace_range(at..at + 1, &with);
            }
            for text in [&text, &broken] {
                let found = lint(text, guess_kind(text), &vocabulary());
                prop_assert!(found.iter().all(|finding| finding.line >= 1 && finding.column >= 1));
                if Policy::parse(text, guess_kind(text)).is_err() {
                    prop_assert!(found.iter().any(|finding| finding.level == Level::Error), "{}", text);
                }
            }
        }
    }
}
