//! Takes connections and gives each a session of its own.

use std::{io::Write, path::Path, sync::Arc};

use agentchat_store::Store;
use anyhow::{Context, bail};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{args::Args, hub, session};

/// Commands that may wait for the hub; sessions wait when it is full.
const HUB_QUEUE: usize = 4096;
/// Connections at a time.
const CONNECTIONS: usize = 20_000;

/// Listens until SIGTERM or SIGINT, then closes what is open.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let tls = match (&args.tls_cert, &args.tls_key) {
        (Some(cert), Some(key)) => Some(TlsAcceptor::from(Arc::new(tls(cert, key)?))),
        _ if args.listen.ip().is_loopback() => None,
        _ => bail!(
            "{} is reachable from outside: give --tls-cert and --tls-key, or listen on 127.0.0.1",
            args.listen
        ),
    };
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
    let (mut term, mut int) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );

    let (commands, queue) = mpsc::channel(HUB_QUEUE);
    let scheme = if tls.is_some() { "wss" } else { "ws" };
    let hub = hub::start(store, args.clone(), admin_key, queue)?;
    let mut out = std::io::stdout();
    writeln!(out, "listening on {scheme}://{}", listener.local_addr()?)?;
    out.flush()?;

    let (shutdown, tasks) = (CancellationToken::new(), TaskTracker::new());
    let mut next = 0_u64;
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be taken");
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                    continue;
                }
            },
            _ = term.recv() => break,
            _ = int.recv() => break,
        };
        if tasks.len() >= CONNECTIONS {
            tracing::warn!(%peer, "too many connections; one was refused");
            continue;
        }
        next += 1;
        let (id, commands, shutdown, tls) = (next, commands.clone(), shutdown.clone(), tls.clone());
        tasks.spawn(async move {
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(id, %error, "no TCP_NODELAY");
            }
            match tls {
                None => session::serve(stream, id, commands, shutdown).await,
                Some(tls) => {
                    let shake = tokio::time::timeout(
                        std::time::Duration::from_secs(10),
                        tls.accept(stream),
                    );
                    match shake.await {
                        Ok(Ok(stream)) => session::serve(stream, id, commands, shutdown).await,
                        _ => tracing::debug!(id, "no TLS handshake"),
                    }
                }
            }
        });
    }
    tracing::info!("stopping");
    shutdown.cancel();
    tasks.close();
    tasks.wait().await;
    drop(commands);
    hub.await.context("the hub ended early")?;
    Ok(())
}

fn tls(cert: &Path, key: &Path) -> anyhow::Result<rustls::ServerConfig> {
    let chain = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("--tls-cert {} can't be read", cert.display()))?;
    let key = PrivateKeyDer::from_pem_file(key)
        .with_context(|| format!("--tls-key {} can't be read", key.display()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .context("the certificate and the key don't fit")
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
