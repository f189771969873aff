//! The JSON of a database's credentials, as AWS documents it ("JSON structure of AWS Secrets Manager secrets").

use crate::{Engine, Failure};
use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use std::fmt;
use zeroize::Zeroizing;

/// The longest name of a host (RFC 1035).
const HOST_BYTES_MAX: usize = 253;

/// The longest user name, password and database name, in bytes; longer than any database takes.
const TEXT_BYTES_MAX: usize = 4096;

/// What the other of two alternating users is called: the name with this at its end.
const CLONE: &str = "_clone";

/// When TLS is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ssl {
    /// `"ssl": true`: always, and the database must be who it should be.
    Demanded,
    /// No `ssl`, or another value: TLS as above, and if that cannot be had, none. The templates do so.
    Preferred,
    /// `"ssl": false`.
    Never,
}

/// A way to log in to a database.
#[derive(Clone)]
pub(crate) struct Credentials {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) username: String,
    pub(crate) password: Zeroizing<String>,
    pub(crate) database: Option<String>,
    pub(crate) ssl: Ssl,
}

impl Credentials {
    /// Reads the value of a version; `label` names it in failures.
    pub(crate) fn parse(engine: Engine, label: &str, value: &str) -> Result<Self, Failure> {
        let wrong = |what: &str| Failure::malformed(format!("the version {label} {what}"));
        let Ok(Value::Object(members)) = serde_json::from_str::<Value>(value) else {
            return Err(wrong("is no JSON object"));
        };
        let text = |name: &str, bytes_max: usize| match members.get(name) {
            None => Err(wrong(&format!("lacks `{name}`"))),
            Some(Value::String(text)) if text.is_empty() => Err(wrong(&format!("has an empty `{name}`"))),
            Some(Value::String(text)) if text.len() > bytes_max => {
                Err(wrong(&format!("has a `{name}` longer than {bytes_max} bytes")))
            }
            Some(Value::String(text)) if text.contains('\0') => {
                Err(wrong(&format!("has a NUL character in `{name}`")))
            }
            Some(Value::String(text)) => Ok(text.clone()),
            Some(_) => Err(wrong(&format!("has a `{name}` that is no string"))),
        };
        let named = text("engine", TEXT_BYTES_MAX)?;
        if !engine.names().contains(&named.as_str()) {
            let names = engine.names().join("` or `");
            return Err(wrong(&format!(
                "has an `engine` other than `{names}`, which this rotation function is for"
            )));
        }
        let port = match members.get("port") {
            None | Some(Value::Null) => Some(engine.port()),
            Some(Value::Number(number)) => number.as_u64().and_then(|port| u16::try_from(port).ok()),
            Some(Value::String(text)) => text.trim().parse().ok(),
            Some(_) => None,
        };
        let database = match members.get("dbname") {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) if text.is_empty() => None,
            Some(_) => Some(text("dbname", TEXT_BYTES_MAX)?),
        };
        let ssl = match members.get("ssl") {
            Some(Value::Bool(true)) => Ssl::Demanded,
            Some(Value::Bool(false)) => Ssl::Never,
            Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ssl::Demanded,
            Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Ssl::Never,
            _ => Ssl::Preferred,
        };
        Ok(Self {
            host: text("host", HOST_BYTES_MAX)?,
            port: port.filter(|port| *port != 0).ok_or_else(|| wrong("has a `port` that is none"))?,
            username: text("username", TEXT_BYTES_MAX)?,
            password: Zeroizing::new(text("password", TEXT_BYTES_MAX)?),
            database,
            ssl,
        })
    }

    /// True if both lead to the same database server.
    pub(crate) fn same_server(&self, other: &Self) -> bool {
        self.host.eq_ignore_ascii_case(&other.host) && self.port == other.port
    }

    /// The server, for failures.
    pub(crate) fn server(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

impl Engine {
    /// The values of `engine`.
    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Postgres => &["postgres", "aurora-postgresql"],
            Self::MySql => &["mysql", "aurora-mysql"],
            Self::MariaDb => &["mariadb"],
        }
    }

    /// The port, if a secret names none.
    fn port(self) -> u16 {
        match self {
            Self::Postgres => 5432,
            Self::MySql | Self::MariaDb => 3306,
        }
    }

    /// The longest name of a user. PostgreSQL counts bytes and cuts what is longer, the others count characters and refuse it.
    fn fits(self, name: &str) -> bool {
        match self {
            Self::Postgres => name.len() <= 63,
            Self::MySql => name.chars().count() <= 32,
            Self::MariaDb => name.chars().count() <= 80,
        }
    }
}

/// The other of two alternating users.
///
/// # Errors
/// [`Kind::Malformed`](crate::Kind::Malformed): its name is longer than the database takes.
pub(crate) fn other_user(engine: Engine, name: &str) -> Result<String, Failure> {
    if let Some(original) = name.strip_suffix(CLONE).filter(|original| !original.is_empty()) {
        return Ok(original.to_owned());
    }
    let clone = format!("{name}{CLONE}");
    if !engine.fits(&clone) {
        return Err(Failure::malformed(format!(
            "the name of the other user, `{CLONE}` added, is longer than the database takes"
        )));
    }
    Ok(clone)
}

/// The ARN of the secret whose user may create and change users: `masterarn` of a secret's value.
pub fn master_arn(value: &str) -> Option<String> {
    serde_json::from_str::<Value>(value).ok()?.get("masterarn")?.as_str().map(str::to_owned)
}

