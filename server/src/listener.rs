//! Takes connections and gives each a session of its own.

use std::{fs::File, io::Write, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use agentchat_store::Store;
use anyhow::{Context, bail};
use tokio::{
    net::{TcpListener, TcpSocket},
    sync::{Semaphore, oneshot},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    connection,
    delivered::Deliveries,
    hub,
    inbox::{Command, inbox},
    read_batching::ReadBatching,
    redact::Redactor,
    service,
    settings::Settings,
    shared::Shared,
    shutdown_signals::ShutdownSignals,
    tls::{self, Certificate},
    transfer,
    webhook::{self, Poster},
};

/// Connections that the system keeps until they are taken: all agents may come at once. It may keep fewer.
const BACKLOG: u32 = 4096;
/// Between two tries to take a connection when the system has none to give.
const EXHAUSTED: Duration = Duration::from_millis(50);

/// Listens until SIGTERM or SIGINT, then closes what is open, within a deadline.
pub async fn run(
    mut settings: Settings,
    read_batching: Arc<ReadBatching>,
    mut signals: ShutdownSignals,
    deliveries: Option<Deliveries>,
) -> anyhow::Result<()> {
    let tls = Certificate::new(&settings)?;
    read_files(&mut settings)?;
    let poster = Poster::new(&settings)?;
    let limits = settings.limits;
    let redactor = Redactor::new(std::env::vars())?;
    let _lock = lock(&settings.data_dir)?;
    let file = settings.data_dir.join("chat.db");
    let store =
        Store::open(&file).with_context(|| format!("{} can't be opened", file.display()))?;
    if let Some(path) = &settings.allowlist.file {
        transfer::approve(&store, path)?;
    }
    let listener = listen(&settings).await?;

    let (inbox, commands) = inbox(limits.inbox_bytes);
    let scheme = if tls.is_some() { "wss" } else { "ws" };
    let trusted = settings.trusted_proxies.clone();
    let (events, waiting) = webhook::queue();
    let events = poster.is_some().then_some(events);
    let mut hub = hub::start(store, settings, redactor, events, commands, read_batching)?;
    let posting = poster.map(|poster| tokio::spawn(poster.follow(waiting)));
    let mut out = std::io::stdout();
    writeln!(out, "listening on {scheme}://{}", listener.local_addr()?)?;
    out.flush()?;
    service::notify(environment, "READY=1");

    let connections = Connections {
        shared: Arc::new(Shared {
            inbox,
            tls: tls.clone(),
            trusted,
            limits,
            shutdown: CancellationToken::new(),
        }),
        handshakes: Arc::new(Semaphore::new(limits.handshakes)),
        tasks: TaskTracker::new(),
    };
    let follow = async {
        match tls {
            Some(tls) => tls.follow().await,
            None => std::future::pending().await,
        }
    };
    let deliveries = async {
        match deliveries {
            Some(deliveries) => deliveries.follow().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = connections.take(&listener) => {}
        () = follow => {}
        () = deliveries => {}
        () = signals.received() => {}
        ended = &mut hub => bail!(early(ended)),
    }
    tracing::info!("stopping");
    service::notify(environment, "STOPPING=1");
    drop(listener);
    let stopped = timeout(limits.shutdown, connections.stop(hub)).await;
    if let Some(posting) = posting
        && timeout(limits.flush, posting).await.is_err()
    {
        tracing::error!("not all escrow events could be posted in time");
    }
    stopped.unwrap_or_else(|_| bail!("not all connections could be closed in time"))
}

/// The socket that the service manager passes, or one of our own.
async fn listen(settings: &Settings) -> anyhow::Result<TcpListener> {
    if let Some(passed) = service::listener(environment)? {
        tls::plain(settings, passed.local_addr()?)?;
        return Ok(TcpListener::from_std(passed)?);
    }
    open(settings.listen).with_context(|| {
        format!(
            "can't listen on {}; is the port taken? choose another with --listen",
            settings.listen
        )
    })
}

fn open(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A server that starts again takes its port back at once.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// A folder is one server's: two would give the same offsets of a channel twice.
pub fn lock(folder: &Path) -> anyhow::Result<File> {
    let path = folder.join("chat.lock");
    std::fs::create_dir_all(folder)
        .with_context(|| format!("--data-dir {} can't be made", folder.display()))?;
    let file = File::create(&path).with_context(|| format!("{} can't be made", path.display()))?;
    file.try_lock().with_context(|| {
        let folder = folder.display();
        format!("{folder} is in use by another server; stop that, or choose another --data-dir")
    })?;
    Ok(file)
}

/// Values that are in files of their own.
fn read_files(settings: &mut Settings) -> anyhow::Result<()> {
    if let Some(path) = &settings.admin_key_file {
        let key = Some(read_key(path)?);
        settings.keys.allowlist = settings.keys.allowlist.take().or_else(|| key.clone());
        settings.keys.admin = settings.keys.admin.take().or(key);
    }
    if let (None, Some(path)) = (&settings.motd, &settings.motd_file) {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("--motd-file {} can't be read", path.display()))?;
        settings.motd = Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    }
    Ok(())
}

fn early(ended: Result<anyhow::Result<()>, oneshot::error::RecvError>) -> anyhow::Error {
    match ended {
        Ok(Err(error)) => error.context("the hub failed"),
        Ok(Ok(())) | Err(_) => anyhow::anyhow!("the hub ended early"),
    }
}

/// All connections.
struct Connections {
    shared: Arc<Shared>,
    /// Permits for connections that have not shaken hands yet.
    handshakes: Arc<Semaphore>,
    tasks: TaskTracker,
}

impl Connections {
    /// Takes connections, for ever.
    async fn take(&self, listener: &TcpListener) {
        for id in 1_u64.. {
            let (stream, peer) = loop {
                match listener.accept().await {
                    Ok(accepted) => break accepted,
                    Err(error) => {
                        tracing::warn!(%error, "a connection could not be taken");
                        tokio::time::sleep(EXHAUSTED).await;
                    }
                }
            };
            if self.tasks.len() >= self.shared.limits.connections {
                tracing::warn!(%peer, "too many connections; one was refused");
                continue;
            }
            let Ok(permit) = self.handshakes.clone().try_acquire_owned() else {
                tracing::warn!(%peer, "too many connections that don't shake hands; one was refused");
                continue;
            };
            let served = connection::serve(stream, peer.ip(), id, permit, self.shared.clone());
            self.tasks.spawn(served);
        }
    }

    /// Ends the hub, then the connections.
    async fn stop(self, hub: oneshot::Receiver<anyhow::Result<()>>) -> anyhow::Result<()> {
        // The hub first: what came before is carried out, and everybody is told.
        if self.shared.inbox.send(Command::Stop).await.is_err() {
            tracing::debug!("the hub has ended already");
        }
        self.shared.shutdown.cancel();
        let ended = hub.await.unwrap_or_else(|_| bail!("the hub ended early"));
        self.tasks.close();
        self.tasks.wait().await;
        ended
    }
}

fn read_key(path: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("--admin-key-file {} can't be read", path.display()))?;
    let key = text.trim();
    if key.len() < 16 {
        bail!(
            "--admin-key-file {}: the key has fewer than 16 characters",
            path.display()
        );
    }
    Ok(key.to_owned())
}
