//! Patterns with `*`, `?` and policy variables, matched in a bounded number of steps.
//!
//! Sources: IAM User Guide, "Policy elements: Variables and tags" and "Resource" (wildcards).

use std::borrow::Cow;
use std::str::Chars;

use crate::context::Context;
use crate::key;
use crate::meter::{Meter, Spent};
use crate::truth::Truth;
use crate::variable::{BadVariable, Value, Variable};

/// Steps for looking a condition key up, which may look at every key that the request has.
pub(crate) const LOOKUP_STEPS: usize = 64;

/// A compiled pattern.
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

/// What has a special meaning in the text of a pattern.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Syntax {
    pub(crate) wildcards: bool,
    pub(crate) variables: bool,
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

/// What patterns are matched with: the request's keys for their variables, and the steps that are left.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) context: &'a dyn Context,
    pub(crate) meter: &'a Meter,
    pub(crate) unset: Unset,
}

/// What a variable without a value matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unset {
    /// Nothing: what AWS documents of conditions (IAM User Guide, "Policy variables with no value").
    Nothing,
    /// Perhaps anything: of resources AWS documents that the statement may be invalid.
    InDoubt,
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

    /// Whether the pattern stands for one value, or begins with a whole ARN up to its account, the unique id of a role, or the id of an
    /// organization.
    pub(crate) fn is_named(&self) -> bool {
        let begins = match self {
            Pattern::All => return false,
            Pattern::Exact(_) => return true,
            Pattern::Prefix(text) => text,
            Pattern::Tokens(tokens) => match tokens.first() {
                Some(Token::Text(text)) => text.as_str(),
                _ => return false,
            },
        };
        let mut parts = begins.split(':');
        let whole_arn =
            parts.next() == Some("arn") && parts.nth(3).is_some_and(|account| account.len() == 12);
        let unique_id = begins.len() > "AROA".len() && begins.ends_with(':') && !begins.starts_with("arn");
        let organization = begins.starts_with("o-") && begins.contains('/');
        (whole_arn && parts.next().is_some()) || unique_id || organization
    }

    /// Whether the pattern matches `value`.
    pub(crate) fn matches(&self, value: &str, scope: &Scope<'_>) -> Truth {
        let found = match self {
            Pattern::All => Ok(true),
            Pattern::Exact(text) => {
                let same_length = text.len() == value.len();
                let steps = if same_length { 1 + text.len() } else { 1 };
                scope.meter.spend(steps).map(|()| same_length && **text == *value)
            }
            // Most prefixes differ in the first byte, which is cheaper to see here.
            Pattern::Prefix(text) if value.as_bytes().first() != text.as_bytes().first() => {
                scope.meter.spend(1).map(|()| false)
            }
            Pattern::Prefix(text) => scope.meter.spend(1 + text.len()).map(|()| value.starts_with(&**text)),
            Pattern::Tokens(tokens) => return matches_tokens(tokens, value, scope),
        };
        found.map_or(Truth::Doubt, Truth::from)
    }

    /// Whether the pattern, which has no wildcards, is `value` but for case.
    pub(crate) fn matches_ignoring_case(&self, value: &str, scope: &Scope<'_>) -> Truth {
        let tokens = match self {
            Pattern::Exact(text) => return same_ignoring_case(&[Piece::Text(text)], value, scope.meter),
            Pattern::All | Pattern::Prefix(_) => return Truth::False,
            Pattern::Tokens(tokens) => tokens,
        };
        match resolve(tokens, scope) {
            Ok(Resolved { pieces, in_doubt: false }) => same_ignoring_case(&pieces, value, scope.meter),
            Ok(Resolved { in_doubt: true, .. }) | Err(Unmatched::Spent) => Truth::Doubt,
            Err(Unmatched::Unset) => Truth::False,
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

impl<'a> Piece<'a> {
    /// The characters of text.
    fn chars(&self) -> Chars<'a> {
        match *self {
            Piece::Text(text) => text.chars(),
            Piece::Run | Piece::One => "".chars(),
        }
    }
}

/// A pattern's tokens with the values of its variables.
struct Resolved<'a> {
    pieces: Vec<Piece<'a>>,
    /// A variable may stand for anything, and does so among the pieces.
    in_doubt: bool,
}

