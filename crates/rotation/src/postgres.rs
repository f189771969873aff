//! PostgreSQL.

use crate::bounded::Bounded;
use crate::credentials::Credentials;
use crate::session::{Account, within};
use crate::{Databases, Failure, Kind};
use postgres_protocol::escape::{escape_identifier, escape_literal};
use postgres_protocol::password::scram_sha_256;
use rustls::pki_types::ServerName;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_postgres::config::{ChannelBinding, SslMode};
use tokio_postgres::{Client, Config, NoTls};
use tokio_rustls::TlsConnector;
use zeroize::Zeroizing;

/// The request to speak TLS: its length, and 1234.5679 in place of a version ("Message Formats" of PostgreSQL).
const TLS_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// The first version that takes a SCRAM verifier for a password: an older one would take the verifier itself for the password.
const OLDEST: i32 = 100_000;

/// A user who is logged in.
pub(crate) struct Session {
    client: Client,
    driver: JoinHandle<()>,
    server: String,
    statement: Duration,
}

impl Session {
    pub(crate) async fn open(
        databases: &Databases,
        credentials: &Credentials,
        addresses: &[SocketAddr],
        tls: bool,
    ) -> Result<Self, Failure> {
        let server = credentials.server();
        let unreachable =
            |error: std::io::Error| Failure::new(Kind::Unreachable, format!("{server}: {}", error.kind()));
        let stream = TcpStream::connect(addresses).await.map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        let mut stream = Bounded::new(stream, databases.limits.bytes);
        if !tls {
            return Self::login(databases, credentials, stream.refuse_clear_passwords()).await;
        }
        stream.write_all(&TLS_REQUEST).await.map_err(unreachable)?;
        if stream.read_u8().await.map_err(unreachable)? != b'S' {
            return Err(Failure::new(Kind::Tls, format!("{server} does not speak TLS")));
        }
        let untrusted =
            |reason: &dyn std::fmt::Display| Failure::new(Kind::Tls, format!("{server}: {reason}"));
        let name = ServerName::try_from(credentials.host.clone()).map_err(|error| untrusted(&error))?;
        let stream = TlsConnector::from(databases.trust.config()).connect(name, stream).await;
        Self::login(databases, credentials, stream.map_err(|error| untrusted(&error))?).await
    }

    async fn login<S>(databases: &Databases, credentials: &Credentials, stream: S) -> Result<Self, Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let server = credentials.server();
        let mut config = Config::new();
        config
            .user(&credentials.username)
            .password(credentials.password.as_bytes())
            .dbname(credentials.database.as_deref().unwrap_or("postgres"))
            .application_name("fastness")
            // The stream speaks TLS already, or is to be plain.
            .ssl_mode(SslMode::Disable)
            .channel_binding(ChannelBinding::Disable);
        let opened = config.connect_raw(stream, NoTls).await;
        let (client, connection) = opened.map_err(|error| failure(&server, &error, true))?;
        let driver = tokio::spawn(async move {
            let _end = connection.await;
        });
        Ok(Self { client, driver, server, statement: databases.limits.statement })
    }

    pub(crate) async fn now(&mut self) -> Result<(), Failure> {
        self.run("SELECT now()").await
    }

    pub(crate) async fn account(&mut self) -> Result<Account, Failure> {
        let asked = self.client.query_one("SELECT session_user::text", &[]);
        let row = within(self.statement, &self.server, async {
            asked.await.map_err(|error| failure(&self.server, &error, false))
        });
        let user = row.await?.try_get(0).map_err(|error| failure(&self.server, &error, false))?;
        Ok(Account { user, host: String::new() })
    }

    pub(crate) async fn set_own_password(&mut self, password: &str) -> Result<(), Failure> {
        let user = self.account().await?.user;
        let verifier = self.verifier(password).await?;
        self.run(&format!("ALTER ROLE {} PASSWORD {}", escape_identifier(&user), *verifier)).await
    }

    pub(crate) async fn set_other_password(
        &mut self,
        like: &Account,
        user: &str,
        password: &str,
    ) -> Result<(), Failure> {
        let verifier = self.verifier(password).await?;
        let found = within(self.statement, &self.server, async {
            let known = "SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = $1";
            let asked = self.client.query_opt(known, &[&user]).await;
            asked.map_err(|error| failure(&self.server, &error, false))
        });
        let (name, like) = (escape_identifier(user), escape_identifier(&like.user));
        if found.await?.is_some() {
            return self.run(&format!("ALTER ROLE {name} PASSWORD {}", *verifier)).await;
        }
        // One message is one transaction: there is never a user without the rights.
        self.run(&format!("CREATE ROLE {name} LOGIN PASSWORD {}; GRANT {like} TO {name}", *verifier)).await
    }

    pub(crate) async fn close(self) {
        drop(self.client);
        let _end = tokio::time::timeout(self.statement, self.driver).await;
    }

    /// What stands for a password in a statement. The password itself would be in the server's logs of statements.
    async fn verifier(&self, password: &str) -> Result<Zeroizing<String>, Failure> {
        let version = within(self.statement, &self.server, async {
            let asked = self.client.query_one("SELECT current_setting('server_version_num')::int4", &[]);
            asked.await.map_err(|error| failure(&self.server, &error, false))
        });
        let version: i32 = version.await?.try_get(0).map_err(|error| failure(&self.server, &error, false))?;
        if version < OLDEST {
            return Err(Failure::new(Kind::Refused, format!("{} is older than PostgreSQL 10", self.server)));
        }
        Ok(Zeroizing::new(escape_literal(&scram_sha_256(password.as_bytes()))))
    }

    async fn run(&self, statements: &str) -> Result<(), Failure> {
        within(self.statement, &self.server, async {
            let done = self.client.batch_execute(statements).await;
            done.map_err(|error| failure(&self.server, &error, false))
        })
        .await
    }
}

/// What an error means; its code at most, as a server's words may repeat what it was sent.
fn failure(server: &str, error: &tokio_postgres::Error, login: bool) -> Failure {
    let Some(code) = error.code().map(|code| code.code()) else {
        let mut cause = std::error::Error::source(error);
        while let Some(inner) = cause {
            if let Some(io) = inner.downcast_ref::<std::io::Error>() {
                return match Bounded::<()>::is_refusal(io) {
                    true => Failure::new(Kind::Other, format!("{server}: {io}")),
                    false
                        if io.kind() == std::io::ErrorKind::InvalidData
                            || io.kind() == std::io::ErrorKind::InvalidInput =>
                    {
                        Failure::new(
                            Kind::Other,
                            format!("{server} does not speak the protocol of PostgreSQL"),
                        )
                    }
                    false => Failure::new(Kind::Unreachable, format!("{server}: {}", io.kind())),
                };
            }
            cause = inner.source();
        }
        return match error.is_closed() {
            true => Failure::new(Kind::Unreachable, format!("{server} closed the connection")),
            false => Failure::new(Kind::Other, format!("{server} answered what PostgreSQL does not answer")),
        };
    };
    let code: String = code.chars().filter(char::is_ascii_alphanumeric).take(5).collect();
    let kind = match code.get(..2) {
        // Resources, an operator's intervention, or the system's own trouble.
        Some("53" | "57" | "58" | "08") => Kind::Unreachable,
        Some("28") => Kind::Refused,
        _ if login => Kind::Other,
        _ => Kind::Refused,
    };
    let what = if login { "the log-in" } else { "a statement" };
    Failure::new(kind, format!("{server} refused {what}: SQLSTATE {code}"))
}