/// A JSON object with some of its members replaced; all others are what they were, character by character and in their order.
///
/// # Errors
/// [`Kind::Malformed`](crate::Kind::Malformed): it is no object.
pub(crate) fn replace(object: &str, members: &[(&str, &str)]) -> Result<Zeroizing<String>, Failure> {
    let no_object = |_| Failure::malformed("the version AWSCURRENT is no JSON object");
    let found = serde_json::Deserializer::from_str(object).deserialize_map(Members).map_err(no_object)?;
    let mut text = Zeroizing::new(String::with_capacity(object.len() + 256));
    text.push('{');
    for (index, (name, value)) in found.iter().enumerate() {
        if index > 0 {
            text.push_str(", ");
        }
        let replaced = members.iter().find(|(member, _)| member == name).map(|(_, value)| *value);
        text.push_str(&Value::String(name.clone()).to_string());
        text.push_str(": ");
        match replaced {
            Some(value) => text.push_str(&Zeroizing::new(Value::String(value.to_owned()).to_string())),
            None => text.push_str(value.get()),
        }
    }
    text.push('}');
    Ok(text)
}

/// The members of an object as they stand there.
struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(String, Box<RawValue>)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    const VALUE: &str = r#"{"engine":"postgres","host":"db.example.com","username":"app","password":"old"}"#;

    fn refused(engine: Engine, value: &str) -> String {
        let failure = Credentials::parse(engine, "AWSCURRENT", value).err().unwrap();
        assert_eq!(failure.kind(), Kind::Malformed);
        failure.message().to_owned()
    }

    #[test]
    fn defaults_are_those_of_the_templates() {
        let read = |engine, value: &str| Credentials::parse(engine, "AWSCURRENT", value).unwrap();
        let own = read(Engine::Postgres, VALUE);
        assert_eq!((own.port, own.ssl, own.database), (5432, Ssl::Preferred, None));
        assert_eq!(read(Engine::MySql, &VALUE.replace("postgres", "mysql")).port, 3306);
        for (ssl, wanted) in [
            ("true", Ssl::Demanded),
            ("\"True\"", Ssl::Demanded),
            ("false", Ssl::Never),
            ("\"false\"", Ssl::Never),
            ("\"maybe\"", Ssl::Preferred),
            ("1", Ssl::Preferred),
        ] {
            let value = VALUE.replace('}', &format!(r#","ssl":{ssl},"port":"6543","dbname":"d"}}"#));
            let own = read(Engine::Postgres, &value);
            assert_eq!((own.port, own.ssl, own.database.as_deref()), (6543, wanted, Some("d")), "{ssl}");
        }
    }

    #[test]
    fn what_is_missing_or_wrong_is_named_and_no_password_with_it() {
        for (value, words) in [
            ("", "is no JSON object"),
            ("[]", "is no JSON object"),
            ("{\"engine\":", "is no JSON object"),
            (r#"{"engine":"oracle"}"#, "has an `engine` other"),
            (r#"{"host":"h"}"#, "lacks `engine`"),
            (r#"{"engine":"postgres","username":"u","password":"hunter2"}"#, "lacks `host`"),
            (r#"{"engine":"postgres","host":"h","password":"hunter2"}"#, "lacks `username`"),
            (r#"{"engine":"postgres","host":"h","username":"u"}"#, "lacks `password`"),
            (r#"{"engine":"postgres","host":"h","username":"u","password":""}"#, "an empty `password`"),
            (
                r#"{"engine":"postgres","host":1,"username":"u","password":"hunter2"}"#,
                "`host` that is no string",
            ),
            (
                r#"{"engine":"postgres","host":"h","username":"u\u0000","password":"hunter2"}"#,
                "NUL character in `username`",
            ),
            (
                r#"{"engine":"postgres","host":"h","port":70000,"username":"u","password":"hunter2"}"#,
                "`port`",
            ),
            (r#"{"engine":"postgres","host":"h","port":0,"username":"u","password":"hunter2"}"#, "`port`"),
            (r#"{"engine":"postgres","host":"h","port":[],"username":"u","password":"hunter2"}"#, "`port`"),
        ] {
            let said = refused(Engine::Postgres, value);
            assert!(said.contains(words) && !said.contains("hunter2"), "{value}: {said}");
        }
        assert!(refused(Engine::MariaDb, VALUE).contains("`mariadb`"));
    }

    #[test]
    fn users_alternate_within_the_databases_lengths() {
        assert_eq!(other_user(Engine::Postgres, "app").unwrap(), "app_clone");
        assert_eq!(other_user(Engine::Postgres, "app_clone").unwrap(), "app");
        assert_eq!(other_user(Engine::Postgres, "_clone").unwrap(), "_clone_clone");
        for (engine, most) in [(Engine::Postgres, 57), (Engine::MySql, 26), (Engine::MariaDb, 74)] {
            assert!(other_user(engine, &"a".repeat(most)).is_ok());
            assert!(other_user(engine, &"a".repeat(most + 1)).is_err());
        }
    }

    #[test]
    fn all_other_members_stay_as_they_are() {
        let before = r#" {"z": 1.50, "password":"old","a":{"b":[1e3,"\u00e9"]},"username":"app"} "#;
        let after = replace(before, &[("password", "a\"b"), ("username", "app_clone")]).unwrap();
        let wanted = r#"{"z": 1.50, "password": "a\"b", "a": {"b":[1e3,"\u00e9"]}, "username": "app_clone"}"#;
        assert_eq!(after.as_str(), wanted);
        assert!(replace("[1]", &[]).is_err());
    }
}
