//! Sockets and connections: bounded in number, in the size of their heads and in the time that they may take.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use socket2::{Domain, Socket};
use stickshift::error::{Error, ErrorKind, Result, Verdict};
use stickshift::event::Cancel;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use crate::server::Options;
use crate::tls::Tls;

/// Connections at the same time.
const CONNECTIONS: usize = 512;
/// How long the server waits at its end for those who read the end of a command.
const FAREWELL: Duration = Duration::from_secs(5);
/// How long a connection that is being closed may take before the next one is closed too.
const CLOSING: Duration = Duration::from_millis(50);
/// A head has to be there by then, on a connection that is kept open too.
const HEAD_TIME: Duration = Duration::from_secs(10);
const HEAD_BYTES: usize = 32 << 10;
const HEAD_FIELDS: usize = 64;
/// A connection whose other end takes nothing for so long is dropped.
#[cfg(target_os = "linux")]
const DEAD: Duration = Duration::from_secs(60);

/// Who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    Tcp(IpAddr),
    Unix,
}

/// Where connections come in.
pub(crate) struct Listening {
    listeners: Vec<Listener>,
    tls: Option<TlsAcceptor>,
}

enum Listener {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix {
        listener: tokio::net::UnixListener,
        _path: Option<OwnPath>,
    },
}

/// The path of a socket that was made here: it goes with the server.
#[cfg(unix)]
struct OwnPath(std::path::PathBuf);

#[cfg(unix)]
impl Drop for OwnPath {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn cannot(where_: &dyn std::fmt::Display, e: std::io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("cannot listen on {where_}"))
        .because(e)
        .with_verdict(Verdict::Untouched)
}

/// Listens where the options say, and on the sockets that the system has opened before.
pub(crate) async fn bind(options: &Options, inherited: Vec<Socket>) -> Result<Listening> {
    let mut listeners = Vec::new();
    for socket in inherited {
        listeners.push(taken_over(socket).map_err(|e| cannot(&"a socket that the system passed", e))?);
    }
    if let Some(address) = options.listen {
        let tcp = TcpListener::bind(address).await.map_err(|e| cannot(&address, e))?;
        listeners.push(Listener::Tcp(tcp));
    }
    #[cfg(unix)]
    if let Some(path) = options.unix.as_deref() {
        listeners.push(bind_unix(path)?);
    }
    #[cfg(not(unix))]
    if options.unix.is_some() {
        let what = "there are no Unix sockets on this system";
        return Err(Error::new(ErrorKind::Usage, what).with_verdict(Verdict::Untouched));
    }
    Ok(Listening { listeners, tls: options.tls.as_ref().map(Tls::acceptor) })
}

/// A socket that somebody else has opened and listens on.
fn taken_over(socket: Socket) -> std::io::Result<Listener> {
    #[cfg(target_os = "linux")]
    if !socket.is_listener()? {
        let why = "nobody can connect to it: the unit needs ListenStream= and Accept=no";
        return Err(std::io::Error::other(why));
    }
    socket.set_nonblocking(true)?;
    match socket.local_addr()?.domain() {
        Domain::IPV4 | Domain::IPV6 => TcpListener::from_std(socket.into()).map(Listener::Tcp),
        #[cfg(unix)]
        Domain::UNIX => {
            let listener = tokio::net::UnixListener::from_std(socket.into())?;
            Ok(Listener::Unix { listener, _path: None })
        }
        _ => Err(std::io::Error::other("it is neither TCP nor a Unix socket")),
    }
}

