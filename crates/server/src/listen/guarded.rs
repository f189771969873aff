//! The socket of a connection, which tells of its progress and counts what is held for it.

use super::budget::Lease;
use super::connections::Seat;
use super::limits::{ANSWER_BYTES_FREE, HEAD_BYTES_FREE};
use super::socket::Socket;
use crate::origin::Origin;
use platform::Client;
use rustix::net::{Shutdown, shutdown};
use std::io::{Error, ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};

/// The place of one connection, shared by its socket and its requests.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) seat: Seat,
    pub(super) socket: Arc<Socket>,
    /// The size of the answer that is under way, where it is large enough to be counted.
    answer: AtomicUsize,
}

impl Place {
    pub(super) fn new(seat: Seat, socket: Socket) -> Arc<Self> {
        Arc::new(Self { seat, socket: Arc::new(socket), answer: AtomicUsize::new(0) })
    }

    /// Who is at the other end.
    pub(super) fn client(&self) -> Client {
        Client::of(Arc::<Socket>::clone(&self.socket))
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
    place: Arc<Place>,
    /// What is held of long heads and long answers.
    lease: Lease,
}

impl Guarded {
    /// What is held is counted for `origin`, if for anybody.
    pub(super) fn new(place: Arc<Place>, origin: Option<Origin>) -> Self {
        let lease = place.seat.connections().budget.lease(origin, HEAD_BYTES_FREE);
        Self { place, lease }
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

/// Tries until it is done or has to wait.
macro_rules! ready_to {
    ($ready:expr, $tried:expr) => {
        loop {
            ready!($ready)?;
            match $tried {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                tried => break tried,
            }
        }
    };
}

impl AsyncRead for Guarded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let stream = &self.place.socket.stream;
        let room = buffer.remaining();
        let bytes = ready_to!(stream.poll_read_ready(cx), {
            let mut read = None;
            let tried = stream.try_io(Interest::READABLE, || {
                let bytes = *read.insert(stream.try_read_buf(buffer)?);
                // What does not fill the buffer was all there is: that saves the system call that would say so.
                if (1..room).contains(&bytes) { Err(ErrorKind::WouldBlock.into()) } else { Ok(bytes) }
            });
            read.map_or(tried, Ok)
        })?;
        Poll::Ready(if bytes == 0 { Ok(()) } else { self.received(bytes) })
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        self.sending();
        let stream = &self.place.socket.stream;
        let sent = ready_to!(stream.poll_write_ready(cx), stream.try_write(bytes))?;
        self.place.seat.moved(sent);
        Poll::Ready(Ok(sent))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        self.sending();
        let stream = &self.place.socket.stream;
        let sent = ready_to!(stream.poll_write_ready(cx), stream.try_write_vectored(parts))?;
        self.place.seat.moved(sent);
        Poll::Ready(Ok(sent))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        if self.place.seat.flushed() {
            self.lease.clear();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(shutdown(&self.place.socket.stream, Shutdown::Write).map_err(Error::from))
    }
}
