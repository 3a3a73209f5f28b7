//! Ctrl-C: the first asks for an orderly end, the second ends at once.

use anyhow::{Context, Result, anyhow};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::{
    exit::{Code, WithCode},
    output::{NOTE, say},
};

/// Listens from now on; SIGTERM counts as Ctrl-C. The token is cancelled by the first of them.
pub fn listen() -> Result<CancellationToken> {
    let what = "signals can't be heard";
    let mut int = signal(SignalKind::interrupt()).context(what)?;
    let mut term = signal(SignalKind::terminate()).context(what)?;
    let token = CancellationToken::new();
    let first = token.clone();
    tokio::spawn(async move {
        tokio::select! { _ = int.recv() => {} _ = term.recv() => {} }
        first.cancel();
        say(format_args!(
            "{NOTE}stopping in good order; Ctrl-C again ends this program at once{NOTE:#}"
        ));
        tokio::select! { _ = int.recv() => {} _ = term.recv() => {} }
        say(format_args!(
            "{NOTE}ended at once; `agentctl down` does the rest{NOTE:#}"
        ));
        std::process::exit(Code::Interrupted as i32);
    });
    Ok(token)
}

/// What an interrupted command ends with.
pub fn interrupted() -> anyhow::Error {
    anyhow!("interrupted").code(Code::Interrupted)
}