/// A socket that its owner alone may open. One that a server left behind is replaced; one that is answered is not.
#[cfg(unix)]
fn bind_unix(path: &std::path::Path) -> Result<Listener> {
    use std::os::unix::fs::{FileTypeExt, PermissionsExt};
    let failed = |e| cannot(&path.display(), e);
    let is_socket = path.symlink_metadata().is_ok_and(|m| m.file_type().is_socket());
    if is_socket && std::os::unix::net::UnixStream::connect(path).is_err() {
        std::fs::remove_file(path).map_err(failed)?;
    }
    // Nobody may open it before its mode is set: it is made in a folder of its own and moved.
    let folder =
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(std::path::Path::new("."));
    match path.symlink_metadata() {
        Ok(_) if is_socket => return Err(failed(std::io::Error::from(std::io::ErrorKind::AddrInUse))),
        Ok(_) => {
            let why = "something of this name stands there that is no socket; it is left as it is";
            return Err(failed(std::io::Error::other(why)));
        }
        Err(_) => {}
    }
    let private = folder.join(format!(".stickshift-{}", crate::access::secret()));
    let mut builder = std::fs::DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(&private).map_err(failed)?;
    let inside = private.join("s");
    let bound = (|| {
        let listener = tokio::net::UnixListener::bind(&inside)?;
        std::fs::set_permissions(&inside, std::fs::Permissions::from_mode(0o600))?;
        std::fs::rename(&inside, path)?;
        Ok(listener)
    })();
    let _ = std::fs::remove_dir_all(&private);
    Ok(Listener::Unix { listener: bound.map_err(failed)?, _path: Some(OwnPath(path.to_owned())) })
}

