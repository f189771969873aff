//! A session with a database, whichever it is.

use crate::credentials::{Credentials, Ssl};
use crate::{Databases, Engine, Failure, Kind, mysql, postgres};
use std::net::SocketAddr;
use std::time::Duration;

/// A user who is logged in.
pub(crate) enum Session {
    Postgres(postgres::Session),
    MySql(mysql::Session),
}

/// The account that a user is logged in as: in MySQL and MariaDB with the hosts that it may come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) user: String,
    pub(crate) host: String,
}

impl Session {
    /// Logs in. If the secret does not say whether to speak TLS, it is tried, and then plain TCP.
    pub(crate) async fn open(
        engine: Engine,
        databases: &Databases,
        credentials: &Credentials,
    ) -> Result<Self, Failure> {
        let what = credentials.server();
        let work = async {
            let addresses = databases.reach.resolve(&credentials.host, credentials.port).await;
            let addresses = addresses.map_err(|error| Failure::new(Kind::Unreachable, error.to_string()))?;
            match credentials.ssl {
                Ssl::Demanded => login(engine, databases, credentials, &addresses, true).await,
                Ssl::Never => login(engine, databases, credentials, &addresses, false).await,
                Ssl::Preferred => match login(engine, databases, credentials, &addresses, true).await {
                    Err(failure) if failure.kind() == Kind::Tls => {
                        login(engine, databases, credentials, &addresses, false).await
                    }
                    done => done,
                },
            }
        };
        within(databases.limits.connect, &what, work).await
    }

    /// Asks for the time.
    pub(crate) async fn now(&mut self) -> Result<(), Failure> {
        match self {
            Self::Postgres(session) => session.now().await,
            Self::MySql(session) => session.now().await,
        }
    }

    /// The account that this is.
    pub(crate) async fn account(&mut self) -> Result<Account, Failure> {
        match self {
            Self::Postgres(session) => session.account().await,
            Self::MySql(session) => session.account().await,
        }
    }

    /// Changes the password of the user who is logged in.
    pub(crate) async fn set_own_password(&mut self, password: &str) -> Result<(), Failure> {
        match self {
            Self::Postgres(session) => session.set_own_password(password).await,
            Self::MySql(session) => session.set_own_password(password).await,
        }
    }

    /// Changes the password of another user, who gets the rights of a third and is created if need be.
    pub(crate) async fn set_other_password(
        &mut self,
        like: &Account,
        user: &str,
        password: &str,
    ) -> Result<(), Failure> {
        match self {
            Self::Postgres(session) => session.set_other_password(like, user, password).await,
            Self::MySql(session) => session.set_other_password(like, user, password).await,
        }
    }

    /// Says goodbye.
    pub(crate) async fn close(self) {
        match self {
            Self::Postgres(session) => session.close().await,
            Self::MySql(session) => session.close().await,
        }
    }
}

async fn login(
    engine: Engine,
    databases: &Databases,
    credentials: &Credentials,
    addresses: &[SocketAddr],
    tls: bool,
) -> Result<Session, Failure> {
    match engine {
        Engine::Postgres => {
            postgres::Session::open(databases, credentials, addresses, tls).await.map(Session::Postgres)
        }
        Engine::MySql | Engine::MariaDb => {
            mysql::Session::open(databases, credentials, addresses, tls).await.map(Session::MySql)
        }
    }
}

/// Work that has an end.
pub(crate) async fn within<T>(
    time: Duration,
    server: &str,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let late = |_| Failure::new(Kind::Timeout, format!("{server} did not answer within {time:?}"));
    tokio::time::timeout(time, work).await.map_err(late)?
}
