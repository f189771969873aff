//! What Encrypt loses to LookupEvents in a long trail.

use crate::client::{self, Connection, Target};
use crate::report::{Row, heads, line, rows};
use crate::{Case, Failure, ROUND, Run, encrypt, key_id};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// How many connections call LookupEvents.
const LOOKING: usize = 2;

/// The calls a second that AWS allows an account and Region, over all connections.
const QUOTA: u32 = 2;

const LOOKUP: &str = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents";

/// Fills the trail until it has so many records, and measures Encrypt alone, beside LookupEvents as often as AWS allows it, and beside
/// LookupEvents without a pause. It looks for a user that never called.
pub(crate) async fn measure(run: &Run, records: usize) -> Result<(), Failure> {
    let mut kms = Connection::open(&run.target, "kms").await?;
    let key = key_id(&kms.call("TrentService.CreateKey", "{}").await?)?;
    let case = Case::kms("Encrypt alone", "TrentService.Encrypt", encrypt(&key));
    let (mut made, began) = (0, Instant::now());
    while made < records {
        let load = client::load(&run.target, case.service, case.target, &case.bodies, ROUND, run.connections);
        made += load.await?.latencies.len();
    }
    line(format_args!("{made} records, made in {:.0} s", began.elapsed().as_secs_f64()));

    let ways = [None, Some(Duration::from_secs(LOOKING as u64) / QUOTA), Some(Duration::ZERO)];
    let names = [case.name.as_str(), "beside, within quota", "beside, without pause"];
    let (mut measured, looked) = (names.map(Row::new), names.map(|_| Arc::new(AtomicUsize::new(0))));
    for _ in 0..run.rounds {
        for ((way, row), looked) in ways.iter().zip(&mut measured).zip(&looked) {
            let mut looking = JoinSet::new();
            for _ in 0..way.map_or(0, |_| LOOKING) {
                let (target, pause) = (run.target.clone(), way.unwrap_or_default());
                looking.spawn(look(target, pause, Arc::clone(looked)));
            }
            row.rounds.push(run.round(&case).await?);
            // One that ended by itself failed.
            while let Some(ended) = looking.try_join_next() {
                ended??;
            }
        }
    }
    line(format_args!("× bare is × alone; what LookupEvents takes of the processors is counted for Encrypt"));
    heads();
    rows(&measured);
    for (name, looked) in names.iter().zip(&looked) {
        let looked = looked.load(Ordering::Relaxed);
        line(format_args!("{name}: {looked} calls of LookupEvents in {} rounds", run.rounds));
    }
    Ok(())
}

/// Calls page after page, from the newest record again after the last, until it is dropped.
async fn look(target: Target, pause: Duration, looked: Arc<AtomicUsize>) -> Result<(), Failure> {
    let mut trail = Connection::open(&target, "cloudtrail").await?;
    let mut token = None;
    loop {
        let next = Instant::now() + pause;
        let mut asked = serde_json::json!({
            "LookupAttributes": [{ "AttributeKey": "Username", "AttributeValue": "nobody-of-this-name" }],
        });
        if let (Some(token), Some(asked)) = (token, asked.as_object_mut()) {
            asked.insert("NextToken".to_owned(), token);
        }
        let page = trail.call(LOOKUP, &asked.to_string()).await?;
        token = page.get("NextToken").filter(|token| token.is_string()).cloned();
        looked.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep_until(next).await;
    }
}