/// Why a pattern cannot be matched.
enum Unmatched {
    /// A variable has no value, so that the pattern matches nothing.
    Unset,
    Spent,
}

/// Looks every variable up, once however often the pattern is tried along a value.
fn resolve<'a>(tokens: &'a [Token], scope: &Scope<'a>) -> Result<Resolved<'a>, Unmatched> {
    let mut resolved = Resolved { pieces: Vec::with_capacity(tokens.len()), in_doubt: false };
    for token in tokens {
        let piece = match token {
            Token::Text(text) => Piece::Text(text),
            Token::Run => Piece::Run,
            Token::One => Piece::One,
            Token::Variable(variable) => {
                scope.meter.spend(LOOKUP_STEPS).map_err(|Spent| Unmatched::Spent)?;
                match (variable.value(scope.context), scope.unset) {
                    (Value::Text(text), _) => Piece::Text(text),
                    (Value::Unset, Unset::Nothing) => return Err(Unmatched::Unset),
                    (Value::Unset, Unset::InDoubt) | (Value::InDoubt, _) => {
                        resolved.in_doubt = true;
                        Piece::Run
                    }
                }
            }
        };
        resolved.pieces.push(piece);
    }
    Ok(resolved)
}

fn matches_tokens(tokens: &[Token], value: &str, scope: &Scope<'_>) -> Truth {
    if !tokens.iter().any(|token| matches!(token, Token::Variable(_))) {
        return search(tokens, value, plain, scope.meter).map_or(Truth::Doubt, Truth::from);
    }
    match resolve(tokens, scope) {
        Err(Unmatched::Unset) => Truth::False,
        Err(Unmatched::Spent) => Truth::Doubt,
        Ok(Resolved { pieces, in_doubt }) => match search(&pieces, value, |piece| *piece, scope.meter) {
            Ok(true) if !in_doubt => Truth::True,
            Ok(false) => Truth::False,
            Ok(true) | Err(Spent) => Truth::Doubt,
        },
    }
}

/// A token of a pattern that has no variables.
fn plain(token: &Token) -> Piece<'_> {
    match token {
        Token::Text(text) => Piece::Text(text),
        Token::One => Piece::One,
        Token::Run | Token::Variable(_) => Piece::Run,
    }
}

/// Splits the pattern at each `*`: the first group is anchored at the start, the last at the end, and each between
/// them is taken where it first occurs. No choice is ever taken back, because every group has a fixed length.
///
/// Groups of text are found in linear time. One with a `?` inside is tried along the value, which the steps bound.
fn search<T>(
    pattern: &[T],
    value: &str,
    piece: impl Fn(&T) -> Piece<'_>,
    meter: &Meter,
) -> Result<bool, Spent> {
    meter.spend(1 + pattern.len())?;
    let mut groups = pattern.split(|token| piece(token) == Piece::Run).peekable();
    let Some(first) = groups.next() else { return Ok(value.is_empty()) };
    let Some(mut rest) = strip_start(first, value, &piece, meter)? else { return Ok(false) };
    if groups.peek().is_none() {
        return Ok(rest.is_empty());
    }
    while let Some(group) = groups.next() {
        if groups.peek().is_none() {
            return strip_end(group, rest, &piece, meter);
        }
        match skip_past(group, rest, &piece, meter)? {
            Some(next) => rest = next,
            None => return Ok(false),
        }
    }
    Ok(false)
}

/// Spends what comparing `text` with one end of a value takes. The bytes at that end differ most often.
fn spend_on(text: &str, ends: [Option<&u8>; 2], meter: &Meter) -> Result<(), Spent> {
    let [theirs, ours] = ends;
    meter.spend(if theirs == ours { 1 + text.len() } else { 1 })
}

fn strip_start<'v, T>(
    group: &[T],
    value: &'v str,
    piece: &impl Fn(&T) -> Piece<'_>,
    meter: &Meter,
) -> Result<Option<&'v str>, Spent> {
    let mut rest = value;
    for token in group {
        let left = match piece(token) {
            Piece::Text(text) => {
                spend_on(text, [rest.as_bytes().first(), text.as_bytes().first()], meter)?;
                rest.strip_prefix(text)
            }
            Piece::One | Piece::Run => {
                meter.spend(1)?;
                let mut chars = rest.chars();
                chars.next().map(|_| chars.as_str())
            }
        };
        match left {
            Some(left) => rest = left,
            None => return Ok(None),
        }
    }
    Ok(Some(rest))
}

