//! Patterns with `*`, `?` and policy variables, matched in bounded time.
//!
//! Sources: IAM User Guide, "Policy elements: Variables and tags" and "Resource" (wildcards).

use crate::context::{Context, NoContext};

/// A compiled pattern. Matching takes at most (pattern length × value length) steps, whatever the pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// Only `*`s, and at least one: matches everything.
    All,
    Exact(Box<str>),
    Prefix(Box<str>),
    Tokens(Box<[Token]>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    Text(String),
    /// `*`
    Run,
    /// `?`
    One,
    Variable(Variable),
}

/// `${key}` or `${key, 'default'}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Variable {
    /// Lower-cased.
    key: Box<str>,
    default: Option<Box<str>>,
}

/// What has a special meaning in the text of a pattern.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Syntax {
    pub(crate) wildcards: bool,
    pub(crate) variables: bool,
}

/// A variable that is not well-formed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadVariable;

impl Variable {
    /// The condition key, in lower case.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    fn parse(text: &str) -> Result<Self, BadVariable> {
        let (key, default) = match text.split_once(',') {
            None => (text, None),
            Some((key, quoted)) => {
                let inner = quoted.trim().strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
                (key, Some(inner.filter(|inner| !inner.contains('\'')).ok_or(BadVariable)?))
            }
        };
        let key = key.trim();
        if key.is_empty()
            || key.contains(|c: char| c.is_whitespace() || matches!(c, '$' | '{' | '*' | '?' | '\''))
        {
            return Err(BadVariable);
        }
        Ok(Variable { key: key.to_lowercase().into(), default: default.map(Into::into) })
    }

    /// The text to put in its place; none when the key is absent and there is no default, or the key is multivalued.
    fn resolve<'v>(&'v self, context: &'v dyn Context) -> Option<&'v str> {
        match context.get(&self.key).filter(|values| !values.is_empty()) {
            Some(values) => values.single(),
            None => self.default.as_deref(),
        }
    }
}

/// Splits `text` into tokens: adjacent text joined, adjacent `*`s reduced to one.
pub(crate) fn tokens(text: &str, syntax: Syntax) -> Result<Vec<Token>, BadVariable> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after = rest.get(c.len_utf8()..).unwrap_or_default();
        match c {
            '*' if syntax.wildcards => {
                if out.last() != Some(&Token::Run) {
                    out.push(Token::Run);
                }
                rest = after;
            }
            '?' if syntax.wildcards => {
                out.push(Token::One);
                rest = after;
            }
            '$' if syntax.variables && after.starts_with('{') => {
                let (inner, next) =
                    after.get(1..).and_then(|inner| inner.split_once('}')).ok_or(BadVariable)?;
                match inner {
                    "*" | "?" | "$" => push_text(&mut out, inner),
                    _ => out.push(Token::Variable(Variable::parse(inner)?)),
                }
                rest = next;
            }
            _ => {
                push_text(&mut out, rest.get(..c.len_utf8()).unwrap_or_default());
                rest = after;
            }
        }
    }
    Ok(out)
}

fn push_text(out: &mut Vec<Token>, text: &str) {
    match out.last_mut() {
        Some(Token::Text(last)) => last.push_str(text),
        _ => out.push(Token::Text(text.to_owned())),
    }
}

impl Pattern {
    pub(crate) fn parse(text: &str, syntax: Syntax) -> Result<Self, BadVariable> {
        tokens(text, syntax).map(Pattern::from_tokens)
    }

    pub(crate) fn from_tokens(tokens: Vec<Token>) -> Self {
        match tokens.as_slice() {
            [] => Pattern::Exact("".into()),
            [Token::Run] => Pattern::All,
            [Token::Text(text)] => Pattern::Exact(text.as_str().into()),
            [Token::Text(text), Token::Run] => Pattern::Prefix(text.as_str().into()),
            _ => Pattern::Tokens(tokens.into()),
        }
    }

    /// Whether the pattern has neither wildcards nor variables.
    pub(crate) fn literal(&self) -> Option<&str> {
        match self {
            Pattern::Exact(text) => Some(text),
            Pattern::All | Pattern::Prefix(_) | Pattern::Tokens(_) => None,
        }
    }

