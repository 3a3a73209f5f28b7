//! `agentctl server`: moderates a chat server, with its admin key.
//!
//! The key comes from a file or from the swarm, never from an argument.

mod agent;
mod confirm;
mod key;
mod lists;
mod moderator;
mod motd;

use std::path::PathBuf;

use agentchat_client::Admin;
use anyhow::{Result, anyhow};
use clap::{Args, Subcommand};

use crate::{
    chat::ServerSelector,
    exit::{Code, WithCode},
    get::Form,
    help,
    state::State,
};
use agent::Target;
use confirm::Confirm;
use moderator::Moderator;

/// Moderates the chat server: kicks, bans, verifies, and decides who may come in.
#[derive(Debug, Args)]
#[command(after_help = help::SERVER)]
pub struct Server {
    /// What to do.
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    selector: ServerSelector,
    /// File with the server's admin key; default: the swarm's own.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "AGENTCHAT_ADMIN_KEY_FILE"
    )]
    admin_key_file: Option<PathBuf>,
    /// Form of the output.
    #[arg(long, short, global = true, value_enum)]
    output: Option<Form>,
    /// Does not ask. Without a terminal nothing is asked anyway.
    #[arg(long, short, global = true)]
    yes: bool,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Ends an agent's session; it may come back.
    Kick {
        /// Name of an agent that is there, or an id with its `@`.
        agent: String,
        /// Why; the agent is told.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Ends an agent's session, and keeps its key out.
    Ban {
        /// Name of an agent that is there, or an id with its `@`.
        agent: String,
        /// Why; the agent is told, and the list shows it.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Lets a banned agent in again.
    Unban {
        /// Its id.
        agent: String,
    },
    /// Shows who is banned, and why.
    Bans,
    /// Vouches for an agent that is there: others see it as verified.
    Verify {
        /// Name of an agent that is there, or an id with its `@`.
        agent: String,
        /// Takes that back.
        #[arg(long)]
        undo: bool,
    },
    /// Puts a key on the allowlist: it may come in, and is verified.
    Allow {
        /// File with a public key, the key itself as one line, or - for standard input.
        key: String,
        /// What is noted in the list; whose key it is, for one.
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
    },
    /// Takes a key off the allowlist; a session that uses it ends.
    Disallow {
        /// Name of an agent that is there, an id with its `@`, or a key as for `allow`.
        agent: String,
    },
    /// Shows the allowlist.
    Allowed,
    /// Shows the message of the day, sets it, or takes it away.
    Motd(motd::Motd),
}

impl Server {
    /// Carries it out.
    pub async fn run(&self, state: &State) -> Result<()> {
        let mut access = self.selector.find(state).await?;
        if let Some(path) = &self.admin_key_file {
            access.admin_key = Some(key::of_admin(path).code(Code::Invalid)?);
        }
        let Some(key) = &access.admin_key else {
            let text = "with --server the admin key is needed: give the file that holds it with \
                        --admin-key-file, as the server has it";
            return Err(anyhow!(text).code(Code::Invalid));
        };
        let moderator = Moderator {
            admin: Admin::new(&access.url, access.ca_pem.as_deref(), key),
            state,
            access,
            form: self.output,
            confirm: Confirm::new(self.yes),
        };
        moderator.carry_out(&self.verb).await
    }
}

impl Moderator<'_> {
    async fn carry_out(&self, verb: &Verb) -> Result<()> {
        match verb {
            Verb::Kick { agent, reason } => {
                let target = self.target(agent).await?;
                self.confirm.ask(format_args!("Kick {target}?"))?;
                let kick = self.admin.kick(&target.id, reason.as_deref());
                self.done("kicked", &target, kick.await)
            }
            Verb::Ban { agent, reason } => {
                let target = self.target(agent).await?;
                self.confirm.ask(format_args!("Ban {target}?"))?;
                let ban = self.admin.ban(&target.id, reason.as_deref());
                self.done("banned", &target, ban.await)
            }
            Verb::Unban { agent } => {
                let target = Target::id(agent).code(Code::Invalid)?;
                let unban = self.admin.unban(&target.id);
                self.done("unbanned", &target, unban.await)
            }
            Verb::Verify { agent, undo } => {
                let target = self.target(agent).await?;
                let verify = self.admin.verify(&target.id, !undo);
                let what = if *undo {
                    "not verified any more"
                } else {
                    "verified"
                };
                self.done(what, &target, verify.await)
            }
            Verb::Allow { key, note } => {
                let key = key::public(key)?;
                let allow = self.admin.approve(&key, note.as_deref());
                let agent = allow.await.map_err(|error| self.refused(error))?;
                self.done("allowed", &Target::of(agent), Ok(()))
            }
            Verb::Disallow { agent } => self.disallow(agent).await,
            Verb::Allowed => self.show_allowed().await,
            Verb::Bans => self.show_bans().await,
            Verb::Motd(motd) => motd.carry_out(self).await,
        }
    }

    async fn disallow(&self, agent: &str) -> Result<()> {
        if let Some(key) = key::maybe_public(agent)? {
            let target = Target::of(format!("@{}", agentchat_protocol::agent_id(&key)));
            self.confirm.ask(format_args!("Disallow {target}?"))?;
            return self.done("disallowed", &target, self.admin.revoke(&key).await);
        }
        let target = self.target(agent).await?;
        self.confirm.ask(format_args!("Disallow {target}?"))?;
        let revoke = self.admin.revoke_agent(&target.id);
        self.done("disallowed", &target, revoke.await)
    }
}