fn strip_end<T>(
    group: &[T],
    value: &str,
    piece: &impl Fn(&T) -> Piece<'_>,
    meter: &Meter,
) -> Result<bool, Spent> {
    let mut rest = value;
    for token in group.iter().rev() {
        let left = match piece(token) {
            Piece::Text(text) => {
                spend_on(text, [rest.as_bytes().last(), text.as_bytes().last()], meter)?;
                rest.strip_suffix(text)
            }
            Piece::One | Piece::Run => {
                meter.spend(1)?;
                let mut chars = rest.chars();
                chars.next_back().map(|_| chars.as_str())
            }
        };
        match left {
            Some(left) => rest = left,
            None => return Ok(false),
        }
    }
    Ok(true)
}

/// What follows the first occurrence of `group`. Where there is one, no later one could follow on better.
fn skip_past<'v, T>(
    group: &[T],
    value: &'v str,
    piece: &impl Fn(&T) -> Piece<'_>,
    meter: &Meter,
) -> Result<Option<&'v str>, Spent> {
    // A `?` before or after the rest needs no search: it takes a character away.
    let is_one = |token: &&T| piece(token) == Piece::One;
    let (front, rest) = group.split_at(group.iter().take_while(is_one).count());
    let (middle, back) = rest.split_at(rest.len() - rest.iter().rev().take_while(is_one).count());
    let Some(value) = strip_start(front, value, piece, meter)? else { return Ok(None) };
    if middle.is_empty() {
        return Ok(Some(value));
    }
    let after = match texts(middle, piece) {
        Some(texts) => find(&texts, value, meter)?,
        None => try_along(middle, value, piece, meter)?,
    };
    match after {
        Some(after) => strip_start(back, after, piece, meter),
        None => Ok(None),
    }
}

/// What follows the first occurrence of texts that come one after the other.
fn find<'v>(texts: &[&str], value: &'v str, meter: &Meter) -> Result<Option<&'v str>, Spent> {
    // A variable's value may be long, and come often.
    if texts.iter().map(|text| text.len()).sum::<usize>() > value.len() {
        return Ok(None);
    }
    let text = match texts {
        [only] => Cow::Borrowed(*only),
        _ => Cow::Owned(texts.concat()),
    };
    let after = value.split_once(&*text).map(|(_, after)| after);
    meter.spend(text.len() + value.len() - after.map_or(0, str::len))?;
    Ok(after)
}

/// What follows the first place of `value` where `group` fits.
fn try_along<'v, T>(
    group: &[T],
    value: &'v str,
    piece: &impl Fn(&T) -> Piece<'_>,
    meter: &Meter,
) -> Result<Option<&'v str>, Spent> {
    let mut rest = value.chars();
    loop {
        if let Some(after) = strip_start(group, rest.as_str(), piece, meter)? {
            return Ok(Some(after));
        }
        if rest.next().is_none() {
            return Ok(None);
        }
    }
}

/// The texts of a group that has no `?`.
fn texts<'g, T>(group: &'g [T], piece: &impl Fn(&'g T) -> Piece<'g>) -> Option<Vec<&'g str>> {
    let text = |token| match piece(token) {
        Piece::Text(text) => Some(text),
        Piece::One | Piece::Run => None,
    };
    group.iter().map(text).collect()
}