    pub(crate) fn matches(&self, value: &str, context: &dyn Context) -> bool {
        match self {
            Pattern::All => true,
            Pattern::Exact(text) => **text == *value,
            // Most prefixes differ in the first byte, which is cheaper to see here.
            Pattern::Prefix(text) => {
                value.as_bytes().first() == text.as_bytes().first() && value.starts_with(&**text)
            }
            Pattern::Tokens(tokens) => matches_tokens(tokens, value, context),
        }
    }

    /// The text with its variables replaced; none if one of them has no value, or if there are wildcards.
    pub(crate) fn expand(&self, context: &dyn Context) -> Option<String> {
        match self {
            Pattern::Exact(text) => Some(text.to_string()),
            Pattern::All | Pattern::Prefix(_) => None,
            Pattern::Tokens(tokens) => tokens
                .iter()
                .map(|token| match token.piece(context)? {
                    Piece::Text(text) => Some(text),
                    Piece::Run | Piece::One => None,
                })
                .collect(),
        }
    }
}

/// A token without variables.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Piece<'a> {
    Text(&'a str),
    Run,
    One,
}

impl Token {
    /// None if the token is a variable without a value.
    fn piece<'a>(&'a self, context: &'a dyn Context) -> Option<Piece<'a>> {
        Some(match self {
            Token::Text(text) => Piece::Text(text),
            Token::Run => Piece::Run,
            Token::One => Piece::One,
            Token::Variable(variable) => Piece::Text(variable.resolve(context)?),
        })
    }
}

/// Looks every variable up once, however often the pattern is tried along the value.
fn matches_tokens(tokens: &[Token], value: &str, context: &dyn Context) -> bool {
    if tokens.iter().any(|token| matches!(token, Token::Variable(_))) {
        let pieces: Option<Vec<Piece<'_>>> = tokens.iter().map(|token| token.piece(context)).collect();
        return pieces.is_some_and(|pieces| matches_pieces(&pieces, value, |piece| Some(*piece)));
    }
    matches_pieces(tokens, value, |token| token.piece(&NoContext))
}

/// Splits the pattern at each `*`: the first group is anchored at the start, the last at the end, and each between
/// them is taken where it first occurs. No choice is ever taken back, because every group has a fixed length.
fn matches_pieces<T>(pattern: &[T], value: &str, piece: impl Fn(&T) -> Option<Piece<'_>>) -> bool {
    let mut groups = pattern.split(|token| piece(token) == Some(Piece::Run)).peekable();
    let Some(first) = groups.next() else { return value.is_empty() };
    let Some(mut rest) = strip_start(first, value, &piece) else { return false };
    if groups.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(group) = groups.next() {
        if groups.peek().is_none() {
            return strip_end(group, rest, &piece);
        }
        match skip_past(group, rest, &piece) {
            Some(next) => rest = next,
            None => return false,
        }
    }
    false
}

fn strip_start<'v, T>(
    group: &[T],
    value: &'v str,
    piece: &impl Fn(&T) -> Option<Piece<'_>>,
) -> Option<&'v str> {
    group.iter().try_fold(value, |rest, token| match piece(token)? {
        Piece::Text(text) => rest.strip_prefix(text),
        Piece::One | Piece::Run => {
            let mut chars = rest.chars();
            chars.next().map(|_| chars.as_str())
        }
    })
}

fn strip_end<T>(group: &[T], value: &str, piece: &impl Fn(&T) -> Option<Piece<'_>>) -> bool {
    let left = group.iter().rev().try_fold(value, |rest, token| match piece(token)? {
        Piece::Text(text) => rest.strip_suffix(text),
        Piece::One | Piece::Run => {
            let mut chars = rest.chars();
            chars.next_back().map(|_| chars.as_str())
        }
    });
    left.is_some()
}

