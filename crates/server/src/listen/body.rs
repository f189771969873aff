//! Reading the body of a request under limits.

use super::budget::Lease;
use super::connections::Seat;
use super::limits::BODY_BYTES_MAX;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use tokio::time::{Instant, timeout_at};

/// Why a body was not read to its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// It is larger than any may be.
    TooLarge,
    /// It came too slowly.
    TooSlow,
    /// Too much is held for requests already.
    Full,
    /// The client sent a malformed chunk, or went away and reads no answer.
    Broken,
}

/// Reads all of a body. What it holds is counted as it arrives, not as it is announced: announcing costs nothing. But what is announced
/// as too large is not asked for: a client that waits to be told to go on (`Expect: 100-continue`) is told by the first look here.
pub(super) async fn read(mut body: Incoming, seat: &Seat, lease: &mut Lease) -> Result<Bytes, Unread> {
    let limits = &seat.connections().limits;
    if body.size_hint().lower() > BODY_BYTES_MAX as u64 {
        return Err(Unread::TooLarge);
    }
    let mut first = Bytes::new();
    let mut more = BytesMut::new();
    let mut received = 0_usize;
    let mut waiting_since = None;
    loop {
        let frame = {
            let mut frame = pin!(body.frame());
            // Most bodies are there when they are asked for, and need no timer.
            match poll_fn(|cx| Poll::Ready(frame.as_mut().poll(cx))).await {
                Poll::Ready(frame) => frame,
                Poll::Pending => {
                    let now = Instant::now();
                    let since = *waiting_since.get_or_insert(now);
                    // What came fast earns no leave to stop.
                    let deadline = now.min(since + limits.earned(received as u64)) + limits.body_time;
                    timeout_at(deadline, frame).await.map_err(|_| Unread::TooSlow)?
                }
            }
        };
        let data = match frame {
            None => break,
            Some(Err(_)) => return Err(Unread::Broken),
            // Trailers say nothing that any service asks for.
            Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
        };
        received += data.len();
        seat.moved(data.len());
        if received > BODY_BYTES_MAX {
            return Err(Unread::TooLarge);
        }
        if !lease.grow(data.len()) {
            return Err(Unread::Full);
        }
        if first.is_empty() {
            first = data;
        } else {
            if more.is_empty() {
                more.extend_from_slice(&first);
            }
            more.extend_from_slice(&data);
        }
    }
    Ok(if more.is_empty() { first } else { more.freeze() })
}
