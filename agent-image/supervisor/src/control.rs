//! The control socket: takes updates, hands out states. Who may write to it: see `agentchat_contract::Update`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use agentchat_contract::{Layout, State, UPDATE_LIMIT, UPDATE_TAKEN, Update, paths};
use anyhow::{Context as _, bail};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The most connections at one time.
const CONNECTIONS: usize = 64;

/// Binds the socket, in place of what an earlier process left.
pub fn bind(layout: &Layout) -> anyhow::Result<UnixListener> {
    let path = layout.path(paths::CONTROL_SOCKET);
    let failed = || format!("can't bind {}; make its directory writable", path.display());
    if path.exists() {
        fs::remove_file(&path).with_context(failed)?;
    }
    let listener = UnixListener::bind(&path).with_context(failed)?;
    // Everyone in the container is the agent or its operator.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).with_context(failed)?;
    Ok(listener)
}

/// Serves connections until the end; then lets the followers have the last state.
pub async fn serve(listener: UnixListener, state: watch::Sender<State>, end: CancellationToken) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    let tasks = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = end.cancelled() => break,
        };
        let (Ok((socket, _)), Ok(permit)) = (accepted, Arc::clone(&permits).try_acquire_owned())
        else {
            continue;
        };
        let (state, end) = (state.clone(), end.clone());
        tasks.spawn(async move {
            if let Err(error) = connection(socket, state, end).await {
                tracing::debug!("control connection: {error:#}");
            }
            drop(permit);
        });
    }
    tasks.close();
    tasks.wait().await;
}

async fn connection(
    socket: UnixStream,
    state: watch::Sender<State>,
    end: CancellationToken,
) -> anyhow::Result<()> {
    let (input, mut output) = socket.into_split();
    let mut input = BufReader::new(input);
    loop {
        let mut line = Vec::new();
        let mut bounded = (&mut input).take(UPDATE_LIMIT as u64);
        tokio::select! {
            read = bounded.read_until(b'\n', &mut line) => { read?; }
            () = end.cancelled() => return Ok(()),
        }
        match line.strip_suffix(b"\n") {
            None if line.is_empty() => return Ok(()),
            None => bail!("a line is cut off, or longer than {UPDATE_LIMIT} bytes"),
            Some(b"follow") => break,
            Some(line) => {
                let update: Update = serde_json::from_slice(line)?;
                let answered = matches!(update, Update::Runner { .. });
                state.send_modify(|state| update.apply(state));
                if answered {
                    output.write_all(UPDATE_TAKEN.as_bytes()).await?;
                }
            }
        }
    }
    let mut changes = state.subscribe();
    changes.mark_changed();
    let mut rest = [0; 256];
    loop {
        tokio::select! {
            biased;
            changed = changes.changed() => changed?,
            () = end.cancelled() => return Ok(()),
            read = input.read(&mut rest) => {
                if read? == 0 {
                    return Ok(());
                }
                continue;
            }
        }
        let mut line = serde_json::to_vec(&*changes.borrow_and_update())?;
        line.push(b'\n');
        output.write_all(&line).await?;
    }
}
