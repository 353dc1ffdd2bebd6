//! TLS on the way to the broker.
//!
//! The MQTT client brings TLS of its own only together with a library in C. So it is given a socket of this computer, and what goes through it
//! is carried to the broker and back, encrypted.

use std::future::Future;
use std::io;
#[cfg(unix)]
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rumqttc::MqttOptions;
use stickshift::error::{Error, ErrorKind, Result, Verdict};
use stickshift_tls::rustls::ClientConfig;
use stickshift_tls::rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, copy, split};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

#[cfg(unix)]
use crate::files::TemporaryFolder;

/// For the client to come, and for the broker to answer.
const PATIENCE: Duration = Duration::from_secs(6);

/// A way that one connection takes.
pub(super) struct Tunnel {
    entrance: Entrance,
    failure: Arc<Mutex<Option<io::Error>>>,
}

impl Tunnel {
    /// Waits for the client and then connects to the broker.
    ///
    /// # Errors
    /// `Io` and `FileUnwritable`, for a socket or a thread that the system does not give.
    pub(super) fn open(host: &str, port: u16, tls: Arc<ClientConfig>) -> Result<Tunnel> {
        let (entrance, listener) = Entrance::new()?;
        let failure = Arc::<Mutex<Option<io::Error>>>::default();
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(no_socket)?;
        // A name in brackets is an IPv6 address.
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let told = Arc::clone(&failure);
        let work = move || {
            runtime.block_on(async {
                let Ok(mut near) = in_time(listener.client()).await else { return };
                if let Err(error) = carry(&mut near, &host, port, tls).await {
                    // Before the client sees that its end is closed.
                    *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                }
            });
        };
        thread::Builder::new().name("tls".to_owned()).spawn(work).map_err(no_socket)?;
        Ok(Tunnel { entrance, failure })
    }

    /// For a client that goes through it.
    pub(super) fn options(&self, client: String) -> MqttOptions {
        self.entrance.options(client)
    }

    /// What went wrong behind the client's end, once.
    pub(super) fn failure(&self) -> Option<io::Error> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

async fn carry(
    near: &mut (impl AsyncRead + AsyncWrite + Unpin),
    host: &str,
    port: u16,
    tls: Arc<ClientConfig>,
) -> io::Result<()> {
    let name =
        ServerName::try_from(host.to_owned()).map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e))?;
    let plain = in_time(TcpStream::connect((host, port))).await?;
    // Packets are small, and each is waited for.
    plain.set_nodelay(true)?;
    let far = in_time(TlsConnector::from(tls).connect(name, plain)).await?;
    exchange(near, far).await
}

/// Carries both ways until one end closes. In MQTT nothing comes after that, and a broker that is out of reach never closes its own.
async fn exchange(near: impl AsyncRead + AsyncWrite, far: impl AsyncRead + AsyncWrite) -> io::Result<()> {
    let (mut from_near, mut to_near) = split(near);
    let (mut from_far, mut to_far) = split(far);
    let ended = tokio::select! {
        sent = copy(&mut from_near, &mut to_far) => sent,
        received = copy(&mut from_far, &mut to_near) => received,
    };
    ended?;
    in_time(to_far.shutdown()).await
}

async fn in_time<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(done) => done,
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "it does not answer")),
    }
}

/// Where the client enters: a socket in a folder that nobody else may enter.
#[cfg(unix)]
struct Entrance {
    folder: TemporaryFolder,
}

#[cfg(unix)]
impl Entrance {
    fn new() -> Result<(Entrance, Listener)> {
        let entrance = Entrance { folder: TemporaryFolder::new()? };
        let listener = std::os::unix::net::UnixListener::bind(entrance.socket()).map_err(no_socket)?;
        Ok((entrance, Listener(listener)))
    }

    fn socket(&self) -> PathBuf {
        self.folder.path.join("broker")
    }

    fn options(&self, client: String) -> MqttOptions {
        let mut options = MqttOptions::new(client, self.socket().to_string_lossy(), 0);
        options.set_transport(rumqttc::Transport::unix());
        options
    }
}

#[cfg(unix)]
struct Listener(std::os::unix::net::UnixListener);

#[cfg(unix)]
impl Listener {
    async fn client(self) -> io::Result<tokio::net::UnixStream> {
        self.0.set_nonblocking(true)?;
        Ok(tokio::net::UnixListener::from_std(self.0)?.accept().await?.0)
    }
}

/// Where the client enters: a port of this computer alone, which takes one connection.
#[cfg(not(unix))]
struct Entrance {
    port: u16,
}

#[cfg(not(unix))]
impl Entrance {
    fn new() -> Result<(Entrance, Listener)> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).map_err(no_socket)?;
        let port = listener.local_addr().map_err(no_socket)?.port();
        Ok((Entrance { port }, Listener(listener)))
    }

    fn options(&self, client: String) -> MqttOptions {
        MqttOptions::new(client, "127.0.0.1", self.port)
    }
}

#[cfg(not(unix))]
struct Listener(std::net::TcpListener);

#[cfg(not(unix))]
impl Listener {
    async fn client(self) -> io::Result<TcpStream> {
        self.0.set_nonblocking(true)?;
        Ok(tokio::net::TcpListener::from_std(self.0)?.accept().await?.0)
    }
}

fn no_socket(why: io::Error) -> Error {
    let error = Error::new(ErrorKind::Io, "cannot make a way to the broker").because(why);
    error.with_verdict(Verdict::Untouched)
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    fn run(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(test);
    }

    #[test]
    fn it_ends_with_the_client_although_the_broker_stays() {
        run(async {
            let (mut client, near) = tokio::io::duplex(64);
            let (far, mut broker) = tokio::io::duplex(64);
            let tunnel = tokio::spawn(exchange(near, far));
            client.write_all(b"disconnect").await.unwrap();
            drop(client);
            let mut got = Vec::new();
            // Closed behind the last byte; the broker itself closes nothing.
            in_time(broker.read_to_end(&mut got)).await.unwrap();
            assert_eq!(got, b"disconnect");
            in_time(async { tunnel.await.unwrap() }).await.unwrap();
        });
    }

    #[test]
    fn it_ends_with_the_broker_although_the_client_stays() {
        run(async {
            let (mut client, near) = tokio::io::duplex(64);
            let (far, mut broker) = tokio::io::duplex(64);
            let tunnel = tokio::spawn(exchange(near, far));
            broker.write_all(b"refused").await.unwrap();
            drop(broker);
            let mut got = Vec::new();
            in_time(client.read_to_end(&mut got)).await.unwrap();
            assert_eq!(got, b"refused");
            // What it says of a broker that is gone already, nobody needs.
            let _ = in_time(async { tunnel.await.unwrap() }).await;
        });
    }
}
