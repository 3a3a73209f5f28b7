//! The processes of an earlier release, which ran the chat server and the scripted model on the host: they are ended,
//! and the operator takes the chat server's data along into the volume of its container.

use std::{fs, time::Duration};

use anyhow::{Context, Result};

use crate::{
    operator::stop_process,
    output::{NAME, Progress},
    state::State,
};

/// How long one may take to end: it says goodbye to its clients.
const GRACE: Duration = Duration::from_secs(20);

/// Names of those that have a pid file.
fn names(state: &State) -> Result<Vec<String>> {
    let entries = match fs::read_dir(state.root()) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(vec![]),
        Err(error) => return Err(error).with_context(|| state.root().display().to_string()),
    };
    let files = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let names = files.filter_map(|file| file.strip_suffix(".pid").map(str::to_owned));
    // The second chat server and those after it had the names of their Nodes in theirs.
    let is_earlier = |name: &String| {
        ["scripted-model", "agentchat-server"].contains(&name.as_str())
            || name.starts_with("agentchat-server-")
    };
    Ok(names.filter(is_earlier).collect())
}

/// Whether the state folder tells of any.
pub fn has_processes(state: &State) -> Result<bool> {
    Ok(!names(state)?.is_empty())
}

/// Ends them.
pub async fn stop(state: &State, progress: &Progress) -> Result<()> {
    for name in names(state)? {
        if stop_process(&state.pid_file(&name), GRACE).await? {
            progress.step(format_args!(
                "{NAME}{name}{NAME:#} of an earlier release stopped"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;
    use crate::operator::Process;

    #[tokio::test]
    async fn processes_of_an_earlier_release_are_ended_and_others_are_not() {
        let base = tempfile::tempdir().unwrap();
        let state = State::below(base.path(), "x");
        state.create().unwrap();
        let cat = || Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let (mut server, mut second, mut other) = (cat(), cat(), cat());
        for (name, child) in [
            ("agentchat-server", &server),
            ("agentchat-server-two", &second),
            ("agentchat-operator", &other),
        ] {
            let process = Process::of(i32::try_from(child.id()).unwrap()).unwrap();
            fs::write(state.pid_file(name), process.line("f00")).unwrap();
        }
        assert!(has_processes(&state).unwrap());
        stop(&state, &Progress::start()).await.unwrap();
        assert!(!has_processes(&state).unwrap());
        assert!(!server.wait().unwrap().success() && !second.wait().unwrap().success());
        assert_eq!(other.try_wait().unwrap(), None);
        other.kill().unwrap();
        other.wait().unwrap();
    }
}
