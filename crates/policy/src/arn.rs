//! ARN patterns: six parts matched one by one, the last of which may hold colons.
//!
//! Source: IAM User Guide, "Amazon Resource Names (ARN) condition operators" and "IAM JSON policy elements: Resource".

use std::cell::OnceCell;

use crate::context::Context;
use crate::glob::{self, BadVariable, Pattern, Syntax, Token};

/// Parts of an ARN: `arn`, partition, service, region, account, resource.
const PARTS: usize = 6;

/// An ARN in a request, split when it is first looked into. A part that is missing is empty.
#[derive(Debug)]
pub(crate) struct Arn<'a> {
    text: &'a str,
    parts: OnceCell<[&'a str; PARTS]>,
}

impl<'a> Arn<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Arn { text, parts: OnceCell::new() }
    }

    /// None if the text is `*`: the action has no resource.
    fn parts(&self) -> Option<&[&'a str; PARTS]> {
        let split = || {
            let mut parts = [""; PARTS];
            for (part, piece) in parts.iter_mut().zip(self.text.splitn(PARTS, ':')) {
                *part = piece;
            }
            parts
        };
        (self.text != "*").then(|| self.parts.get_or_init(split))
    }
}

/// A compiled ARN pattern.
#[derive(Clone, Debug)]
pub(crate) enum ArnPattern {
    /// `*`
    All,
    Parts(Box<[Pattern; PARTS]>),
    /// Too few parts for the place it stands in: matches no ARN.
    Never,
}

/// What a pattern with fewer than six parts means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// The missing parts are `*`.
    Any,
    /// The missing parts are `*` if there is a wildcard anywhere.
    AnyIfWildcard,
    /// The missing parts are `*` if the pattern ends in `*`.
    AnyIfOpen,
}

/// Why a text is not an ARN pattern.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BadArn {
    Variable,
    /// A variable before the fifth colon where none is allowed.
    VariableTooEarly,
    /// Neither `*` nor of the form `arn:…:…`.
    Form,
}

impl From<BadVariable> for BadArn {
    fn from(BadVariable: BadVariable) -> Self {
        BadArn::Variable
    }
}

impl ArnPattern {
    /// A pattern of a `Resource` or `NotResource` element: variables only in the last part.
    pub(crate) fn resource(text: &str, variables: bool, missing: Missing) -> Result<Self, BadArn> {
        let pieces = split(glob::tokens(text, Syntax { wildcards: true, variables })?);
        if let [only] = pieces.as_slice() {
            return if matches!(only.as_slice(), [Token::Run]) {
                Ok(ArnPattern::All)
            } else {
                Err(BadArn::Form)
            };
        }
        let early = pieces.iter().take(PARTS - 1).flatten();
        if early.clone().any(|token| matches!(token, Token::Variable(_))) {
            return Err(BadArn::VariableTooEarly);
        }
        let parts: Vec<Pattern> = pieces.into_iter().map(Pattern::from_tokens).collect();
        match parts.as_slice() {
            [scheme, partition, ..] if scheme.could_be("arn") && *partition != Pattern::Exact("".into()) => {}
            _ => return Err(BadArn::Form),
        }
        Ok(Self::pad(parts, text, missing))
    }

    /// A value of an `Arn…` condition operator: variables anywhere.
    pub(crate) fn condition(text: &str, variables: bool) -> Result<Self, BadArn> {
        let pieces = split(glob::tokens(text, Syntax { wildcards: true, variables })?);
        if let [only] = pieces.as_slice()
            && matches!(only.as_slice(), [Token::Run])
        {
            return Ok(ArnPattern::All);
        }
        let parts = pieces.into_iter().map(Pattern::from_tokens).collect();
        Ok(Self::pad(parts, text, Missing::AnyIfOpen))
    }

    fn pad(mut parts: Vec<Pattern>, text: &str, missing: Missing) -> Self {
        let open = match missing {
            Missing::Any => true,
            Missing::AnyIfWildcard => text.contains(['*', '?']),
            Missing::AnyIfOpen => text.ends_with('*'),
        };
        if open {
            parts.resize(PARTS, Pattern::All);
        }
        match <[Pattern; PARTS]>::try_from(parts) {
            Ok(parts) => ArnPattern::Parts(Box::new(parts)),
            Err(_) => ArnPattern::Never,
        }
    }

