//! Databases that hang, lie or vanish: a failure of the right kind, nothing secret on the wire, no end of patience.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this file is tests")]

use outbound::{Reach, Trust};
use rotation::{Databases, Failure, Kind, Limits, Template, Versions};
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

const PASSWORD: &str = "correct-horse-battery-staple";

/// Longer than any of these tests takes: a failure by time would be the wrong kind.
const LONG: Duration = Duration::from_secs(40);

const ENGINES: [(Template, &str); 2] =
    [(Template::PostgresSingleUser, "postgres"), (Template::MariaDbSingleUser, "mariadb")];

/// A server that does what it is told with each connection, and keeps what it was sent.
struct Liar {
    port: u16,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Liar {
    fn start(behave: impl Fn(&mut TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let ears = Arc::clone(&heard);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut reader = stream.try_clone().unwrap();
                let ears = Arc::clone(&ears);
                let listening = thread::spawn(move || {
                    let mut bytes = [0; 1024];
                    while let Ok(count @ 1..) = reader.read(&mut bytes) {
                        ears.lock().unwrap().extend(&bytes[..count]);
                    }
                });
                behave(&mut stream);
                let _gone = stream.shutdown(Shutdown::Write);
                listening.join().unwrap();
            }
        });
        Self { port, heard }
    }

    fn secret(&self, engine: &str, ssl: &str) -> String {
        format!(
            r#"{{"engine":"{engine}","host":"127.0.0.1","port":{},"username":"app","password":"{PASSWORD}"{ssl}}}"#,
            self.port
        )
    }

    fn heard(&self) -> Vec<u8> {
        self.heard.lock().unwrap().clone()
    }
}

fn databases(port: u16, connect: Duration) -> Databases {
    Databases {
        trust: Arc::new(Trust::with(None).unwrap()),
        reach: Reach::new(vec![port], vec!["127.0.0.1".parse().unwrap()]),
        limits: Limits { connect, statement: LONG, bytes: 64 << 10 },
    }
}

/// What comes of logging in; the message never has the password.
fn told(liar: &Liar, template: Template, engine: &str, ssl: &str, time: Duration) -> Failure {
    let failure =
        rotation::test(template, &liar.secret(engine, ssl), &databases(liar.port, time)).unwrap_err();
    assert!(!failure.message().contains(PASSWORD), "{failure}");
    failure
}

/// A packet of MySQL's protocol.
fn packet(number: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_le_bytes();
    [&length[..3], &[number], payload].concat()
}

/// The first words of a MariaDB that has no TLS ("Protocol::HandshakeV10").
fn greeting() -> Vec<u8> {
    // Capabilities: protocol 4.1, secure connection, pluggable authentication; and no TLS.
    let capabilities: u32 = 0x0000_0200 | 0x0000_8000 | 0x0008_0000;
    let [low0, low1, high0, high1] = capabilities.to_le_bytes();
    let mut payload = vec![10];
    payload.extend(b"5.5.5-10.11.0-MariaDB\0");
    payload.extend([1, 0, 0, 0]);
    payload.extend(b"abcdefgh\0");
    payload.extend([low0, low1, 45, 2, 0, high0, high1, 21]);
    payload.extend([0; 10]);
    payload.extend(b"ijklmnopqrst\0");
    payload.extend(b"mysql_native_password\0");
    packet(0, &payload)
}

#[test]
fn one_that_says_nothing_is_left_in_time() {
    let liar = Liar::start(|_| thread::sleep(LONG));
    for (template, engine) in ENGINES {
        for ssl in ["", r#","ssl":true"#, r#","ssl":false"#] {
            let failure = told(&liar, template, engine, ssl, Duration::from_millis(100));
            assert_eq!(failure.kind(), Kind::Timeout, "{engine}{ssl}: {failure}");
            assert!(failure.may_pass());
        }
    }
}

#[test]
fn one_that_hangs_up_is_unreachable() {
    let liar = Liar::start(|_| {});
    for (template, engine) in ENGINES {
        for ssl in ["", r#","ssl":true"#, r#","ssl":false"#] {
            let failure = told(&liar, template, engine, ssl, LONG);
            assert_eq!(failure.kind(), Kind::Unreachable, "{engine}{ssl}: {failure}");
        }
    }
}

#[test]
fn one_that_speaks_something_else_is_not_believed() {
    for words in [&b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"[..], &[0; 512], &[255; 512]] {
        let liar = Liar::start(move |stream| drop(stream.write_all(words)));
        for (template, engine) in ENGINES {
            for ssl in ["", r#","ssl":true"#, r#","ssl":false"#] {
                let failure = told(&liar, template, engine, ssl, LONG);
                assert_ne!(failure.kind(), Kind::Timeout, "{engine}{ssl}: {failure}");
                assert_ne!(failure.kind(), Kind::Refused, "{engine}{ssl}: {failure}");
            }
        }
    }
}

