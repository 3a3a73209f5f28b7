//! The program's verbs: from its command line to what is done.

use std::{
    io::{IsTerminal, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use agentchat_store::Store;
use anyhow::{Context, bail};
use tracing_subscriber::EnvFilter;

use crate::{
    delivered::{self, Deliveries},
    listener,
    read_batching::ReadBatching,
    settings::{CommandLine, Settings, Values, Verb, command_line},
    shutdown_signals::ShutdownSignals,
    transfer,
};

/// Does what the command line asks for: serves until it is told to stop, or looks after the database.
pub fn run() -> anyhow::Result<()> {
    let line = command_line().inspect_err(|_| log("info", false))?;
    match &line.verb {
        Verb::Serve(deliveries) => serve(&line, deliveries.as_deref()),
        Verb::Receive(root) => {
            log("info", false);
            delivered::receive(root, std::io::stdin().lock())
        }
        Verb::Config => say(&settings(&line, None)?.1.lines()),
        other => maintain(other, &settings(&line, None)?.0),
    }
}

/// All settings; from here on there is a log as they say.
fn settings(line: &CommandLine, delivered: Option<PathBuf>) -> anyhow::Result<(Settings, Values)> {
    let values = line.values(delivered);
    let read = values.and_then(|values| Ok((Settings::read(&values)?, values)));
    match &read {
        Ok((settings, _)) => log(&settings.log_level, settings.log_json),
        Err(_) => log("info", false),
    }
    read
}

/// Tasks that run before a thread looks for what came: when many connections are ready, all of them are read.
const TASKS: u32 = 256;

fn serve(line: &CommandLine, deliveries: Option<&Path>) -> anyhow::Result<()> {
    let read_batching = Arc::new(ReadBatching::default());
    let (unparked, parks) = (read_batching.clone(), read_batching.clone());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .event_interval(TASKS)
        .on_thread_unpark(move || unparked.thread_unparked())
        .on_thread_park(move || parks.thread_parks())
        .build()
        .context("the threads that serve can't be started");
    let runtime = runtime.inspect_err(|_| log("info", false))?;
    runtime.block_on(async {
        let begun = begin(deliveries).await.inspect_err(|_| log("info", false));
        let Some((signals, deliveries)) = begun? else {
            return Ok(());
        };
        let delivered = deliveries.as_ref().map(Deliveries::config);
        let settings = settings(line, delivered)?.0;
        listener::run(settings, read_batching, signals, deliveries).await
    })
}

/// Waits for the first delivery where deliveries come, below this root; none when told to stop meanwhile.
async fn begin(
    root: Option<&Path>,
) -> anyhow::Result<Option<(ShutdownSignals, Option<Deliveries>)>> {
    let mut signals = ShutdownSignals::new()?;
    let Some(root) = root else {
        return Ok(Some((signals, None)));
    };
    let mut deliveries = Deliveries::watch(root)?;
    say(&["waiting for a delivery".to_owned()])?;
    tokio::select! {
        first = deliveries.first() => first?,
        () = signals.received() => return Ok(None),
    }
    Ok(Some((signals, Some(deliveries))))
}

/// What is done with the database while no server is needed.
fn maintain(verb: &Verb, settings: &Settings) -> anyhow::Result<()> {
    let file = settings.data_dir.join("chat.db");
    let name = || format!("the database {}", file.display());
    match verb {
        Verb::Backup(copy) => {
            agentchat_store::back_up(&file, copy).with_context(name)?;
            say(&[format!("{} is a sound copy", copy.display())])
        }
        Verb::Check => {
            agentchat_store::check(&file).with_context(name)?;
            say(&[format!("{} is sound", file.display())])
        }
        Verb::Export(folder) => {
            if !file.exists() {
                bail!("there is no {}", name());
            }
            transfer::export(&Store::open(&file).with_context(name)?, folder)
        }
        Verb::Import(folder) => {
            let _lock = listener::lock(&settings.data_dir)?;
            let store = Store::open(&file).with_context(name)?;
            say(&transfer::import(&store, folder)?)
        }
        Verb::Serve(_) | Verb::Receive(_) | Verb::Config => Ok(()),
    }
}

fn say(lines: &[String]) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    for line in lines {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

/// Logs go to standard error; `RUST_LOG` changes what is logged. Never message bodies.
fn log(level: &str, json: bool) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal() && !json)
        .with_writer(std::io::stderr);
    match json {
        true => lines.json().flatten_event(true).init(),
        false => lines.init(),
    }
}