/// What follows the first occurrence of `group`.
fn skip_past<'v, T>(
    group: &[T],
    value: &'v str,
    piece: &impl Fn(&T) -> Option<Piece<'_>>,
) -> Option<&'v str> {
    if let [only] = group
        && let Piece::Text(text) = piece(only)?
    {
        return value.split_once(text).map(|(_, after)| after);
    }
    let mut rest = value.chars();
    loop {
        if let Some(after) = strip_start(group, rest.as_str(), piece) {
            return Some(after);
        }
        rest.next()?;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::context::Values;

    struct One(&'static str, Values<'static>);

    impl Context for One {
        fn get(&self, key: &str) -> Option<Values<'_>> {
            (key == self.0).then_some(self.1)
        }
    }

    const FULL: Syntax = Syntax { wildcards: true, variables: true };

    fn matches(pattern: &str, value: &str) -> bool {
        Pattern::parse(pattern, FULL).unwrap().matches(value, &NoContext)
    }

    #[test]
    fn wildcards() {
        for (pattern, value, expected) in [
            ("*", "", true),
            ("**", "x", true),
            ("", "", true),
            ("", "x", false),
            ("?", "", false),
            ("?", "é", true),
            ("a*", "a", true),
            ("a*", "ab/c:d", true),
            ("a*", "ba", false),
            ("*a", "ba", true),
            ("*a", "ab", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("*ab*ab", "abab", true),
            ("*ab*ab", "ab", false),
            ("a*a", "a", false),
            ("*?*?*", "xy", true),
            ("*?*?*", "x", false),
            ("*a?c*e", "zzabcdace", true),
            ("?*", "", false),
            ("x*?y", "xzy", true),
            ("x*?y", "xy", false),
            ("A", "a", false),
            ("a${*}", "a*", true),
            ("a${*}", "ab", false),
            ("a${?}${$}", "a?$", true),
            ("$*", "$x", true),
        ] {
            assert_eq!(matches(pattern, value), expected, "{pattern} {value}");
        }
    }

    #[test]
    fn hostile_patterns_end() {
        let pattern = "*a".repeat(500) + "*b";
        assert!(!matches(&pattern, &"a".repeat(100_000)));
        assert!(!matches(&("*?a".repeat(500) + "*b"), &"a".repeat(20_000)));
        let context = One("a:b", Values::One("a"));
        let pattern = Pattern::parse(&("*?${a:b}".repeat(500) + "*b"), FULL).unwrap();
        assert!(!pattern.matches(&"a".repeat(20_000), &context));
    }

    #[test]
    fn variables() {
        let context = One("aws:username", Values::One("a*b"));
        let check =
            |pattern: &str, value: &str| Pattern::parse(pattern, FULL).unwrap().matches(value, &context);
        assert!(check("home/${aws:UserName}/*", "home/a*b/x"));
        assert!(!check("home/${aws:username}/*", "home/axb/x"));
        assert!(check("*${aws:username}", "x/a*b"));
        assert!(check("*-${aws:username}-*", "x-a*b-y"));
        assert!(!check("${aws:none}", ""));
        assert!(!check("*${aws:none}*", "x"));
        assert!(check("${aws:none, 'guest'}", "guest"));
        assert!(check("${aws:none,''}x", "x"));
        assert!(!check("${aws:username, 'guest'}", "guest"));
        let many = One("aws:tagkeys", Values::Many(&["a"]));
        assert!(!Pattern::parse("${aws:TagKeys, 'a'}", FULL).unwrap().matches("a", &many));
    }

    #[test]
    fn malformed_variables() {
        for text in
            ["${", "${}", "${ }", "${a", "${a b}", "${a,b}", "${a,'b}", "${a,'b'c'}", "${${a}}", "${,'x'}"]
        {
            assert_eq!(tokens(text, FULL), Err(BadVariable), "{text}");
            assert!(tokens(text, Syntax { wildcards: true, variables: false }).is_ok(), "{text}");
        }
    }

    /// The obvious definition, exponential in the worst case.
    fn model(pattern: &[char], value: &[char]) -> bool {
        match pattern.split_first() {
            None => value.is_empty(),
            Some(('*', rest)) => (0..=value.len()).any(|skip| model(rest, &value[skip..])),
            Some(('?', rest)) => !value.is_empty() && model(rest, &value[1..]),
            Some((c, rest)) => value.first() == Some(c) && model(rest, &value[1..]),
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(pattern in "[ab*?é]{0,8}", value in "[abé]{0,10}") {
            let expected = model(&pattern.chars().collect::<Vec<_>>(), &value.chars().collect::<Vec<_>>());
            prop_assert_eq!(matches(&pattern, &value), expected);
        }
    }
}
