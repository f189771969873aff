//! A stream of which only so many bytes are read.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The first answer of a PostgreSQL server that wants the password itself: `R`, length, 3 ("AuthenticationCleartextPassword").
const CLEAR_PASSWORD: [u8; 9] = [b'R', 0, 0, 0, 8, 0, 0, 0, 3];

const TOO_MUCH: &str = "it says more than a rotation reads";
const CLEAR: &str = "it demands the password in clear over a connection without TLS";

/// A stream and how many more bytes may be read from it.
pub(crate) struct Bounded<S> {
    stream: S,
    left: usize,
    /// The first bytes that came, if a password must not be sent in clear.
    first: Option<Vec<u8>>,
}

impl<S> Bounded<S> {
    pub(crate) fn new(stream: S, bytes: usize) -> Self {
        Self { stream, left: bytes, first: None }
    }

    /// Fails if the server wants the password itself.
    pub(crate) fn refuse_clear_passwords(self) -> Self {
        Self { first: Some(Vec::new()), ..self }
    }

    /// True for an error that this stream made.
    pub(crate) fn is_refusal(error: &io::Error) -> bool {
        matches!(error.to_string().as_str(), TOO_MUCH | CLEAR)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.left == 0 {
            return Poll::Ready(Err(io::Error::other(TOO_MUCH)));
        }
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        let came = buf.filled().get(before..).unwrap_or_default();
        self.left = self.left.saturating_sub(came.len());
        if let Some(first) = &mut self.first
            && first.len() < CLEAR_PASSWORD.len()
        {
            first.extend(came.iter().take(CLEAR_PASSWORD.len().saturating_sub(first.len())));
            if *first == CLEAR_PASSWORD {
                return Poll::Ready(Err(io::Error::other(CLEAR)));
            }
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
