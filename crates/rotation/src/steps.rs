//! The steps of a rotation.

use crate::credentials::{Credentials, other_user, replace};
use crate::session::Session;
use crate::{Databases, Failure, Kind, Template, Versions};
use std::time::Duration;
use zeroize::Zeroizing;

/// The most time of one step: a few connections, and a few statements for each privilege of a user.
const STEP: Duration = Duration::from_secs(45);

/// The value of the version AWSPENDING: that of AWSCURRENT with a new password, and for alternating users with the other user's name
/// (`NAME` and `NAME_clone` take turns). All other members stay as they are.
///
/// # Errors
/// [`Kind::Malformed`]: the current value lacks what the template needs, or the name with `_clone` is longer than the database takes.
pub fn create(template: Template, current: &str, new_password: &str) -> Result<Zeroizing<String>, Failure> {
    let now = Credentials::parse(template.engine(), CURRENT, current)?;
    if template.needs_master() {
        let other = other_user(template.engine(), &now.username)?;
        replace(current, &[("username", &other), ("password", new_password)])
    } else {
        replace(current, &[("password", new_password)])
    }
}

/// Gives the database the pending password, and creates the other user if there is none. It is done if the pending version works
/// already. It ends within 45 seconds. Not to be called within an asynchronous runtime.
///
/// # Errors
/// See [`Failure`].
pub fn set(template: Template, versions: Versions<'_>, databases: &Databases) -> Result<(), Failure> {
    let read = |label, value| Credentials::parse(template.engine(), label, value);
    let current = read(CURRENT, versions.current)?;
    let pending = read(PENDING, versions.pending)?;
    if !pending.same_server(&current) {
        return Err(Failure::malformed("the version AWSPENDING is for another database than AWSCURRENT"));
    }
    if template.needs_master() {
        if pending.username != other_user(template.engine(), &current.username)? {
            return Err(Failure::malformed(
                "the version AWSPENDING is for another user than the one whose turn it is",
            ));
        }
        let master = versions.master.ok_or_else(|| {
            Failure::malformed(
                "the version AWSCURRENT lacks `masterarn`, the secret of the user who may create users",
            )
        })?;
        let master = read("AWSCURRENT of the master secret", master)?;
        if !master.same_server(&current) {
            return Err(Failure::malformed("the master secret is for another database than the secret"));
        }
        if pending.username == master.username {
            return Err(Failure::malformed("the other user would be the one of the master secret"));
        }
        guarded(async { alternate(template, databases, &current, &pending, &master).await })
    } else {
        let previous = versions.previous.map(|value| read("AWSPREVIOUS", value));
        guarded(async { change_own(template, databases, &current, &pending, previous).await })
    }
}

/// Logs in with the pending version and asks for the time. It ends within 45 seconds. Not to be called within an asynchronous runtime.
///
/// # Errors
/// See [`Failure`].
pub fn test(template: Template, pending: &str, databases: &Databases) -> Result<(), Failure> {
    let pending = Credentials::parse(template.engine(), PENDING, pending)?;
    guarded(async {
        let mut session = Session::open(template.engine(), databases, &pending).await?;
        session.now().await?;
        session.close().await;
        Ok(())
    })
}

const CURRENT: &str = "AWSCURRENT";
const PENDING: &str = "AWSPENDING";

/// A user's own password, changed by the user.
async fn change_own(
    template: Template,
    databases: &Databases,
    current: &Credentials,
    pending: &Credentials,
    previous: Option<Result<Credentials, Failure>>,
) -> Result<(), Failure> {
    if pending.username != current.username {
        return Err(Failure::malformed("the version AWSPENDING is for another user than AWSCURRENT"));
    }
    let open = |credentials| Session::open(template.engine(), databases, credentials);
    if let Some(session) = unless_refused(open(pending).await)? {
        session.close().await;
        return Ok(());
    }
    let mut found = unless_refused(open(current).await)?;
    // A rotation that was broken off between the database and the labels leaves the current version behind.
    if found.is_none()
        && let Some(previous) = previous
    {
        let previous = previous?;
        if previous.username != pending.username || !previous.same_server(pending) {
            return Err(Failure::malformed(
                "the version AWSPREVIOUS is for another user or database than AWSPENDING",
            ));
        }
        found = unless_refused(open(&previous).await)?;
    }
    let Some(mut session) = found else {
        return Err(Failure::new(
            Kind::Refused,
            format!("{} refuses the pending, the current and the previous password", current.server()),
        ));
    };
    session.set_own_password(&pending.password).await?;
    session.close().await;
    Ok(())
}

/// The other user's password, changed by a user who may; the other user is created with the rights of the current one.
async fn alternate(
    template: Template,
    databases: &Databases,
    current: &Credentials,
    pending: &Credentials,
    master: &Credentials,
) -> Result<(), Failure> {
    let engine = template.engine();
    if let Some(session) = unless_refused(Session::open(engine, databases, pending).await)? {
        session.close().await;
        return Ok(());
    }
    // Who writes another's name into a secret must not get a copy of that one's rights: the current version has to work.
    let mut session =
        Session::open(engine, databases, current).await.map_err(|failure| match failure.kind() {
            Kind::Refused => {
                Failure::new(Kind::Refused, format!("{} refuses the current password", current.server()))
            }
            _ => failure,
        })?;
    let account = session.account().await?;
    session.close().await;
    let mut session =
        Session::open(engine, databases, master).await.map_err(|failure| match failure.kind() {
            Kind::Refused => Failure::new(
                Kind::Refused,
                format!("{} refuses the password of the master secret", master.server()),
            ),
            _ => failure,
        })?;
    session.set_other_password(&account, &pending.username, &pending.password).await?;
    session.close().await;
    Ok(())
}

fn unless_refused(opened: Result<Session, Failure>) -> Result<Option<Session>, Failure> {
    match opened {
        Ok(session) => Ok(Some(session)),
        Err(failure) if failure.kind() == Kind::Refused => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Runs the work in a runtime of its own, which ends with it: what a client left running there, such as the reading of an answer
/// without end, ends too.
fn guarded(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(Kind::Other, format!("no runtime: {error}")))?;
    let done = runtime.block_on(async {
        let late =
            |_| Failure::new(Kind::Timeout, format!("the step took longer than {} seconds", STEP.as_secs()));
        tokio::time::timeout(STEP, work).await.map_err(late)?
    });
    // Not waiting for a name's resolution that hangs.
    runtime.shutdown_background();
    done
}
