//! Ctrl-C: the first asks for an orderly end, the second ends at once.

use anyhow::{Context, Result, anyhow};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::{
    exit::{Code, WithCode},
    output::{NOTE, say},
};

/// Number of the signal of a terminal that was closed.
const SIGHUP: u32 = 1;

/// Listens from now on; SIGTERM counts as Ctrl-C, and so does a terminal that is closed, unless that was to be
/// ignored (nohup). The token is cancelled by the first of them.
pub fn listen() -> Result<CancellationToken> {
    let what = "signals can't be listened to";
    let mut int = signal(SignalKind::interrupt()).context(what)?;
    let mut term = signal(SignalKind::terminate()).context(what)?;
    let mut hangup = match ignored(SIGHUP) {
        true => None,
        false => Some(signal(SignalKind::hangup()).context(what)?),
    };
    let token = CancellationToken::new();
    let first = token.clone();
    tokio::spawn(async move {
        let hung_up = async {
            match &mut hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! { _ = int.recv() => {} _ = term.recv() => {} _ = hung_up => {} }
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

/// Whether this process was started with a signal ignored.
fn ignored(signal: u32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok());
    mask.is_some_and(|mask| mask & (1 << (signal - 1)) != 0)
}

/// What an interrupted command ends with.
pub fn interrupted() -> anyhow::Error {
    anyhow!("interrupted").code(Code::Interrupted)
}
