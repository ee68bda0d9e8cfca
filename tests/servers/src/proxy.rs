//! A port in front of a server, whose connections can be cut at any moment.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// Forwards what comes to its port to another one, until told otherwise.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    target: AtomicU16,
    /// Both ends of every connection.
    open: Mutex<Vec<TcpStream>>,
    cut_after_request: AtomicBool,
    cut_before_answer: AtomicBool,
    ended: AtomicBool,
}

impl Proxy {
    /// In front of `target` on 127.0.0.1.
    pub fn start(target: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            target: AtomicU16::new(target),
            open: Mutex::new(Vec::new()),
            cut_after_request: AtomicBool::new(false),
            cut_before_answer: AtomicBool::new(false),
            ended: AtomicBool::new(false),
        });
        let accepting = shared.clone();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if accepting.ended.load(Ordering::SeqCst) {
                    return;
                }
                // Where nobody listens any more, the client's connection is closed.
                accept(&accepting, client).ok();
            }
        });
        Self { port, shared }
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where new connections go from now on.
    pub fn point_to(&self, target: u16) {
        self.shared.target.store(target, Ordering::SeqCst);
    }

    /// Cuts every connection, now; new ones are accepted.
    pub fn cut(&self) {
        for stream in self.shared.open().drain(..) {
            stream.shutdown(Shutdown::Both).ok();
        }
    }

    /// Cuts the connection on which the client speaks next, right after that was forwarded.
    pub fn cut_after_next_request(&self) {
        self.shared.cut_after_request.store(true, Ordering::SeqCst);
    }

    /// Cuts the connection on which the server speaks next, and forwards nothing of that: what was asked is done.
    pub fn cut_before_next_answer(&self) {
        self.shared.cut_before_answer.store(true, Ordering::SeqCst);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        self.cut();
        TcpStream::connect(("127.0.0.1", self.port)).ok(); // wakes the thread that accepts
    }
}

impl Shared {
    fn open(&self) -> MutexGuard<'_, Vec<TcpStream>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn accept(shared: &Arc<Shared>, client: TcpStream) -> std::io::Result<()> {
    let server = TcpStream::connect(("127.0.0.1", shared.target.load(Ordering::SeqCst)))?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    shared.open().extend([client.try_clone()?, server.try_clone()?]);
    let (asking, answering) = (shared.clone(), shared.clone());
    let (from_client, to_server) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || forward(from_client, to_server, &asking.cut_after_request, Cut::After));
    thread::spawn(move || forward(server, client, &answering.cut_before_answer, Cut::Before));
    Ok(())
}

#[derive(Clone, Copy, PartialEq)]
enum Cut {
    Before,
    After,
}

/// Until one side ends, or `armed` says that this is the time.
fn forward(mut from: TcpStream, mut to: TcpStream, armed: &AtomicBool, cut: Cut) {
    let mut buffer = vec![0; 65_536];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let now = armed.swap(false, Ordering::SeqCst);
        if now && cut == Cut::Before {
            break;
        }
        if to.write_all(buffer.get(..length).unwrap_or_default()).is_err() || now {
            break;
        }
    }
    from.shutdown(Shutdown::Both).ok();
    to.shutdown(Shutdown::Both).ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that answers each byte with its neighbour.
    fn server() -> u16 {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                thread::spawn(move || {
                    let mut byte = [0];
                    while stream.read_exact(&mut byte).is_ok() {
                        stream.write_all(&byte.map(|byte| byte ^ 1)).unwrap();
                    }
                });
            }
        });
        port
    }

    fn ask(stream: &mut TcpStream) -> Option<u8> {
        let mut byte = [7];
        stream.write_all(&byte).ok()?;
        stream.read_exact(&mut byte).ok()?;
        Some(byte[0])
    }

    #[test]
    fn a_connection_is_cut_when_told_and_new_ones_work() {
        let proxy = Proxy::start(server());
        let connect = || TcpStream::connect(("127.0.0.1", proxy.port())).unwrap();
        let mut stream = connect();
        assert_eq!(ask(&mut stream), Some(6));
        proxy.cut();
        assert_eq!(ask(&mut stream), None);
        for arm in [Proxy::cut_after_next_request, Proxy::cut_before_next_answer] {
            let mut stream = connect();
            arm(&proxy);
            assert_eq!(ask(&mut stream), None);
            assert_eq!(ask(&mut connect()), Some(6));
        }
    }
}