#[test]
fn one_that_talks_without_end_is_cut_off() {
    // Notices without end are what PostgreSQL may say; the other has no end of a packet.
    for words in [&b"N\0\0\0\x05\0"[..], b"xxxxxxxx", b"\xff\xff\x7f\0aaaa"] {
        let liar = Liar::start(move |stream| while stream.write_all(&words.repeat(4096)).is_ok() {});
        for (template, engine) in ENGINES {
            let failure = told(&liar, template, engine, r#","ssl":false"#, LONG);
            assert_ne!(failure.kind(), Kind::Timeout, "{engine}: {failure}");
            assert_ne!(failure.kind(), Kind::Refused, "{engine}: {failure}");
        }
    }
}

#[test]
fn where_tls_is_demanded_nothing_is_sent_without_it() {
    let liar = Liar::start(|stream| drop(stream.write_all(b"N")));
    let failure = told(&liar, Template::PostgresSingleUser, "postgres", r#","ssl":true"#, LONG);
    assert_eq!(failure.kind(), Kind::Tls, "{failure}");
    assert!(liar.heard().len() <= 8, "{:?}", liar.heard());

    let liar = Liar::start(|stream| drop(stream.write_all(&greeting())));
    let failure = told(&liar, Template::MariaDbSingleUser, "mariadb", r#","ssl":"true""#, LONG);
    assert_eq!(failure.kind(), Kind::Tls, "{failure}");
    assert!(liar.heard().is_empty(), "{:?}", liar.heard());
}

#[test]
fn without_tls_nobody_gets_the_password_itself() {
    // PostgreSQL: AuthenticationCleartextPassword. MariaDB: a switch to mysql_clear_password.
    let wants = [b"R\0\0\0\x08\0\0\0\x03".to_vec(), greeting()];
    let switch = packet(2, b"\xfemysql_clear_password\0");
    for ((template, engine), first) in ENGINES.into_iter().zip(wants) {
        let second = switch.clone();
        let liar = Liar::start(move |stream| {
            let _sent = stream.write_all(&first);
            if engine == "mariadb" {
                let _sent = stream.write_all(&second);
            }
        });
        let failure = told(&liar, template, engine, r#","ssl":false"#, LONG);
        assert_eq!(failure.kind(), Kind::Other, "{engine}: {failure}");
        assert!(!liar.heard().windows(PASSWORD.len()).any(|bytes| bytes == PASSWORD.as_bytes()), "{engine}");
    }
}

#[test]
fn only_what_an_operator_allows_is_called() {
    let liar = Liar::start(|_| {});
    let secret = liar.secret("postgres", "");
    let mut databases = databases(liar.port, LONG);
    databases.reach = Reach::new(vec![liar.port], Vec::new());
    for secret in
        [secret.clone(), secret.replace("127.0.0.1", "localhost"), secret.replace("127.0.0.1", "[::1]")]
    {
        let failure = rotation::test(Template::PostgresSingleUser, &secret, &databases).unwrap_err();
        assert_eq!(failure.kind(), Kind::Unreachable);
        assert!(failure.message().contains("operator"), "{failure}");
    }
    databases.reach = Reach::new(vec![1], vec!["127.0.0.1".parse().unwrap()]);
    let failure = rotation::test(Template::PostgresSingleUser, &secret, &databases).unwrap_err();
    assert!(failure.message().contains("port"), "{failure}");
    assert!(liar.heard().is_empty());
}

#[test]
fn versions_that_do_not_belong_together_reach_no_database() {
    let databases = databases(1, LONG);
    let secret = |engine: &str, host: &str, user: &str| {
        format!(r#"{{"engine":"{engine}","host":"{host}","username":"{user}","password":"{PASSWORD}"}}"#)
    };
    let current = secret("postgres", "db", "app");
    let refused = |template, pending: &str, master: Option<&str>| {
        let versions = Versions { current: &current, pending, previous: None, master };
        let failure = rotation::set(template, versions, &databases).unwrap_err();
        assert_eq!(failure.kind(), Kind::Malformed, "{failure}");
        assert!(!failure.message().contains(PASSWORD) && !failure.may_pass());
    };
    let clone = secret("postgres", "db", "app_clone");
    refused(Template::PostgresSingleUser, &clone, None);
    refused(Template::PostgresSingleUser, &secret("postgres", "other", "app"), None);
    refused(Template::PostgresSingleUser, "{", None);
    refused(Template::PostgresMultiUser, &secret("postgres", "db", "app"), None);
    refused(Template::PostgresMultiUser, &clone, None);
    refused(Template::PostgresMultiUser, &clone, Some(&secret("postgres", "other", "master")));
    refused(Template::PostgresMultiUser, &clone, Some(&secret("postgres", "db", "app_clone")));
    refused(Template::MySqlMultiUser, &clone, Some(&secret("mysql", "db", "master")));
}

#[test]
fn the_pending_version_is_the_current_one_with_a_new_password() {
    let current =
        r#"{"engine": "mariadb", "host": "db", "username": "app", "password": "old", "more": [1.0]}"#;
    let made = rotation::create(Template::MariaDbSingleUser, current, "new").unwrap();
    assert_eq!(made.as_str(), current.replace("old", "new"));
    let made = rotation::create(Template::MariaDbMultiUser, current, "new").unwrap();
    assert_eq!(made.as_str(), current.replace("old", "new").replace("\"app\"", "\"app_clone\""));
    assert_eq!(rotation::create(Template::MariaDbMultiUser, &made, "old").unwrap().as_str(), current);
    for template in Template::ALL {
        assert_eq!(Template::of_function(template.function()), Some(template));
        assert!(rotation::create(template, "{}", "new").is_err());
    }
    assert_eq!(Template::of_function("SecretsManagerRDSOracleRotationSingleUser"), None);
    assert_eq!(rotation::master_arn(r#"{"masterarn":"arn"}"#).as_deref(), Some("arn"));
}
