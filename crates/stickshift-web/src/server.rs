//! The server as a whole: what it is started with, and what its parts share.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::middleware;
use axum::routing::get;
use socket2::Socket;
use stickshift::error::{Error, ErrorKind, Result, Verdict};
use stickshift::event::Cancel;

use crate::access::{Access, Role, secret};
use crate::engine::Engine;
use crate::hub::Hub;
use crate::jobs::{Jobs, Stopped};
use crate::listen::{self, Listening};
use crate::password::Passwords;
use crate::sampling::Sampling;
use crate::tls::Tls;
use crate::uploads::Uploads;
use crate::{api, assets, guard, metrics, pages, sampling, services};

/// What a server is started with.
#[derive(Clone)]
pub struct Options {
    /// Where it listens on TCP.
    pub listen: Option<SocketAddr>,
    /// Where it listens on a Unix socket. Whoever may open that is let in.
    pub unix: Option<PathBuf>,
    /// The address that people type, where a proxy stands in front of it: `https://sticks.example`.
    pub public: Option<String>,
    /// Passwords; without any, a one-time link opens it.
    pub passwords: Passwords,
    /// Nobody may change anything.
    pub read_only: bool,
    /// Whoever reaches the address may read the metrics.
    pub open_metrics: bool,
    /// The largest file that is taken, in bytes.
    pub max_upload: u64,
    /// Certificate and key; without them there is no TLS.
    pub tls: Option<Tls>,
    /// What runs beside the pages for as long as the server does.
    pub services: Vec<Service>,
    /// The version of the program.
    pub version: &'static str,
}

/// A command that runs beside the pages, as a job that they show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Service {
    /// Switches sticks as they are plugged in.
    Watch,
    /// Stays online through the stick at a place on the bus; `None`: through the only one that is plugged in.
    Stay(Option<String>),
}

/// A server that listens, and has not answered anybody yet.
pub struct Server {
    listening: Listening,
    app: Arc<App>,
    runtime: tokio::runtime::Runtime,
}

/// What the parts of the server share.
pub(crate) struct App {
    pub(crate) options: Options,
    pub(crate) access: Access,
    pub(crate) hub: Arc<Hub>,
    pub(crate) jobs: Arc<Jobs>,
    pub(crate) uploads: Arc<Uploads>,
    pub(crate) sampling: Sampling,
    /// The names under which browsers may ask for it: of the Host header.
    hosts: Vec<String>,
    /// Ports on which every address of this computer is answered.
    open_ports: Vec<u16>,
    /// Cookies know no ports: two servers on one computer have cookies of their own.
    pub(crate) cookie: String,
    /// Streams of events that are open.
    pub(crate) viewers: AtomicUsize,
    /// Answers by their status.
    pub(crate) answers: Mutex<BTreeMap<u16, u64>>,
    links: Links,
}

/// Shows a one-time link to the owner.
type Links = Box<dyn Fn(&str) + Send + Sync>;

impl App {
    /// Makes and shows the next one-time link, where links open the server.
    pub(crate) fn show_link(&self) {
        let Some(host) = self.hosts.first() else { return };
        if self.options.passwords.is_empty() {
            (self.links)(&format!("{}://{host}/enter?link={}", self.scheme(), self.access.new_link()));
        }
    }

    /// `https` where it has a certificate of its own.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.options.tls.is_some() { "https" } else { "http" }
    }

    /// Whether the answer to a browser leaves this computer encrypted.
    pub(crate) fn is_encrypted(&self) -> bool {
        let public = self.options.public.as_deref();
        self.options.tls.is_some() || public.is_some_and(|public| public.starts_with("https://"))
    }

    /// Whether it answers to a name in lower case. A name that leads here by force is none of these; an address cannot be forced.
    pub(crate) fn answers_to(&self, host: &str) -> bool {
        let is_address = || {
            let address: Option<SocketAddr> = host.parse().ok();
            address.is_some_and(|address| self.open_ports.contains(&address.port()))
        };
        self.hosts.iter().any(|known| known == host) || is_address()
    }

    pub(crate) fn counted(&self, status: u16) {
        *self.answers.lock().unwrap_or_else(PoisonError::into_inner).entry(status).or_default() += 1;
    }
}

