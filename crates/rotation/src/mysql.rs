//! MySQL and MariaDB.

use crate::credentials::Credentials;
use crate::session::{Account, within};
use crate::{Databases, Failure, Kind};
use mysql_async::prelude::{FromRow, Queryable as _};
use mysql_async::{Conn, DriverError, Error, IoError, OptsBuilder, SslOpts};
use std::net::SocketAddr;
use std::time::Duration;
use zeroize::Zeroizing;

/// What a session begins with: strings are quoted by doubling quotes alone, and names come back in backticks, whatever the server's
/// own settings are.
const SETUP: &str = "SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES', SESSION sql_quote_show_create = 1";

/// The most rows that are read: a user's privileges.
const ROWS_MAX: usize = 4096;

/// A user who is logged in.
pub(crate) struct Session {
    conn: Conn,
    server: String,
    statement: Duration,
    mariadb: bool,
}

impl Session {
    pub(crate) async fn open(
        databases: &Databases,
        credentials: &Credentials,
        addresses: &[SocketAddr],
        tls: bool,
    ) -> Result<Self, Failure> {
        let server = credentials.server();
        let trusted = || {
            let roots = databases.trust.roots().iter().map(|root| root.to_vec().into()).collect();
            SslOpts::default().with_disable_built_in_roots(true).with_root_certs(roots)
        };
        let addresses: Vec<_> = addresses.iter().map(SocketAddr::ip).collect();
        let options = OptsBuilder::default()
            .ip_or_hostname(credentials.host.clone())
            .tcp_port(credentials.port)
            .resolved_ips(Some(addresses))
            .user(Some(credentials.username.clone()))
            .pass(Some(credentials.password.to_string()))
            .db_name(credentials.database.clone())
            .ssl_opts(tls.then(trusted))
            .max_allowed_packet(Some(databases.limits.bytes))
            .wait_timeout(Some(60))
            // A server must not lead the client to a file or socket of this host.
            .prefer_socket(false)
            .setup(vec![SETUP]);
        let mut conn = Conn::new(options).await.map_err(|error| failure(&server, &error, true))?;
        let version: Option<String> =
            conn.query_first("SELECT VERSION()").await.map_err(|error| failure(&server, &error, true))?;
        let mariadb = version.is_some_and(|version| version.to_ascii_lowercase().contains("mariadb"));
        Ok(Self { conn, server, statement: databases.limits.statement, mariadb })
    }

    pub(crate) async fn now(&mut self) -> Result<(), Failure> {
        self.rows::<String>("SELECT CAST(NOW() AS CHAR)").await.map(drop)
    }

    pub(crate) async fn account(&mut self) -> Result<Account, Failure> {
        let rows: Vec<String> = self.rows("SELECT CURRENT_USER()").await?;
        let account = rows.first().and_then(|account| account.rsplit_once('@'));
        let (user, host) = account.ok_or_else(|| unexpected(&self.server))?;
        Ok(Account { user: user.to_owned(), host: host.to_owned() })
    }

    pub(crate) async fn set_own_password(&mut self, password: &str) -> Result<(), Failure> {
        let password = quoted(password);
        let statement = match self.mariadb {
            true => format!("SET PASSWORD = PASSWORD({})", *password),
            false => format!("ALTER USER USER() IDENTIFIED BY {}", *password),
        };
        self.run(Zeroizing::new(statement)).await
    }

    /// Every statement may be repeated, so that a step that was broken off can be: the user is created if need be, gets all rights
    /// (again), and the password last.
    pub(crate) async fn set_other_password(
        &mut self,
        like: &Account,
        user: &str,
        password: &str,
    ) -> Result<(), Failure> {
        let from = format!("{}@{}", *quoted(&like.user), *quoted(&like.host));
        let to = format!("{}@{}", *quoted(user), *quoted(&like.host));
        let password = quoted(password);
        let tls = self.demanded_tls(like).await?;
        let create = format!("CREATE USER IF NOT EXISTS {to} IDENTIFIED BY {}{tls}", *password);
        self.run(Zeroizing::new(create)).await?;
        let grants: Vec<String> = self.rows(&format!("SHOW GRANTS FOR {from}")).await?;
        for grant in grants {
            if let Some(grant) = granted_to(&grant, like, &to) {
                self.run(Zeroizing::new(grant)).await?;
            }
        }
        let alter = format!("ALTER USER {to} IDENTIFIED BY {}", *password);
        self.run(Zeroizing::new(alter)).await
    }

    /// The demands on TLS that an account has, as the end of a statement.
    async fn demanded_tls(&mut self, of: &Account) -> Result<String, Failure> {
        let statement = format!(
            "SELECT CAST(ssl_type AS CHAR), CAST(ssl_cipher AS CHAR), CAST(x509_issuer AS CHAR), CAST(x509_subject AS CHAR) \
             FROM mysql.user WHERE User = {} AND Host = {}",
            *quoted(&of.user),
            *quoted(&of.host)
        );
        let rows: Vec<(String, String, String, String)> = self.rows(&statement).await?;
        let Some((kind, cipher, issuer, subject)) = rows.into_iter().next() else { return Ok(String::new()) };
        Ok(match kind.as_str() {
            "ANY" => " REQUIRE SSL".to_owned(),
            "X509" => " REQUIRE X509".to_owned(),
            "SPECIFIED" => {
                let parts = [("CIPHER", cipher), ("ISSUER", issuer), ("SUBJECT", subject)];
                let parts = parts.iter().filter(|(_, value)| !value.is_empty());
                let parts: Vec<_> = parts.map(|(name, value)| format!("{name} {}", *quoted(value))).collect();
                format!(" REQUIRE {}", parts.join(" AND "))
            }
            _ => String::new(),
        })
    }

