//! The socket of a connection, which can be asked whether its client is still there.

use platform::Connected;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{RecvFlags, recv};
use tokio::net::TcpStream;

/// A socket that is shared by what moves its bytes and by the calls that look at it.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) stream: TcpStream,
    /// Whether TLS is spoken over it.
    pub(super) tls: bool,
}

impl Connected for Socket {
    /// A client is gone that reset its connection, or that ended it over TLS without saying so: who means to read on sends a closing
    /// alert first (RFC 8446, section 6.1). One that ended it in plain HTTP may still read, which only an answer can tell.
    fn is_gone(&self) -> bool {
        const AT_ONCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };
        let mut looked = [PollFd::new(&self.stream, PollFlags::RDHUP)];
        if !poll(&mut looked, Some(&AT_ONCE)).is_ok_and(|found| found > 0) {
            return false;
        }
        let found = looked.iter().fold(PollFlags::empty(), |found, of| found | of.revents());
        let ended = || recv(&self.stream, &mut [0], RecvFlags::PEEK | RecvFlags::DONTWAIT);
        found.intersects(PollFlags::ERR | PollFlags::HUP)
            || (self.tls && found.contains(PollFlags::RDHUP) && ended().is_ok_and(|(_, unread)| unread == 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::sockopt::set_socket_linger;
    use rustix::net::{Shutdown, send, shutdown};
    use std::time::Duration;
    use tokio::net::TcpListener;

    /// Waits until what the client did last has come, and tells whether it is gone.
    async fn after(tls: bool, act: impl FnOnce(TcpStream) -> Option<TcpStream>) -> bool {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let socket = Socket { stream: listener.accept().await.unwrap().0, tls };
        assert!(!socket.is_gone());
        let _kept = act(client);
        let ended = || {
            let mut looked = [PollFd::new(&socket.stream, PollFlags::RDHUP)];
            poll(&mut looked, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap() > 0
        };
        while !ended() {
            tokio::task::yield_now().await;
        }
        socket.is_gone()
    }

    fn reset(client: TcpStream) -> Option<TcpStream> {
        set_socket_linger(&client, Some(Duration::ZERO)).unwrap();
        None
    }

    fn end(client: TcpStream) -> Option<TcpStream> {
        shutdown(&client, Shutdown::Write).unwrap();
        Some(client)
    }

    /// As TLS ends its half: with an alert, which is not read while a call is served.
    fn say_and_end(client: TcpStream) -> Option<TcpStream> {
        send(&client, b"alert", rustix::net::SendFlags::empty()).unwrap();
        end(client)
    }

    #[tokio::test]
    async fn who_resets_is_gone_and_who_may_read_on_is_not() {
        for tls in [false, true] {
            assert!(after(tls, reset).await);
            assert!(!after(tls, say_and_end).await);
            assert_eq!(after(tls, end).await, tls);
        }
    }
}
