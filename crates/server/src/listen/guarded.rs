//! The socket of a connection, which tells of its progress and counts what is held for it.

use super::budget::Lease;
use super::connections::Seat;
use super::limits::{ANSWER_BYTES_FREE, HEAD_BYTES_FREE};
use crate::origin::Origin;
use std::io::{Error, IoSlice, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// The place of one connection, shared by its socket and its requests.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) seat: Seat,
    /// The size of the answer that is under way, where it is large enough to be counted.
    answer: AtomicUsize,
}

impl Place {
    pub(super) fn new(seat: Seat) -> Arc<Self> {
        Arc::new(Self { seat, answer: AtomicUsize::new(0) })
    }

    /// An answer of this size goes to the client from now on.
    pub(super) fn answers(&self, bytes: usize) {
        if bytes > ANSWER_BYTES_FREE {
            self.answer.store(bytes, Ordering::Relaxed);
        }
        self.seat.answers();
    }
}

/// A socket under limits. With TLS it is what TLS runs over, so that an unfinished record counts like an unfinished head.
#[derive(Debug)]
pub(super) struct Guarded {
    stream: TcpStream,
    place: Arc<Place>,
    /// What is held of long heads and long answers.
    lease: Lease,
}

impl Guarded {
    /// What is held is counted for `origin`, if for anybody.
    pub(super) fn new(stream: TcpStream, place: Arc<Place>, origin: Option<Origin>) -> Self {
        let lease = place.seat.connections().budget.lease(origin, HEAD_BYTES_FREE);
        Self { stream, place, lease }
    }

    fn received(&mut self, bytes: usize) -> Result<()> {
        self.place.seat.received();
        if self.place.seat.in_head() && !self.lease.grow(bytes) {
            self.place.seat.connections().full();
            return Err(Error::other("too much memory is in use for requests"));
        }
        Ok(())
    }

    fn sending(&mut self) {
        let answer = self.place.answer.swap(0, Ordering::Relaxed);
        if answer > 0 {
            self.lease.clear();
            self.lease.insist(answer);
        }
    }
}

impl AsyncRead for Guarded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let bytes = buffer.filled().len() - before;
        Poll::Ready(if bytes == 0 { Ok(()) } else { self.received(bytes) })
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        self.sending();
        let sent = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        self.place.seat.moved(sent);
        Poll::Ready(Ok(sent))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        self.sending();
        let sent = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, parts))?;
        self.place.seat.moved(sent);
        Poll::Ready(Ok(sent))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        if self.place.seat.flushed() {
            self.lease.clear();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
