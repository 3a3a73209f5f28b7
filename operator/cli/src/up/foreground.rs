//! What `up` does when it stays: shows the conversation, sends what is typed, and takes the swarm down on Ctrl-C.

use std::time::Duration;

use anyhow::Result;
use tokio_util::sync::CancellationToken;

use crate::{
    chat::{Access, Conversation, Input, Key, Person, Show},
    control, down, operator,
    output::{self, FAINT, NOTE, Progress, say},
    state::{Lock, State, SwarmConfig},
};

/// Between two looks at the operator.
const LOOK: Duration = Duration::from_secs(1);
/// The channel that is shown.
const CHANNEL: &str = "#general";

/// Until Ctrl-C, until nobody reads, or until the swarm is taken down from elsewhere.
pub async fn hold(state: &State, progress: Progress, interrupt: &CancellationToken) -> Result<()> {
    tokio::select! {
        () = talk(state, interrupt) => {}
        () = output::closed() => {
            progress.note("nobody reads the conversation any more: taking the swarm down");
        }
        () = taken_down(state) => if !interrupt.is_cancelled() {
            progress.step("the swarm was taken down from elsewhere");
            return Ok(());
        },
    }
    let Some(_lock) = Lock::take(state, &progress).await? else {
        return Ok(());
    };
    down::take_down(state, progress, down::Kind::Keep, &CancellationToken::new()).await
}

/// Shows the channel until Ctrl-C or until nobody reads. Without a chat there is still something to wait for.
async fn talk(state: &State, interrupt: &CancellationToken) {
    let held = async {
        let client = control::client(state).await?;
        let access = Access::of_swarm(&client, state, None).await?;
        let person = Person::prepare(access, state, None, Key::Free)?;
        let mut conversation = Conversation::open(person, CHANNEL).await?;
        say(format_args!(
            "{FAINT}this is {CHANNEL}: type to say something, Ctrl-C takes the swarm down{FAINT:#}"
        ));
        conversation
            .hold(Show::Text, Input::MayEnd, interrupt)
            .await
    };
    let outcome = tokio::select! { held = held => held, () = interrupt.cancelled() => return };
    if let Err(error) = outcome {
        if output::is_closed(&error) {
            return;
        }
        say(format_args!(
            "{NOTE}no conversation to show: {error:#}; Ctrl-C takes the swarm down{NOTE:#}"
        ));
    }
    interrupt.cancelled().await;
}

/// Returns when somebody else has taken the swarm down; says it once when the operator is gone otherwise.
async fn taken_down(state: &State) {
    let mut said = false;
    loop {
        tokio::time::sleep(LOOK).await;
        if operator::is_running(state).unwrap_or(true) {
            said = false;
            continue;
        }
        match SwarmConfig::read(state) {
            Ok(Some(config)) if !config.down => {}
            Ok(_) => return,
            Err(_) => continue,
        }
        if !std::mem::replace(&mut said, true) {
            let end = operator::log_end(state);
            say(format_args!(
                "{NOTE}the operator is gone; agents go on, `agentctl up` starts it again{NOTE:#}{end}"
            ));
        }
    }
}