    /// Whether the pattern covers `arn`. A request without a resource is covered by `*` alone.
    pub(crate) fn matches(&self, arn: &Arn<'_>, context: &dyn Context) -> bool {
        match self {
            ArnPattern::All => true,
            ArnPattern::Never => false,
            // Last part first: it is the one that differs most often.
            ArnPattern::Parts(patterns) => arn.parts().is_some_and(|parts| {
                patterns.iter().zip(parts).rev().all(|(pattern, part)| pattern.matches(part, context))
            }),
        }
    }
}

/// Splits at the first five colons that are text, not part of a variable.
fn split(tokens: Vec<Token>) -> Vec<Vec<Token>> {
    let mut pieces = vec![Vec::new()];
    let mut push = |token: Token, new: bool| {
        if new {
            pieces.push(Vec::new());
        }
        if let Some(last) = pieces.last_mut()
            && token != Token::Text(String::new())
        {
            last.push(token);
        }
        pieces.len()
    };
    let mut count = 1;
    for token in tokens {
        let Token::Text(text) = token else {
            push(token, false);
            continue;
        };
        for (index, part) in text.splitn(PARTS + 1 - count, ':').enumerate() {
            count = push(Token::Text(part.to_owned()), index > 0);
        }
    }
    pieces
}

impl Pattern {
    fn could_be(&self, text: &str) -> bool {
        self.matches(text, &crate::context::NoContext)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::{NoContext, Values};

    struct Name;

    impl Context for Name {
        fn get(&self, key: &str) -> Option<Values<'_>> {
            (key == "aws:username").then_some(Values::One("a:b"))
        }
    }

    fn resource(pattern: &str, arn: &str) -> bool {
        ArnPattern::resource(pattern, true, Missing::Any).unwrap().matches(&Arn::new(arn), &Name)
    }

    #[test]
    fn resources_match_part_by_part() {
        for (pattern, arn, expected) in [
            ("*", "*", true),
            ("**", "*", true),
            ("*", "arn:aws:s3:::b", true),
            ("arn:aws:s3:::*", "*", false),
            ("arn:*", "*", false),
            ("arn:aws:s3:::b/*", "arn:aws:s3:::b/x/y", true),
            ("arn:aws:s3:::b/*", "arn:aws:s3:::B/x", false),
            ("arn:aws:s3:::*", "arn:aws:kms:r:1:key/k", false),
            ("arn:aws:kms:*:1:key/*", "arn:aws:kms:r:1:key/k", true),
            ("arn:aws:kms:*:key/*", "arn:aws:kms:r:1:key/k", false),
            ("arn:aws:kms:r*", "arn:aws:kms:r:1:key/k", true),
            ("arn:aws:kms", "arn:aws:kms:r:1:key/k", true),
            ("arn:aws:logs:r:1:log-group:*", "arn:aws:logs:r:1:log-group:g:stream", true),
            ("arn:aws:logs:r:1:log-group:g", "arn:aws:logs:r:1:log-group:g:stream", false),
            ("arn:aws:iam::1:user/${aws:username}", "arn:aws:iam::1:user/a:b", true),
            ("arn:aws:iam::1:user/${aws:none}", "arn:aws:iam::1:user/", false),
            ("arn:aws:kms:*", "arn:aws:kms", true),
            ("arn:aws:kms:*:1:*", "arn:aws:kms", false),
        ] {
            assert_eq!(resource(pattern, arn), expected, "{pattern} {arn}");
        }
    }

    #[test]
    fn what_is_no_resource() {
        for text in ["", "b", "b/*", "s3:::b", "urn:aws:s3:::b", "arn:", "arn::s3:::b", "arn"] {
            assert!(matches!(ArnPattern::resource(text, true, Missing::Any), Err(BadArn::Form)), "{text}");
        }
        let early = ArnPattern::resource("arn:aws:iam::${aws:x}:y", true, Missing::Any);
        assert!(matches!(early, Err(BadArn::VariableTooEarly)));
        let literal = ArnPattern::resource("arn:aws:iam::1:${aws:x", true, Missing::Any);
        assert!(matches!(literal, Err(BadArn::Variable)));
    }

    #[test]
    fn short_patterns() {
        let check = |text, missing| {
            let pattern = ArnPattern::resource(text, false, missing).unwrap();
            pattern.matches(&Arn::new("arn:aws:kms:r:1:key/k"), &NoContext)
        };
        assert!(check("arn:aws:kms", Missing::Any));
        assert!(!check("arn:aws:kms", Missing::AnyIfWildcard));
        assert!(check("arn:a*:kms", Missing::AnyIfWildcard));
        assert!(!check("arn:a*:kms", Missing::AnyIfOpen));
        assert!(check("arn:a*:kms*", Missing::AnyIfOpen));
    }
}
