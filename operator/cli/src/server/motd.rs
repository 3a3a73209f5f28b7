//! The message of the day.

use std::io::Read;

use anyhow::{Context, Result, anyhow};
use clap::Args;
use serde_json::json;

use super::moderator::Moderator;
use crate::{
    chat::{ChatSession, Key, Person},
    exit::{Code, WithCode},
    output::{plain, say},
};

/// Shows the message of the day, sets it, or takes it away.
#[derive(Debug, Args)]
pub struct Motd {
    /// The message, or - for standard input; without one, the present one is shown.
    text: Option<String>,
    /// Takes it away.
    #[arg(long, conflicts_with = "text")]
    clear: bool,
    /// Sends everybody else away too, half a second later; they may come back.
    #[arg(long)]
    kick: bool,
}

impl Motd {
    pub(super) async fn carry_out(&self, moderator: &Moderator<'_>) -> Result<()> {
        let text = match self.text.as_deref() {
            None if self.clear => None,
            None if self.kick => {
                let words = "--kick tells everybody why: give a text, or --clear";
                return Err(anyhow!(words).code(Code::Invalid));
            }
            None => return show(moderator).await,
            Some("-") => {
                let mut text = String::new();
                let read = std::io::stdin().read_to_string(&mut text);
                read.context("standard input can't be read")?;
                Some(text)
            }
            Some(text) => Some(text.to_owned()),
        };
        let text = text.map(|text| text.trim().to_owned());
        if text.as_deref() == Some("") {
            let words = "the message is empty; --clear takes the present one away";
            return Err(anyhow!(words).code(Code::Invalid));
        }
        if self.kick {
            moderator.confirm.ask("Send everybody away?")?;
        }
        let set = moderator.admin.set_motd(text.as_deref(), self.kick);
        set.await.map_err(|error| moderator.refused(error))?;
        let done = match (&text, self.kick) {
            (Some(_), false) => "message of the day set",
            (None, false) => "message of the day taken away",
            (Some(_), true) => "message of the day set, everybody sent away",
            (None, true) => "message of the day taken away, everybody sent away",
        };
        let value = json!({"motd": text, "kicked": self.kick, "done": done});
        moderator.show(&value, "", || format!("{done}\n"))
    }
}

/// The present one, as everybody is told who comes in.
async fn show(moderator: &Moderator<'_>) -> Result<()> {
    let person = Person::prepare(moderator.access.clone(), moderator.state, None, Key::Free)?;
    let session = ChatSession::enter(person, &[]).await?;
    let motd = session.welcome.motd.clone();
    session.leave().await;
    if motd.is_none() && moderator.form.is_none() {
        say("there is no message of the day");
        return Ok(());
    }
    let text = motd.clone().unwrap_or_default();
    moderator.show(&json!({"motd": motd}), "", || format!("{}\n", plain(&text)))
}