    pub(crate) async fn close(self) {
        let _end = tokio::time::timeout(self.statement, self.conn.disconnect()).await;
    }

    async fn run(&mut self, statement: Zeroizing<String>) -> Result<(), Failure> {
        within(self.statement, &self.server, async {
            let done = self.conn.query_drop(statement.as_str()).await;
            done.map_err(|error| failure(&self.server, &error, false))
        })
        .await
    }

    async fn rows<T: FromRow + Send + 'static>(&mut self, statement: &str) -> Result<Vec<T>, Failure> {
        let Self { conn, server, statement: time, .. } = self;
        within(*time, server, async {
            let wrong = |error: Error| failure(server, &error, false);
            let mut answer = conn.query_iter(statement).await.map_err(wrong)?;
            let mut rows = Vec::new();
            while let Some(row) = answer.next().await.map_err(wrong)? {
                if rows.len() == ROWS_MAX {
                    return Err(Failure::new(
                        Kind::Other,
                        format!("{server} says more than a rotation reads"),
                    ));
                }
                rows.push(T::from_row_opt(row).map_err(|_| unexpected(server))?);
            }
            Ok(rows)
        })
        .await
    }
}

/// A string in a statement, in a session that began with [`SETUP`].
fn quoted(text: &str) -> Zeroizing<String> {
    Zeroizing::new(format!("'{}'", text.replace('\'', "''")))
}

/// A right of one account, as `SHOW GRANTS` gives it, as the statement that gives it to another. The password's hash, which MariaDB
/// shows with the first, stays behind.
fn granted_to(grant: &str, from: &Account, to: &str) -> Option<String> {
    let tick = |text: &str| format!("`{}`", text.replace('`', "``"));
    let account = format!("{}@{}", tick(&from.user), tick(&from.host));
    let word = match grant {
        _ if grant.starts_with("GRANT ") => " TO ",
        _ if grant.starts_with("SET DEFAULT ROLE ") => " FOR ",
        _ => return None,
    };
    let (rights, rest) = grant.rsplit_once(&format!("{word}{account}"))?;
    let option = ["WITH GRANT OPTION", "WITH ADMIN OPTION"].into_iter().find(|option| rest.ends_with(option));
    Some(format!("{rights}{word}{to}{}", option.map(|option| format!(" {option}")).unwrap_or_default()))
}

fn unexpected(server: &str) -> Failure {
    Failure::new(Kind::Other, format!("{server} answered what MySQL and MariaDB do not answer"))
}

/// What an error means; its code at most, as a server's words may repeat what it was sent.
fn failure(server: &str, error: &Error, login: bool) -> Failure {
    match error {
        Error::Server(error) => {
            let kind = match error.code {
                // Access denied, the account is locked, or its password expired.
                1045 | 1698 | 1862 | 3118 | 4151 => Kind::Refused,
                // Too many connections, shutting down, a lock that was not given.
                1040 | 1041 | 1053 | 1129 | 1203 | 1205 | 1213 | 1226 => Kind::Unreachable,
                _ if login => Kind::Other,
                _ => Kind::Refused,
            };
            let what = if login { "the log-in" } else { "a statement" };
            Failure::new(kind, format!("{server} refused {what}: error {}", error.code))
        }
        Error::Driver(DriverError::NoClientSslFlagFromServer) => {
            Failure::new(Kind::Tls, format!("{server} does not speak TLS"))
        }
        Error::Driver(DriverError::ConnectionClosed) => {
            Failure::new(Kind::Unreachable, format!("{server} closed the connection"))
        }
        Error::Driver(DriverError::CleartextPluginDisabled) => {
            Failure::new(Kind::Other, format!("{server} demands the password in clear"))
        }
        Error::Io(IoError::Tls(error)) => Failure::new(Kind::Tls, format!("{server}: {error}")),
        Error::Io(IoError::Io(error)) => {
            let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
            match tls {
                Some(reason) => Failure::new(Kind::Tls, format!("{server}: {reason}")),
                None => Failure::new(Kind::Unreachable, format!("{server}: {}", error.kind())),
            }
        }
        _ => unexpected(server),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_end_where_they_should() {
        assert_eq!(quoted("a'; DROP USER root; -- \\").as_str(), "'a''; DROP USER root; -- \\'");
    }

    #[test]
    fn rights_go_over_and_hashes_stay() {
        let from = Account { user: "o`r".to_owned(), host: "%".to_owned() };
        for (grant, wanted) in [
            (
                "GRANT USAGE ON *.* TO `o``r`@`%` IDENTIFIED BY PASSWORD '*0A'",
                Some("GRANT USAGE ON *.* TO 'b'@'%'"),
            ),
            (
                "GRANT SELECT (`a TO b`) ON `d`.`t` TO `o``r`@`%` WITH GRANT OPTION",
                Some("GRANT SELECT (`a TO b`) ON `d`.`t` TO 'b'@'%' WITH GRANT OPTION"),
            ),
            ("GRANT `role` TO `o``r`@`%`", Some("GRANT `role` TO 'b'@'%'")),
            ("SET DEFAULT ROLE `role` FOR `o``r`@`%`", Some("SET DEFAULT ROLE `role` FOR 'b'@'%'")),
            ("GRANT SELECT ON *.* TO `other`@`%`", None),
            ("DROP USER `o``r`@`%`", None),
        ] {
            assert_eq!(granted_to(grant, &from, "'b'@'%'").as_deref(), wanted, "{grant}");
        }
    }
}