impl Listening {
    /// The addresses of its TCP sockets.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        let address = |listener: &Listener| match listener {
            Listener::Tcp(tcp) => tcp.local_addr().ok(),
            #[cfg(unix)]
            Listener::Unix { .. } => None,
        };
        self.listeners.iter().filter_map(address).collect()
    }

    /// Serves connections until `cancel`. Those that are open then stay so.
    pub(crate) async fn run(self, router: Router, cancel: &Cancel) -> Arc<Slots> {
        let slots = Slots::new(CONNECTIONS);
        self.run_in(router, cancel, &slots).await;
        slots
    }

    async fn run_in(self, router: Router, cancel: &Cancel, slots: &Arc<Slots>) {
        while !cancel.is_cancelled() {
            let accepting = self.listeners.iter().map(|listener| self.accept(listener, &router, slots));
            let all = futures_util::future::join_all(accepting);
            // Signals raise a flag and wake nobody.
            let _ = tokio::time::timeout(Duration::from_millis(250), all).await;
        }
    }

    /// Takes connections for ever.
    async fn accept(&self, listener: &Listener, router: &Router, slots: &Arc<Slots>) {
        loop {
            let Some(permit) = slots.slot().await else { return };
            let router = router.clone();
            let accepted = match listener {
                Listener::Tcp(tcp) => tcp.accept().await.map(|(stream, address)| {
                    tune(&stream);
                    let open = OpenConnection::new(slots, permit);
                    let (peer, tls) = (Peer::Tcp(address.ip()), self.tls.clone());
                    tokio::spawn(async move {
                        match tls {
                            None => serve(stream, peer, router, &open).await,
                            Some(tls) => {
                                let shaking = tokio::time::timeout(HEAD_TIME, tls.accept(stream));
                                let shaken = tokio::select! {
                                    shaken = shaking => shaken,
                                    () = open.state.close.notified() => return,
                                };
                                // Who speaks no TLS is not answered.
                                if let Ok(Ok(stream)) = shaken {
                                    serve(stream, peer, router, &open).await;
                                }
                            }
                        }
                    });
                }),
                #[cfg(unix)]
                Listener::Unix { listener, .. } => listener.accept().await.map(|(stream, _)| {
                    let open = OpenConnection::new(slots, permit);
                    tokio::spawn(async move {
                        serve(stream, Peer::Unix, router, &open).await;
                    });
                }),
            };
            if accepted.is_err() {
                // Out of descriptors, for a while.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// The connections that are open, up to a limit. Clients that connect and send nothing keep no others out: at the limit the oldest connection without a
/// request is closed, then the oldest one as soon as no response is on its way.
pub(crate) struct Slots {
    free: Arc<Semaphore>,
    open: Mutex<VecDeque<Arc<State>>>,
}

/// What is known of an open connection.
#[derive(Default)]
struct State {
    has_request: AtomicBool,
    /// It follows a command, whose last line it is owed.
    follows: AtomicBool,
    close: Notify,
}

/// An open connection; dropping it frees its slot.
struct OpenConnection {
    state: Arc<State>,
    slots: Arc<Slots>,
    _slot: OwnedSemaphorePermit,
}

impl Slots {
    fn new(free: usize) -> Arc<Slots> {
        Arc::new(Slots { free: Arc::new(Semaphore::new(free)), open: Mutex::default() })
    }

    /// A slot for one more connection.
    async fn slot(&self) -> Option<OwnedSemaphorePermit> {
        let mut told: Vec<Arc<State>> = Vec::new();
        loop {
            if let Ok(slot) = Arc::clone(&self.free).try_acquire_owned() {
                return Some(slot);
            }
            let Some(next) = self.next_to_close(&told) else { break };
            next.close.notify_one();
            told.push(next);
            let closing = Arc::clone(&self.free).acquire_owned();
            if let Ok(slot) = tokio::time::timeout(CLOSING, closing).await {
                return slot.ok();
            }
        }
        Arc::clone(&self.free).acquire_owned().await.ok()
    }

    /// Closes what is open behind the answers that are owed, and waits for whoever follows a command to have its end.
    pub(crate) async fn farewell(&self) {
        let open: Vec<Arc<State>> =
            self.open.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect();
        open.iter().for_each(|state| state.close.notify_one());
        drop(open);
        let is_owed = || {
            let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.iter().any(|state| state.follows.load(Ordering::Relaxed))
        };
        let until = tokio::time::Instant::now() + FAREWELL;
        while is_owed() && tokio::time::Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn next_to_close(&self, told: &[Arc<State>]) -> Option<Arc<State>> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let stays = |state: &&Arc<State>| !told.iter().any(|told| Arc::ptr_eq(told, state));
        let has_no_request = |state: &&Arc<State>| !state.has_request.load(Ordering::Relaxed);
        let silent = open.iter().filter(stays).find(has_no_request);
        silent.or_else(|| open.iter().find(stays)).cloned()
    }
}

impl OpenConnection {
    fn new(slots: &Arc<Slots>, slot: OwnedSemaphorePermit) -> OpenConnection {
        let state = Arc::new(State::default());
        slots.open.lock().unwrap_or_else(PoisonError::into_inner).push_back(Arc::clone(&state));
        OpenConnection { state, slots: Arc::clone(slots), _slot: slot }
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        let mut open = self.slots.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|state| !Arc::ptr_eq(state, &self.state));
    }
}

fn tune(stream: &tokio::net::TcpStream) {
    let _ = stream.set_nodelay(true);
    #[cfg(target_os = "linux")]
    let _ = socket2::SockRef::from(stream).set_tcp_user_timeout(Some(DEAD));
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    peer: Peer,
    router: Router,
    open: &OpenConnection,
) {
    let state = Arc::clone(&open.state);
    let service = tower::service_fn(move |mut request: hyper::Request<Incoming>| {
        state.has_request.store(true, Ordering::Relaxed);
        if request.uri().path() == "/api/commands" {
            state.follows.store(true, Ordering::Relaxed);
        }
        request.extensions_mut().insert(peer);
        router.clone().oneshot(request)
    });
    // What ends a connection early concerns the other end alone.
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEAD_FIELDS)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        () = open.state.close.notified() => {}
    }
    if open.state.has_request.load(Ordering::Relaxed) {
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn who_says_nothing_keeps_nobody_out() {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        let listening = Listening { listeners: vec![Listener::Tcp(tcp)], tls: None };
        let router = Router::new().fallback(|| async { "here" });
        let cancel = Cancel::new();
        let stop = cancel.clone();
        let server = tokio::spawn(async move { listening.run_in(router, &stop, &Slots::new(4)).await });
        let ask = async |stream: &mut TcpStream| {
            stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
            let mut answer = Vec::new();
            while !answer.ends_with(b"here") {
                assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0, "the connection was closed");
            }
        };
        // One that has asked, and keeps its connection, leaves after those that have not.
        let mut first = TcpStream::connect(address).await.unwrap();
        ask(&mut first).await;
        let mut idle = Vec::new();
        for _ in 0..6 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(b"GET").await.unwrap();
            idle.push(stream);
        }
        ask(&mut TcpStream::connect(address).await.unwrap()).await;
        ask(&mut first).await;
        let is_open = |stream: &TcpStream| {
            let mut byte = [0];
            stream.try_read(&mut byte).is_err_and(|e| e.kind() == std::io::ErrorKind::WouldBlock)
        };
        assert!(
            is_open(&idle[5]),
            "the newest of the idle ones went too: the server waited for its time to end"
        );
        cancel.cancel();
        server.await.unwrap();
    }
}
