//! Connections to the site: how long a client may take over a request, and what it is told when that is no request.
//!
//! hyper answers what it cannot read by itself, before any handler is asked and without a word: 400, 414 or 431, and no
//! setting changes that. The site has fewer statuses, and a page for each. So each connection knows hyper's three
//! answers by their first line and sends the site's own page in their place, 422 or 413. No handler of the site ever
//! answers with one of the three.
//!
//! What cannot be answered at all is closed: a head that never ends, and the preface of HTTP/2.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::to_bytes;
use axum::http::HeaderMap;
use axum::serve::Listener;
use mfa_axum::{Pages, Refusal};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, Sleep, sleep};

/// Accepts connections.
pub(crate) struct Connections {
    listener: TcpListener,
    refusals: Arc<Refusals>,
}

impl Connections {
    pub(crate) async fn on(listener: TcpListener, pages: &Pages) -> Result<Self, axum::Error> {
        Ok(Self { listener, refusals: Arc::new(Refusals::of(pages).await?) })
    }
}

impl Listener for Connections {
    type Io = Connection<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.listener).await;
        // An answer is written at once or in few pieces; holding the last one back helps nobody.
        stream.set_nodelay(true).ok();
        (Connection::new(stream, Arc::clone(&self.refusals)), address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// The site's own answers to what is no request, ready to be sent.
struct Refusals {
    malformed: Vec<u8>,
    too_large: Vec<u8>,
}

impl Refusals {
    async fn of(pages: &Pages) -> Result<Self, axum::Error> {
        let malformed = answer(pages, Refusal::Malformed).await?;
        Ok(Self { malformed, too_large: answer(pages, Refusal::TooLarge).await? })
    }

    /// What is sent in place of `written`, if that is one of hyper's own answers.
    fn instead_of(&self, written: &[u8]) -> Option<Vec<u8>> {
        let own = match written.get(..13)? {
            b"HTTP/1.1 400 " | b"HTTP/1.0 400 " => &self.malformed,
            b"HTTP/1.1 414 " | b"HTTP/1.1 431 " | b"HTTP/1.0 414 " | b"HTTP/1.0 431 " => &self.too_large,
            _ => return None,
        };
        Some(own.clone())
    }
}

async fn answer(pages: &Pages, refusal: Refusal) -> Result<Vec<u8>, axum::Error> {
    let (head, body) = pages.refuse(&HeaderMap::new(), refusal).into_parts();
    let body = to_bytes(body, usize::MAX).await?;
    let mut answer = format!("HTTP/1.1 {}\r\n", head.status).into_bytes();
    for (name, value) in &head.headers {
        answer.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    answer.extend(format!("content-length: {}\r\nconnection: close\r\n\r\n", body.len()).into_bytes());
    answer.extend(body);
    Ok(answer)
}

/// One connection.
pub(crate) struct Connection<S> {
    stream: S,
    refusals: Arc<Refusals>,
    /// When the client is listened to no longer.
    deadline: Pin<Box<Sleep>>,
    /// What waits to be written in place of an answer of hyper's.
    instead: Vec<u8>,
    /// Whether the next byte that hyper writes is the first of an answer.
    is_flushed: bool,
    is_closing: bool,
    /// How many bytes came in after the last answer.
    drained: usize,
}

impl<S> Connection<S> {
    fn new(stream: S, refusals: Arc<Refusals>) -> Self {
        Self {
            stream,
            refusals,
            deadline: Box::pin(sleep(PATIENCE)),
            instead: Vec::new(),
            is_flushed: true,
            is_closing: false,
            drained: 0,
        }
    }

    fn wait_for(&mut self, time: Duration) {
        if let Some(deadline) = Instant::now().checked_add(time) {
            self.deadline.as_mut().reset(deadline);
        }
    }

    fn is_over(&mut self, context: &mut Context<'_>) -> bool {
        self.deadline.as_mut().poll(context).is_ready()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    fn poll_instead(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.instead.is_empty() {
            match ready!(Pin::new(&mut self.stream).poll_write(context, &self.instead))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => drop(self.instead.drain(..written)),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Reads on and drops it: a client that is still writing when the connection closes would never see the answer.
    fn poll_drain(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut space = [0; 8 * 1024];
        while self.drained < MOST_DRAINED && !self.is_over(context) {
            let mut buffer = ReadBuf::new(&mut space);
            match ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {
                    self.drained = self.drained.saturating_add(buffer.filled().len());
                }
                _ => break,
            }
        }
        Poll::Ready(())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Connection<S> {
    /// A client that takes too long is taken for gone. In the middle of a form that is an answer, 422; in the middle of a
    /// head it is none.
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_over(context) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Connection<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_instead(context))?;
        if std::mem::take(&mut self.is_flushed)
            && let Some(own) = self.refusals.instead_of(bytes)
        {
            self.instead = own;
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_instead(context))?;
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        if !std::mem::replace(&mut self.is_flushed, true) {
            self.wait_for(PATIENCE); // something was answered: the next request has its own time
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_closing {
            ready!(self.poll_instead(context))?;
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
            self.is_closing = true;
            self.wait_for(LINGERING);
        }
        ready!(self.poll_drain(context));
        Poll::Ready(Ok(()))
    }
}

/// From the last answer to the next request's last byte, the time to answer it included: the site itself takes at most
/// ten seconds.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long, and how much, a client may go on sending after the last answer.
const LINGERING: Duration = Duration::from_secs(2);
const MOST_DRAINED: usize = 4 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::extract::Request;
    use axum::http::StatusCode;
    use axum::routing::post;
    use mfa_axum::Form;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    /// Listens to one client.
    struct One(Option<Connection<DuplexStream>>);

    impl Listener for One {
        type Io = Connection<DuplexStream>;
        type Addr = ();

        async fn accept(&mut self) -> (Self::Io, ()) {
            match self.0.take() {
                Some(connection) => (connection, ()),
                None => std::future::pending().await,
            }
        }

        fn local_addr(&self) -> io::Result<()> {
            Ok(())
        }
    }

    fn client() -> DuplexStream {
        let (client, server) = duplex(1 << 16);
        let refusals = Refusals { malformed: b"malformed".to_vec(), too_large: b"too large".to_vec() };
        let form = |request: Request| async move {
            let (parts, body) = request.into_parts();
            Form::read(&parts.headers, body).await.map_or_else(|error| error.status(), |_| StatusCode::OK)
        };
        let router = Router::new().route("/", post(form));
        let connection = Connection::new(server, Arc::new(refusals));
        tokio::spawn(async { axum::serve(One(Some(connection)), router).await });
        client
    }

    async fn answer(client: &mut DuplexStream) -> String {
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_never_ends_is_not_waited_for() {
        let (mut client, start) = (client(), Instant::now());
        client.write_all(b"POST / HTTP/1.1\r\nHost: si").await.unwrap();
        assert_eq!(answer(&mut client).await, "");
        assert!(start.elapsed() >= PATIENCE && start.elapsed() <= PATIENCE.saturating_mul(2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_form_that_comes_a_byte_at_a_time_is_refused_when_its_time_is_over() {
        let (client, start) = (client(), Instant::now());
        let (mut reads, mut writes) = tokio::io::split(client);
        tokio::spawn(async move {
            writes.write_all(b"POST / HTTP/1.1\r\nContent-Length: 1000\r\n\r\n").await.unwrap();
            while writes.write_all(b"a").await.is_ok() {
                sleep(Duration::from_secs(1)).await;
            }
        });
        let mut head = [0; 12];
        reads.read_exact(&mut head).await.unwrap();
        assert_eq!(&head, b"HTTP/1.1 422");
        assert!(start.elapsed() >= PATIENCE && start.elapsed() <= PATIENCE.saturating_mul(2));
    }

    #[tokio::test(start_paused = true)]
    async fn each_request_has_its_own_time() {
        let (mut client, start) = (client(), Instant::now());
        let request = b"POST / HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 3\r\n\r\na=1";
        let mut head = [0; 4096];
        for _ in 0..5 {
            sleep(PATIENCE.saturating_sub(Duration::from_secs(1))).await;
            client.write_all(request).await.unwrap();
            let length = client.read(&mut head).await.unwrap();
            assert!(head[..length].starts_with(b"HTTP/1.1 200"));
        }
        assert!(start.elapsed() > PATIENCE.saturating_mul(4));
        assert_eq!(answer(&mut client).await, "", "closed when nothing more comes");
    }

    #[tokio::test(start_paused = true)]
    async fn what_hyper_cannot_read_is_answered_in_our_words() {
        let mut client = client();
        client.write_all(b"NO REQUEST\r\n\r\n").await.unwrap();
        assert_eq!(answer(&mut client).await, "malformed");
    }
}
