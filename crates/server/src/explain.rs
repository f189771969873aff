//! Keeping why a call was denied, and telling it.

use crate::Deployment;
use crate::pipeline::append;
use http::{HeaderName, HeaderValue};
use platform::denial::Wanted;
use platform::trail::Record;
use platform::{Denial, Fault, TRAIL, Tx};
use serde_json::{Value, json};
use store::Order;
use wire::Answer;

/// The header of a denial that holds the message for `sts:DecodeAuthorizationMessage`. AWS puts such a message into the error
/// text of a few operations; the texts of those that are served here have none.
const MESSAGE_HEADER: HeaderName = HeaderName::from_static("x-fastness-authorization-message");

/// How many records are read at a time when one is looked for.
const RECORDS_AT_A_TIME: usize = 4096;

impl Deployment {
    /// Records a denial with why, and puts into the answer what both are found by.
    pub(crate) async fn record_denial(
        &self,
        forwarded: &[Vec<u8>],
        record: Record<'_>,
        denial: &Denial,
        mut answer: Answer,
    ) -> Result<Answer, Fault> {
        let begin = || Tx::begin(&self.store, &self.env.keyring);
        let mut tx = begin();
        append(&mut tx, forwarded, &record)?;
        let slot = self.denials.keep(&mut tx, &mut begin(), denial)?;
        let message = denial.encoded(&self.env.keyring, slot)?;
        self.commit(tx).await?;
        if let Ok(value) = HeaderValue::try_from(message) {
            answer.headers.push((MESSAGE_HEADER, value));
        }
        Ok(answer)
    }

    /// What is known of a request: its audit record and, if policies denied it and that is still kept, why, with the message
    /// for `sts:DecodeAuthorizationMessage`. Members that are not known are null. Reads the whole trail if it must.
    ///
    /// # Errors
    /// Unavailable.
    pub fn explain_request(&self, request_id: &str) -> Result<Value, Fault> {
        let mut tx = Tx::begin(&self.store, &self.env.keyring);
        let found = Denial::find(&mut tx, request_id)?;
        let record = find_record(&tx, request_id)?;
        let encoded = match &found {
            Some((slot, denial)) => Some(denial.encoded(&self.env.keyring, *slot)?),
            None => None,
        };
        Ok(json!({ "record": record, "denial": found.map(|(_, denial)| denial), "encoded": encoded }))
    }
}

impl Deployment {
    /// The newest denials that are wanted, the newest first: of each who, when, what and the request's id.
    ///
    /// # Errors
    /// Unavailable.
    pub fn recent_denials(&self, wanted: &Wanted, limit: usize) -> Result<Vec<Value>, Fault> {
        let mut tx = Tx::begin(&self.store, &self.env.keyring);
        let summary = |denial: Denial| {
            json!({
                "requestId": denial.request_id, "time": denial.time, "principal": denial.principal,
                "action": denial.action, "resource": denial.resource, "message": denial.message,
            })
        };
        Ok(Denial::recent(&mut tx, wanted, limit)?.into_iter().map(summary).collect())
    }
}

/// The record of a request, looked for from the newest on.
fn find_record(tx: &Tx<'_>, request_id: &str) -> Result<Option<Value>, Fault> {
    let (first, mut next) = tx.log_bounds(TRAIL);
    while next > first {
        let page = tx.read_log(TRAIL, next - 1, Order::Reverse, RECORDS_AT_A_TIME)?;
        let Some(oldest) = page.last().map(|entry| entry.position) else { return Ok(None) };
        for entry in &page {
            let holds = entry.bytes.windows(request_id.len()).any(|bytes| bytes == request_id.as_bytes());
            if holds
                && let Ok(record) = serde_json::from_slice::<Value>(&entry.bytes)
                && record.get("requestID").and_then(Value::as_str) == Some(request_id)
            {
                return Ok(Some(record));
            }
        }
        next = oldest;
    }
    Ok(None)
}
