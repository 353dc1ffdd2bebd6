//! The server as a whole: what it is started with, and what its parts share.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::middleware;
use axum::routing::get;
use stickshift::error::{Error, ErrorKind, Result, Verdict};
use stickshift::event::Cancel;

use crate::access::{Access, Role, secret};
use crate::engine::Engine;
use crate::hub::Hub;
use crate::jobs::Jobs;
use crate::listen::{self, Listening};
use crate::password::Passwords;
use crate::sampling::Sampling;
use crate::uploads::Uploads;
use crate::{api, assets, guard, metrics, pages, sampling};

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
    /// The version of the program.
    pub version: &'static str,
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
    pub(crate) hosts: Vec<String>,
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
        if self.options.passwords.is_empty() && self.options.listen.is_some() {
            let host = self.hosts.first().cloned().unwrap_or_default();
            (self.links)(&format!("http://{host}/enter?link={}", self.access.new_link()));
        }
    }

    pub(crate) fn counted(&self, status: u16) {
        *self.answers.lock().unwrap_or_else(PoisonError::into_inner).entry(status).or_default() += 1;
    }
}

impl Server {
    /// Listens where the options say. One-time links are shown by `links`: now, and again whenever one was used.
    ///
    /// # Errors
    /// `Usage` for an address that everybody reaches without a password; `Io` when it cannot listen.
    pub fn bind(
        options: Options,
        engine: Arc<dyn Engine>,
        links: impl Fn(&str) + Send + Sync + 'static,
    ) -> Result<Server> {
        let usage = |what: &str| Err(Error::new(ErrorKind::Usage, what).with_verdict(Verdict::Untouched));
        if options.listen.is_none() && options.unix.is_none() {
            return usage("there is nowhere to listen");
        }
        let reachable =
            options.public.is_some() || options.listen.is_some_and(|address| !address.ip().is_loopback());
        if reachable && options.passwords.is_empty() {
            return usage("others reach this address: it needs a password");
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
        let listening = runtime.block_on(listen::bind(&options))?;
        let uploads = Arc::new(Uploads::new().map_err(io)?);
        let hub = Arc::new(Hub::new(secret()[..8].to_owned()));
        let jobs = Arc::new(Jobs::new(engine, Arc::clone(&hub), Arc::clone(&uploads)));
        let most = if options.read_only { Role::Reader } else { Role::Owner };
        let hosts = hosts(&options, listening.address());
        let app = Arc::new(App {
            access: Access::new(options.passwords.clone(), most),
            hub,
            jobs,
            uploads,
            sampling: Sampling::default(),
            cookie: format!("stickshift-{}", listening.address().map_or(0, |address| address.port())),
            hosts,
            viewers: AtomicUsize::new(0),
            answers: Mutex::default(),
            links: Box::new(links),
            options,
        });
        app.show_link();
        Ok(Server { listening, app, runtime })
    }

    /// The address that it listens on.
    pub fn address(&self) -> Option<SocketAddr> {
        self.listening.address()
    }

    /// Answers until `cancel`; jobs that run then are stopped at their next safe step.
    pub fn run(self, cancel: &Cancel) {
        let router = router(Arc::clone(&self.app));
        self.runtime.block_on(async {
            let watching = sampling::watch(Arc::clone(&self.app), cancel.clone());
            self.listening.run(router, cancel).await;
            self.app.jobs.stop_all().await;
            watching.abort();
        });
        // A command that reads may wait for a stick still.
        self.runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    }
}

fn hosts(options: &Options, address: Option<SocketAddr>) -> Vec<String> {
    let mut hosts = Vec::new();
    if let Some(public) = &options.public {
        let host = public.split_once("://").map_or(public.as_str(), |(_, host)| host);
        hosts.push(host.trim_end_matches('/').to_lowercase());
    }
    if let Some(address) = address {
        hosts.push(address.to_string());
        if address.ip().is_loopback() {
            hosts.extend([format!("localhost:{}", address.port()), format!("127.0.0.1:{}", address.port())]);
        }
    }
    hosts
}

fn router(app: Arc<App>) -> Router {
    Router::new()
        .nest("/api", api::router())
        .merge(pages::router())
        .route("/metrics", get(metrics::answer))
        .route("/assets/{name}", get(assets::answer))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), guard::guard))
        .with_state(app)
}
