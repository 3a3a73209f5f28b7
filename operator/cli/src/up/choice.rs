//! What is chosen: by flags, by what is remembered, or by what is usual.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use agentchat_manifests::{Overlay, Source};
use anyhow::{Context, Result, bail};

use super::{Up, credentials::Credential, model_url};
use crate::{
    check::{self, Engine, default_socket},
    service,
    state::{Credentials, Remembered, State},
    swarm::MODEL,
};

/// Where ports are looked for that nobody has chosen.
const API_PORT: u16 = 7443;
const MODEL_PORT: u16 = 8089;

impl Up {
    /// All of it; checks what can be checked without starting anything.
    pub fn choose(
        &self,
        state: &State,
        remembered: Option<Remembered>,
        credential: Option<&Credential>,
    ) -> Result<Remembered> {
        let mut chosen = match remembered {
            Some(remembered) => remembered,
            None => self.first()?,
        };
        if let Some(socket) = &self.socket {
            chosen.socket = std::path::absolute(socket)?;
        }
        if let Some(image) = &self.agent_image {
            chosen.agent_image.clone_from(image);
        }
        chosen.api_listen = self.api_listen.unwrap_or(chosen.api_listen);
        chosen.chat_port = self.chat_port.or(chosen.chat_port);
        if !self.files.is_empty() {
            let absolute = |path: &PathBuf| {
                if Source::from(path.as_path()).is_input() {
                    return Ok(path.clone());
                }
                fs::canonicalize(path).with_context(|| format!("{} can't be read", path.display()))
            };
            chosen.manifests = self.files.iter().map(absolute).collect::<Result<_>>()?;
        } else if chosen
            .manifests
            .iter()
            .any(|path| Source::from(path.as_path()).is_input())
        {
            bail!(
                "the manifests of the last `up` came from standard input, which is not remembered; give all of \
                 them again with -f"
            );
        }
        if credential.is_some() {
            chosen.credentials = Credentials::Given;
        } else if self.given.scripted_model {
            chosen.credentials = Credentials::ScriptedModel;
        }
        if chosen.credentials == Credentials::ScriptedModel {
            // Where it does not run yet, this is a guess, good enough to check the manifests with.
            chosen.model_port = Some(model_port(state, chosen.model_port)?);
        }
        Ok(chosen)
    }

    /// The first choice for a swarm that was never up.
    fn first(&self) -> Result<Remembered> {
        if self.files.is_empty() {
            bail!("what shall be brought up? give a manifest or a folder of them with -f");
        }
        let Some(image) = &self.agent_image else {
            bail!(
                "which image do agents run? give it with --agent-image; `cargo xtask image` builds one"
            );
        };
        let listen = self.api_listen.map_or_else(api_listen, Ok)?;
        Ok(Remembered::new(default_socket(), image.clone(), listen))
    }
}

/// Where the API listens when nobody says.
pub fn api_listen() -> Result<SocketAddr> {
    let port = check::free_port(Ipv4Addr::LOCALHOST, API_PORT)?;
    Ok((Ipv4Addr::LOCALHOST, port).into())
}

/// What the swarm changes in its manifests.
pub fn overlay(chosen: &Remembered) -> Overlay {
    let scripted = chosen.credentials == Credentials::ScriptedModel;
    Overlay {
        base_url: chosen.model_port.filter(|_| scripted).map(model_url),
        chat_port: chosen.chat_port,
    }
}

/// The scripted model's port: its own while it runs or can have it again, otherwise a free one.
pub fn model_port(state: &State, remembered: Option<u16>) -> Result<u16> {
    let any = Ipv4Addr::UNSPECIFIED;
    let runs = service::running(state, MODEL)?.is_some();
    let good = |port: &u16| {
        runs || check::free(SocketAddr::from((any, *port)), "The scripted model", "").is_ok()
    };
    match remembered.filter(good) {
        Some(port) => Ok(port),
        None => check::free_port(any, MODEL_PORT),
    }
}

/// Fails unless the engine has the image that agents run.
pub async fn check_image(engine: &Engine, chosen: &Remembered) -> Result<()> {
    if !engine.has_image(&chosen.agent_image).await? {
        bail!(
            "Podman at {} has no image {}; `cargo xtask image` builds one and prints its name for --agent-image",
            chosen.socket.display(),
            chosen.agent_image
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        up: Up,
    }

    #[test]
    fn manifests_from_standard_input_must_be_given_again() {
        let base = tempfile::tempdir().unwrap();
        let state = State::below(base.path(), "x");
        state.create().unwrap();
        let listen = "127.0.0.1:7443".parse().unwrap();
        let mut remembered = Remembered::new("/s".into(), "image".into(), listen);
        remembered.manifests = vec![base.path().into(), "-".into()];
        let choose = |line: &str| {
            let up = Line::parse_from(line.split(' ')).up;
            up.choose(&state, Some(remembered.clone()), None)
        };
        let refused = choose("up").unwrap_err().to_string();
        assert!(
            refused.contains("give all of them again with -f"),
            "{refused}"
        );
        let chosen = choose("up -f -").unwrap();
        assert_eq!(chosen.manifests, [PathBuf::from("-")]);
    }
}
