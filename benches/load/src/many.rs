//! What it costs that an account has many keys.

use crate::client::{Connection, Target};
use crate::report::{line, mb, rows};
use crate::{Case, Failure, Run, encrypt, in_turn, key_id, process};
use std::sync::Arc;
use std::time::Instant;
use tokio::task::JoinSet;

/// How many keys.
const KEYS: usize = 100_000;

/// How many callers make them.
const CALLERS: usize = 64;

/// The regions they are made in, which have no keys: half of them each, far from the quota of a region. The keys of the first are used.
const REGIONS: [&str; 2] = ["eu-central-1", "eu-west-1"];

/// Makes the keys, and measures Encrypt before, and afterwards with one of them and with all in turn.
pub(crate) async fn measure(run: &Run, bare: &Run) -> Result<(), Failure> {
    let [first, second] = REGIONS.map(|region| Target { region, ..run.target.clone() });
    let run = Run { target: first, ..run.clone() };
    let mut keys = make(&run.target, 1).await?;
    let with = |name: &str, keys: &[String]| Case {
        bodies: keys.iter().map(|key| encrypt(key)).collect(),
        ..Case::kms(name, "TrentService.Encrypt", String::new())
    };
    let one = with("Encrypt, 1 key", &keys);
    let echoed = Case { name: "bare hyper echo".to_owned(), ..one.clone() };
    let few = in_turn(&[(bare, &echoed), (&run, &one)]).await?;
    rows(&few);
    let (before, began) = (process::memory(run.pid)?, Instant::now());
    keys.extend(make(&run.target, KEYS / 2 - 1).await?);
    let made = keys.len() + make(&second, KEYS / 2).await?.len();
    let (after, took) = (process::memory(run.pid)?, began.elapsed());
    let one = Case { name: "Encrypt, 100,000 keys".to_owned(), ..one };
    let many =
        in_turn(&[(bare, &echoed), (&run, &one), (&run, &with("Encrypt with each in turn", &keys))]).await?;
    rows(&many);
    line(format_args!(
        "{made} keys, made in {:.1} s: {:.1} MB before, {:.1} MB after, {:.1} MB after their use",
        took.as_secs_f64(),
        mb(before),
        mb(after),
        mb(process::memory(run.pid)?)
    ));
    Ok(())
}

/// Makes keys and gives their ids.
async fn make(target: &Target, count: usize) -> Result<Vec<String>, Failure> {
    let mut callers = JoinSet::new();
    let target = Arc::new(target.clone());
    for caller in 0..CALLERS {
        let target = Arc::clone(&target);
        let share = count / CALLERS + usize::from(caller < count % CALLERS);
        callers.spawn(async move {
            let mut kms = Connection::open(&target, "kms").await?;
            let mut keys = Vec::with_capacity(share);
            for _ in 0..share {
                keys.push(key_id(&kms.call("TrentService.CreateKey", "{}").await?)?);
            }
            Ok::<_, Failure>(keys)
        });
    }
    let mut keys = Vec::with_capacity(count);
    while let Some(made) = callers.join_next().await {
        keys.extend(made??);
    }
    Ok(keys)
}