impl Server {
    /// Listens where the options say. One-time links are shown by `links`: now, and again whenever one was used.
    ///
    /// `inherited` are sockets on which the system listens already, for this server.
    ///
    /// # Errors
    /// `Usage` for an address that everybody reaches without a password; `Io` when it cannot listen.
    pub fn bind(
        options: Options,
        inherited: Vec<Socket>,
        engine: Arc<dyn Engine>,
        links: impl Fn(&str) + Send + Sync + 'static,
    ) -> Result<Server> {
        let usage = |what: &str| Err(Error::new(ErrorKind::Usage, what).with_verdict(Verdict::Untouched));
        if options.listen.is_none() && options.unix.is_none() && inherited.is_empty() {
            return usage("there is nowhere to listen");
        }
        let io = |e| {
            Error::new(ErrorKind::Io, "the server cannot start").because(e).with_verdict(Verdict::Untouched)
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .max_blocking_threads(64)
            // As much as a program's first thread has on most systems.
            .thread_stack_size(8 << 20)
            .build()
            .map_err(io)?;
        let listening = runtime.block_on(listen::bind(&options, inherited))?;
        let addresses = listening.addresses();
        let reachable =
            options.public.is_some() || addresses.iter().any(|address| !address.ip().is_loopback());
        if reachable && options.passwords.is_empty() {
            return usage("others reach this address: it needs a password");
        }
        let uploads = Arc::new(Uploads::new().map_err(io)?);
        let hub = Arc::new(Hub::new(secret()[..8].to_owned()));
        let jobs = Arc::new(Jobs::new(engine, Arc::clone(&hub), Arc::clone(&uploads)));
        let most = if options.read_only { Role::Reader } else { Role::Owner };
        let everywhere = addresses.iter().filter(|address| address.ip().is_unspecified());
        let app = Arc::new(App {
            access: Access::new(options.passwords.clone(), most),
            hub,
            jobs,
            uploads,
            sampling: Sampling::default(),
            cookie: format!("stickshift-{}", addresses.first().map_or(0, SocketAddr::port)),
            hosts: hosts(&options, &addresses),
            open_ports: everywhere.map(SocketAddr::port).collect(),
            viewers: AtomicUsize::new(0),
            answers: Mutex::default(),
            links: Box::new(links),
            options,
        });
        app.show_link();
        Ok(Server { listening, app, runtime })
    }

    /// The first address that it listens on.
    pub fn address(&self) -> Option<SocketAddr> {
        self.listening.addresses().first().copied()
    }

    /// The names that it answers to over a network, as Host headers have them.
    pub fn names(&self) -> &[String] {
        &self.app.hosts
    }

    /// Whether every address of this computer is answered, by its digits.
    pub fn answers_every_address(&self) -> bool {
        !self.app.open_ports.is_empty()
    }

    /// Answers until `cancel`; jobs that run then are stopped at their next safe step, and `tell` hears of them.
    pub fn run(self, cancel: &Cancel, tell: &mut dyn FnMut(&Stopped)) {
        let router = router(Arc::clone(&self.app));
        self.runtime.block_on(async {
            let watching = sampling::watch(Arc::clone(&self.app), cancel.clone());
            services::start(&self.app);
            let open = self.listening.run(router, cancel).await;
            self.app.jobs.stop_all(tell).await;
            open.farewell().await;
            watching.abort();
        });
        // A command that reads may wait for a stick still.
        self.runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    }
}

fn hosts(options: &Options, addresses: &[SocketAddr]) -> Vec<String> {
    let mut hosts = Vec::new();
    if let Some(public) = &options.public {
        let host = public.split_once("://").map_or(public.as_str(), |(_, host)| host);
        hosts.push(host.trim_end_matches('/').to_lowercase());
    }
    for address in addresses {
        // Nobody asks for "every address".
        if !address.ip().is_unspecified() {
            hosts.push(address.to_string());
        }
        if address.ip().is_loopback() {
            hosts.extend([format!("localhost:{}", address.port()), format!("127.0.0.1:{}", address.port())]);
        }
    }
    hosts
}

fn router(app: Arc<App>) -> Router {
    Router::new()
        .nest("/api", api::router())
        .merge(pages::router(Arc::clone(&app)))
        .route("/metrics", get(metrics::answer))
        .route("/assets/{name}", get(assets::answer))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), guard::guard))
        .with_state(app)
}