/// Compares as far as the two are the same.
fn same_ignoring_case(pieces: &[Piece<'_>], value: &str, meter: &Meter) -> Truth {
    let mut ours = pieces.iter().flat_map(Piece::chars).map(key::fold_char);
    let mut theirs = value.chars().map(key::fold_char);
    loop {
        if meter.spend(1).is_err() {
            return Truth::Doubt;
        }
        match (ours.next(), theirs.next()) {
            (None, None) => return Truth::True,
            (ours, theirs) if ours != theirs => return Truth::False,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::context::{NoContext, Values};

    struct One(&'static str, Values<'static>);

    impl Context for One {
        fn get(&self, key: &str) -> Option<Values<'_>> {
            (key == self.0).then_some(self.1)
        }
    }

    const FULL: Syntax = Syntax { wildcards: true, variables: true };
    const STEPS: usize = 1 << 20;

    /// What a pattern makes of a value, and the steps that takes.
    fn look(pattern: &str, value: &str, context: &dyn Context, unset: Unset) -> (Truth, usize) {
        let meter = Meter::new(STEPS);
        let found =
            Pattern::parse(pattern, FULL).unwrap().matches(value, &Scope { context, meter: &meter, unset });
        (found, STEPS - meter.left())
    }

    fn matches(pattern: &str, value: &str) -> bool {
        match look(pattern, value, &NoContext, Unset::Nothing).0 {
            Truth::True => true,
            Truth::False => false,
            Truth::Doubt => panic!("{pattern} {value}"),
        }
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
    fn text_is_found_in_linear_time() {
        let context = One("a:b", Values::One("a"));
        for pattern in [
            "*a".repeat(500) + "*b",
            "*aa".repeat(500) + "*b",
            "*${a:b}a${a:b}".repeat(500) + "*b",
            "*".to_owned() + &"a".repeat(5_000) + "b*",
            "*".to_owned() + &"${a:b}".repeat(100) + "b*",
            "a".repeat(5_000) + "*b",
            "*b".to_owned() + &"a".repeat(5_000),
            "?".repeat(5_000),
            "?".repeat(5_000) + "*" + &"?".repeat(5_000) + "b",
            "*".to_owned() + &"?".repeat(5_000) + "aaab??*",
            "*".to_owned() + &"?".repeat(15_000) + "*" + &"?".repeat(15_000) + "*",
        ] {
            let value = "a".repeat(20_000);
            let (found, steps) = look(&pattern, &value, &context, Unset::Nothing);
            assert_eq!(found, Truth::False, "{:.20}", pattern);
            assert!(steps <= 64 * pattern.len() + 3 * value.len(), "{:.20}: {steps}", pattern);
        }
    }

    #[test]
    fn what_takes_too_many_steps_is_in_doubt() {
        let context = One("a:b", Values::One("a"));
        for pattern in
            ["*".to_owned() + &"?a".repeat(7_000) + "b*", "*".to_owned() + &"?${a:b}".repeat(7_000) + "b*"]
        {
            let (found, steps) = look(&pattern, &"a".repeat(100_000), &context, Unset::Nothing);
            assert_eq!((found, steps), (Truth::Doubt, STEPS), "{:.20}", pattern);
        }
    }

    #[test]
    fn variables() {
        use Truth::{Doubt, False, True};
        let context = One("aws:username", Values::One("a*b"));
        let many = One("aws:tagkeys", Values::Many(&["a"]));
        let unknown = One("aws:username", Values::Unknown);
        for (pattern, value, in_conditions, of_resources) in [
            ("home/${aws:UserName}/*", "home/a*b/x", True, True),
            ("home/${aws:username}/*", "home/axb/x", False, False),
            ("*${aws:username}", "x/a*b", True, True),
            ("*-${aws:username}-*", "x-a*b-y", True, True),
            ("${aws:none}", "", False, Doubt),
            ("*${aws:none}*", "x", False, Doubt),
            ("x${aws:none}", "y", False, False),
            ("${aws:none, 'guest'}", "guest", True, True),
            ("${aws:none,''}x", "x", True, True),
            ("${aws:username, 'guest'}", "guest", False, False),
        ] {
            for (unset, expected) in [(Unset::Nothing, in_conditions), (Unset::InDoubt, of_resources)] {
                assert_eq!(look(pattern, value, &context, unset).0, expected, "{pattern} {value}");
            }
        }
        for unset in [Unset::Nothing, Unset::InDoubt] {
            assert_eq!(look("${aws:TagKeys, 'a'}x", "ax", &many, unset).0, Doubt);
            assert_eq!(look("${aws:TagKeys, 'a'}x", "ay", &many, unset).0, False);
            assert_eq!(look("x-${aws:UserName}", "x-y", &unknown, unset).0, Doubt);
        }
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
