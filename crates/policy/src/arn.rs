//! ARN patterns: six parts matched one by one, the last of which may hold colons.
//!
//! Source: IAM User Guide, "Amazon Resource Names (ARN) condition operators" and "IAM JSON policy elements: Resource".

use std::cell::OnceCell;

use crate::context::NoContext;
use crate::glob::{self, Pattern, Scope, Syntax, Token, Unset};
use crate::meter::Meter;
use crate::truth::Truth;
use crate::variable::BadVariable;

/// Parts of an ARN: `arn`, partition, service, region, account, resource.
const PARTS: usize = 6;

/// An ARN in a request, split when it is first looked into. A part that is missing is empty.
#[derive(Debug)]
pub(crate) struct Arn<'a> {
    text: &'a str,
    /// The action has no resource.
    nothing: bool,
    parts: OnceCell<Parts<'a>>,
}

#[derive(Debug)]
struct Parts<'a> {
    parts: [&'a str; PARTS],
    /// It is `arn:` with six parts.
    whole: bool,
}

impl<'a> Arn<'a> {
    /// The resource of a request, `*` where the action has none.
    pub(crate) fn resource(text: &'a str) -> Self {
        Arn { text, nothing: text == "*", parts: OnceCell::new() }
    }

    /// The value of a condition key.
    pub(crate) fn value(text: &'a str) -> Self {
        Arn { text, nothing: false, parts: OnceCell::new() }
    }

    fn parts(&self) -> &Parts<'a> {
        self.parts.get_or_init(|| {
            let mut parts = [""; PARTS];
            let mut count = 0;
            for (part, piece) in parts.iter_mut().zip(self.text.splitn(PARTS, ':')) {
                *part = piece;
                count += 1;
            }
            Parts { parts, whole: count == PARTS && self.text.starts_with("arn:") }
        })
    }
}

/// A compiled ARN pattern.
#[derive(Clone, Debug)]
pub(crate) enum ArnPattern {
    /// `*`
    All,
    Parts(Box<[Pattern; PARTS]>),
    /// Too few parts for the place it stands in: in doubt of what it matches with `*` for those that are missing.
    Short(Box<[Pattern; PARTS]>),
    /// One that a variable begins, whose value has the first parts: matched as one text.
    Text(Pattern),
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
        if matches!(pieces.first().map(Vec::as_slice), Some([Token::Variable(_), ..])) {
            return Ok(ArnPattern::Text(Pattern::parse(text, Syntax { wildcards: true, variables })?));
        }
        let parts = pieces.into_iter().map(Pattern::from_tokens).collect();
        Ok(Self::pad(parts, text, Missing::AnyIfOpen))
    }

    fn pad(parts: Vec<Pattern>, text: &str, missing: Missing) -> Self {
        let open = match missing {
            Missing::Any => true,
            Missing::AnyIfWildcard => text.contains(['*', '?']),
            Missing::AnyIfOpen => text.ends_with('*'),
        };
        let short = parts.len() < PARTS && !open;
        let mut parts = parts.into_iter();
        let parts = Box::new(std::array::from_fn(|_| parts.next().unwrap_or(Pattern::All)));
        if short { ArnPattern::Short(parts) } else { ArnPattern::Parts(parts) }
    }

    /// Whether the pattern stands for one ARN, or for those of one account.
    pub(crate) fn is_named(&self) -> bool {
        match self {
            ArnPattern::All => false,
            ArnPattern::Text(pattern) => pattern.is_named(),
            ArnPattern::Parts(parts) | ArnPattern::Short(parts) => {
                let account = parts.get(4).and_then(Pattern::literal);
                account.is_some_and(|account| !account.is_empty())
                    || parts.iter().all(|part| part.literal().is_some())
            }
        }
    }

    /// Whether the pattern covers `arn`. A request without a resource is covered by `*` alone; what is no ARN, and not covered, is in
    /// doubt.
    pub(crate) fn matches(&self, arn: &Arn<'_>, scope: &Scope<'_>) -> Truth {
        let patterns = match self {
            ArnPattern::All => return Truth::True,
            ArnPattern::Text(pattern) => return pattern.matches(arn.text, scope),
            ArnPattern::Parts(_) | ArnPattern::Short(_) if arn.nothing => return Truth::False,
            ArnPattern::Parts(patterns) | ArnPattern::Short(patterns) => patterns,
        };
        let Parts { parts, whole } = arn.parts();
        // Last part first: it is the one that differs most often.
        let pairs = patterns.iter().zip(parts).rev();
        match (self, Truth::all(pairs, |(pattern, part)| pattern.matches(part, scope))) {
            (ArnPattern::Short(_), Truth::True) => Truth::Doubt,
            (_, Truth::False) if !whole => Truth::Doubt,
            (_, found) => found,
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
        let meter = Meter::new(usize::MAX);
        let scope = Scope { context: &NoContext, meter: &meter, unset: Unset::Nothing };
        self.matches(text, &scope) == Truth::True
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::{Context, Values};

    struct Name;

    impl Context for Name {
        fn get(&self, key: &str) -> Option<Values<'_>> {
            (key == "aws:username").then_some(Values::One("a:b"))
        }
    }

    fn resource(pattern: &str, arn: &str, missing: Missing) -> Truth {
        let meter = Meter::new(1 << 20);
        let scope = Scope { context: &Name, meter: &meter, unset: Unset::InDoubt };
        ArnPattern::resource(pattern, true, missing).unwrap().matches(&Arn::resource(arn), &scope)
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
            ("arn:aws:kms:*", "arn:aws:kms", true),
        ] {
            assert_eq!(resource(pattern, arn, Missing::Any), Truth::from(expected), "{pattern} {arn}");
        }
        for (pattern, arn, expected) in [
            ("arn:aws:iam::1:user/${aws:none}", "arn:aws:iam::1:user/", Truth::Doubt),
            ("arn:aws:iam::1:user/${aws:none}", "arn:aws:iam::2:user/", Truth::False),
            ("arn:aws:kms:*:1:*", "arn:aws:kms", Truth::Doubt),
            ("arn:aws:kms:*:1:*", "x", Truth::Doubt),
        ] {
            assert_eq!(resource(pattern, arn, Missing::Any), expected, "{pattern} {arn}");
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
        let check = |text, missing| resource(text, "arn:aws:kms:r:1:key/k", missing);
        assert_eq!(check("arn:aws:kms", Missing::Any), Truth::True);
        assert_eq!(check("arn:aws:kms", Missing::AnyIfWildcard), Truth::Doubt);
        assert_eq!(check("arn:aws:s3", Missing::AnyIfWildcard), Truth::False);
        assert_eq!(check("arn:a*:kms", Missing::AnyIfWildcard), Truth::True);
        assert_eq!(check("arn:a*:kms", Missing::AnyIfOpen), Truth::Doubt);
        assert_eq!(check("arn:a*:kms*", Missing::AnyIfOpen), Truth::True);
    }
}
