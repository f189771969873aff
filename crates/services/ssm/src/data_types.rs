//! Data types: what a value has to look like (Systems Manager User Guide, "Parameter data types in Parameter Store").
//!
//! AWS publishes which types there are and not each rule: where a standard defines the form, it is the rule here.

use crate::api::ParameterType;
use crate::errors::validation;
use crate::names::Place;
use platform::Fault;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The type of those who name none: anything.
pub(crate) const DEFAULT: &str = "text";

const IMAGE: &str = "aws:ec2:image";
const INTEGRATION: &str = "aws:ssm:integration";

/// The place of integrations with other companies' services (Systems Manager User Guide, "Creating integrations").
const INTEGRATIONS: &str = "/d9d01087-4a3f-49e0-b0b4-d568d7826553/ssm/integrations/webhook/";

/// The longest name of a host, and of one of its labels (RFC 1123, section 2.1; RFC 1035, section 2.3.4).
const HOST_CHARS_MAX: usize = 253;
const LABEL_CHARS_MAX: usize = 63;

/// The longest address of electronic mail (RFC 5321, section 4.5.3.1.3), and the part before the @ sign.
const EMAIL_CHARS_MAX: usize = 254;
const MAILBOX_CHARS_MAX: usize = 64;

struct DataType {
    name: &'static str,
    /// Whether a StringList may have it, item by item.
    lists: bool,
    /// Whether it takes a parameter of the advanced tier.
    advanced: bool,
    fits: fn(&str) -> bool,
}

const fn of(name: &'static str, lists: bool, advanced: bool, fits: fn(&str) -> bool) -> DataType {
    DataType { name, lists, advanced, fits }
}

static TYPES: [DataType; 16] = [
    of(DEFAULT, true, false, |_| true),
    of(IMAGE, false, false, |_| false),
    of(INTEGRATION, false, false, |_| true),
    of("aws:region", true, false, |text| platform::regions::ALL.contains(&text)),
    of("aws:account:id", true, false, |text| text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())),
    of("boolean", true, false, |text| matches!(text, "true" | "false")),
    of("integer", true, false, is_integer),
    of("float", true, false, is_float),
    of("binary", false, false, is_base64),
    of("hostname", true, false, is_hostname),
    of("email", true, false, is_email),
    of("ipv4-address", true, false, |text| text.parse::<Ipv4Addr>().is_ok()),
    of("ipv6-address", true, false, |text| text.parse::<Ipv6Addr>().is_ok()),
    of("url", false, true, is_url),
    of("json", false, true, is_json),
    of("jsonc", false, true, |text| uncommented(text).is_some_and(|text| is_json(&text))),
];

/// Requires that a value is of a data type.
///
/// # Errors
/// It is not, or a parameter of this kind and place cannot be.
pub(crate) fn check(name: &str, place: &Place, kind: ParameterType, value: &str) -> Result<(), Fault> {
    let known = TYPES.iter().find(|known| known.name == name);
    let Some(known) = known else {
        return Err(validation(format!(
            "The following data type is not supported: {name} (Data type names are all lowercase.)"
        )));
    };
    let supported = match known.name {
        INTEGRATION => kind == ParameterType::SecureString,
        IMAGE => kind == ParameterType::String,
        _ => known.lists || kind != ParameterType::StringList,
    };
    if !supported {
        let message = format!("Parameters of the type {kind} can't have the data type {name}.");
        return Err(Fault::new("UnsupportedParameterType", message));
    }
    if known.name == IMAGE {
        // AWS asks EC2 whether there is such an image, and drops the parameter if not.
        return Err(validation(
            "The data type aws:ec2:image is not supported here: there is no Amazon EC2 that knows images.",
        ));
    }
    if (known.name == INTEGRATION) != place.name.starts_with(INTEGRATIONS) {
        return Err(validation(format!(
            "Parameters of the data type {INTEGRATION}, and no others, have names that begin with {INTEGRATIONS}."
        )));
    }
    let fits = match kind {
        ParameterType::StringList => value.split(',').all(known.fits),
        _ => (known.fits)(value),
    };
    // The value may be a secret.
    if fits { Ok(()) } else { Err(validation(format!("The parameter value isn't of the data type {name}."))) }
}

/// Requires that a parameter of one data type may get another.
///
/// # Errors
/// It may not.
pub(crate) fn check_change(from: &str, to: &str) -> Result<(), Fault> {
    match [from, to].iter().find(|name| [IMAGE, INTEGRATION].contains(*name)) {
        Some(name) if from != to => {
            Err(validation(format!("A parameter can't be changed to or from the data type {name}.")))
        }
        _ => Ok(()),
    }
}

/// Whether values of a data type take the advanced tier.
pub(crate) fn is_advanced(name: &str) -> bool {
    TYPES.iter().any(|known| known.name == name && known.advanced)
}

fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_float(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit()) && text.parse::<f64>().is_ok()
}

fn is_base64(text: &str) -> bool {
    use base64::prelude::{BASE64_STANDARD, Engine as _};
    BASE64_STANDARD.decode(text).is_ok()
}

fn is_hostname(text: &str) -> bool {
    let label = |label: &str| {
        (1..=LABEL_CHARS_MAX).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= HOST_CHARS_MAX && text.split('.').all(label)
}

fn is_email(text: &str) -> bool {
    let atom = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
    text.len() <= EMAIL_CHARS_MAX
        && text.rsplit_once('@').is_some_and(|(mailbox, host)| {
            mailbox.len() <= MAILBOX_CHARS_MAX
                && mailbox.split('.').all(|part| !part.is_empty() && part.bytes().all(atom))
                && is_hostname(host)
        })
}

fn is_url(text: &str) -> bool {
    let scheme = |scheme: &str| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    };
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte));
    plain
        && text.split_once("://").is_some_and(|(name, rest)| {
            scheme(name) && !rest.is_empty() && !rest.starts_with(['/', '?', '#'])
        })
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// JSON without its comments, `//` and `/* */`; none where one does not end.
fn uncommented(text: &str) -> Option<String> {
    let (mut out, mut rest, mut quoted) = (String::with_capacity(text.len()), text, false);
    while let Some(c) = rest.chars().next() {
        if !quoted && rest.starts_with("//") {
            rest = rest.find('\n').and_then(|end| rest.get(end..)).unwrap_or_default();
            continue;
        }
        if !quoted && rest.starts_with("/*") {
            rest = rest.get(rest.find("*/")?..)?.strip_prefix("*/")?;
            out.push(' ');
            continue;
        }
        if quoted && c == '\\' {
            let (escape, after) = rest.split_at_checked(2)?;
            out.push_str(escape);
            rest = after;
            continue;
        }
        quoted ^= c == '"';
        out.push(c);
        rest = rest.get(c.len_utf8()..)?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(name: &str, kind: ParameterType, value: &str) -> bool {
        check(name, &Place::new("111122223333", "us-east-1", "/a"), kind, value).is_ok()
    }

    #[test]
    fn values_have_the_form_of_their_data_type() {
        let cases: [(&str, &[&str], &[&str]); 13] = [
            ("aws:region", &["eu-central-1", "cn-north-1"], &["", "eu-central-9", "eu-central-1 "]),
            ("aws:account:id", &["111122223333"], &["11112222333", "11112222333a", "1111222233334"]),
            ("boolean", &["true", "false"], &["True", "1", ""]),
            ("integer", &["0", "-5", "+7", "99999999999999999999999"], &["", "-", "1.0", "1e3", " 1"]),
            ("float", &["0", "-5.25", "1e3", ".5"], &["", "nan", "inf", "1,5", "0x1"]),
            ("binary", &["", "eA==", "AAEC"], &["eA=", "e", "*"]),
            ("hostname", &["a", "db-1.example.com"], &["", ".", "a..b", "-a", "a-", "a_b", "a."]),
            ("email", &["a@b", "first.last+tag@example.com"], &["a", "@b", "a@", ".a@b", "a@b@c", "a b@c"]),
            ("ipv4-address", &["192.0.2.1"], &["192.0.2", "192.0.2.256", "::1", "192.0.2.1/24"]),
            ("ipv6-address", &["::1", "2001:db8::1"], &["192.0.2.1", ":::", "2001:db8::1/64"]),
            (
                "url",
                &["https://example.com/a?b#c", "s3://bucket/key"],
                &["", "example.com", "http://", "http:// a"],
            ),
            ("json", &["{}", "[1, \"a\"]", "null"], &["", "{", "{\"a\":}", "// a\n{}"]),
            (
                "jsonc",
                &["{}", "// a\n{\"a\": /* b */ \"//\\\"/*\"}", "{} // end"],
                &["", "/* {}", "{\"a", "{} /", "\"\\"],
            ),
        ];
        for (name, good, bad) in cases {
            for value in good {
                assert!(takes(name, ParameterType::String, value), "{name} {value}");
            }
            for value in bad {
                assert!(!takes(name, ParameterType::String, value), "{name} {value}");
            }
        }
    }

    #[test]
    fn lists_are_looked_at_item_by_item() {
        assert!(takes("integer", ParameterType::StringList, "1,2,3"));
        assert!(!takes("integer", ParameterType::StringList, "1,b,3"));
        assert!(!takes("json", ParameterType::StringList, "1,2"));
        assert!(!takes("", ParameterType::String, "a") && !takes("Text", ParameterType::String, "a"));
    }
}
