//! Takes connections and gives each a session of its own.

use std::{io::Write, path::Path, time::Duration};

use agentchat_store::Store;
use anyhow::{Context, bail};
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
    sync::oneshot,
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    args::Args,
    connection::{self, Shared},
    hub,
    inbox::{Command, inbox},
    tls,
};

/// Between two tries to take a connection when the system has none to give.
const EXHAUSTED: Duration = Duration::from_millis(50);

/// Listens until SIGTERM or SIGINT, then closes what is open, within a deadline.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let tls = tls::acceptor(&args)?;
    let limits = args.limits();
    let admin_key = args.admin_key_file.as_deref().map(read_key).transpose()?;
    std::fs::create_dir_all(&args.data_dir)
        .with_context(|| format!("--data-dir {} can't be made", args.data_dir.display()))?;
    let file = args.data_dir.join("chat.db");
    let store =
        Store::open(&file).with_context(|| format!("{} can't be opened", file.display()))?;
    let listener = TcpListener::bind(args.listen).await.with_context(|| {
        format!(
            "can't listen on {}; is the port taken? choose another with --listen",
            args.listen
        )
    })?;
    let signals = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );

    let (inbox, commands) = inbox(limits.inbox_bytes);
    let scheme = if tls.is_some() { "wss" } else { "ws" };
    let mut hub = hub::start(store, args, admin_key, commands)?;
    let mut out = std::io::stdout();
    writeln!(out, "listening on {scheme}://{}", listener.local_addr()?)?;
    out.flush()?;

    let connections = Connections {
        shared: Shared {
            inbox,
            tls,
            limits,
            shutdown: CancellationToken::new(),
        },
        tasks: TaskTracker::new(),
    };
    tokio::select! {
        () = connections.take(&listener) => {}
        () = asked(signals) => {}
        ended = &mut hub => bail!(early(ended)),
    }
    tracing::info!("stopping");
    drop(listener);
    match timeout(limits.shutdown, connections.stop(hub)).await {
        Ok(stopped) => stopped,
        Err(_) => bail!("not all connections could be closed in time"),
    }
}

async fn asked((mut term, mut int): (Signal, Signal)) {
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
}

fn early(ended: Result<anyhow::Result<()>, oneshot::error::RecvError>) -> anyhow::Error {
    match ended {
        Ok(Err(error)) => error.context("the hub failed"),
        Ok(Ok(())) | Err(_) => anyhow::anyhow!("the hub ended early"),
    }
}

/// All connections.
struct Connections {
    shared: Shared,
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
            self.tasks
                .spawn(connection::serve(stream, id, self.shared.clone()));
        }
    }

    /// Ends the connections, then the hub.
    async fn stop(self, hub: oneshot::Receiver<anyhow::Result<()>>) -> anyhow::Result<()> {
        self.shared.shutdown.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        if self.shared.inbox.send(Command::Stop).await.is_err() {
            tracing::debug!("the hub has ended already");
        }
        hub.await.unwrap_or_else(|_| bail!("the hub ended early"))
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
