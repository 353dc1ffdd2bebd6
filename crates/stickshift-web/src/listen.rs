//! Sockets and connections: bounded in number, in the size of their heads and in the time that they may take.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use stickshift::error::{Error, ErrorKind, Result, Verdict};
use stickshift::event::Cancel;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tower::ServiceExt;

use crate::server::Options;

/// Connections at the same time.
const CONNECTIONS: usize = 512;
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

pub(crate) struct Listening {
    tcp: Option<TcpListener>,
    address: Option<SocketAddr>,
    #[cfg(unix)]
    unix: Option<UnixSocket>,
}

#[cfg(unix)]
struct UnixSocket {
    listener: tokio::net::UnixListener,
    path: std::path::PathBuf,
}

#[cfg(unix)]
impl Drop for UnixSocket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

fn cannot(where_: &dyn std::fmt::Display, e: std::io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("cannot listen on {where_}"))
        .because(e)
        .with_verdict(Verdict::Untouched)
}

pub(crate) async fn bind(options: &Options) -> Result<Listening> {
    let tcp = match options.listen {
        Some(address) => Some(TcpListener::bind(address).await.map_err(|e| cannot(&address, e))?),
        None => None,
    };
    let address = tcp.as_ref().and_then(|tcp| tcp.local_addr().ok());
    #[cfg(unix)]
    let unix = options.unix.as_deref().map(bind_unix).transpose()?;
    #[cfg(not(unix))]
    if options.unix.is_some() {
        let what = "there are no Unix sockets on this system";
        return Err(Error::new(ErrorKind::Usage, what).with_verdict(Verdict::Untouched));
    }
    Ok(Listening {
        tcp,
        address,
        #[cfg(unix)]
        unix,
    })
}

/// A socket that its owner alone may open. One that a server left behind is replaced; one that is answered is not.
#[cfg(unix)]
fn bind_unix(path: &std::path::Path) -> Result<UnixSocket> {
    use std::os::unix::fs::{FileTypeExt, PermissionsExt};
    let failed = |e| cannot(&path.display(), e);
    let is_socket = path.symlink_metadata().is_ok_and(|m| m.file_type().is_socket());
    if is_socket && std::os::unix::net::UnixStream::connect(path).is_err() {
        std::fs::remove_file(path).map_err(failed)?;
    }
    // Nobody may open it before its mode is set: it is made in a folder of its own and moved.
    let folder =
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(std::path::Path::new("."));
    if path.symlink_metadata().is_ok() {
        return Err(failed(std::io::Error::from(std::io::ErrorKind::AddrInUse)));
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
    Ok(UnixSocket { listener: bound.map_err(failed)?, path: path.to_owned() })
}

impl Listening {
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Serves connections until `cancel`.
    pub(crate) async fn run(self, router: Router, cancel: &Cancel) {
        let room = Arc::new(Semaphore::new(CONNECTIONS));
        while !cancel.is_cancelled() {
            // Signals raise a flag and wake nobody.
            let _ = tokio::time::timeout(Duration::from_millis(250), self.accept(&router, &room)).await;
        }
    }

    /// Takes connections for ever.
    async fn accept(&self, router: &Router, room: &Arc<Semaphore>) {
        loop {
            let Ok(permit) = Arc::clone(room).acquire_owned().await else { return };
            let router = router.clone();
            let tcp = async {
                match &self.tcp {
                    Some(tcp) => tcp.accept().await,
                    None => std::future::pending().await,
                }
            };
            #[cfg(unix)]
            let unix = async {
                match &self.unix {
                    Some(unix) => unix.listener.accept().await,
                    None => std::future::pending().await,
                }
            };
            #[cfg(not(unix))]
            let unix = std::future::pending::<std::io::Result<((), ())>>();
            let (tcp, unix) = (std::pin::pin!(tcp), std::pin::pin!(unix));
            match futures_util::future::select(tcp, unix).await {
                futures_util::future::Either::Left((Ok((stream, address)), _)) => {
                    tune(&stream);
                    tokio::spawn(async move {
                        serve(stream, Peer::Tcp(address.ip()), router).await;
                        drop(permit);
                    });
                }
                #[cfg(unix)]
                futures_util::future::Either::Right((Ok((stream, _)), _)) => {
                    tokio::spawn(async move {
                        serve(stream, Peer::Unix, router).await;
                        drop(permit);
                    });
                }
                // Out of descriptors, for a while.
                _ => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }
}

fn tune(stream: &tokio::net::TcpStream) {
    let _ = stream.set_nodelay(true);
    #[cfg(target_os = "linux")]
    let _ = socket2::SockRef::from(stream).set_tcp_user_timeout(Some(DEAD));
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, peer: Peer, router: Router) {
    let service = tower::service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(peer);
        router.clone().oneshot(request)
    });
    // What ends a connection early concerns the other end alone.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEAD_FIELDS)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
        .await;
}
