//! The steps of one `up`, in order.

use std::{collections::BTreeSet, io::stdin, path::PathBuf};

use agentchat_driver::probe;
use agentchat_manifests::{Applied, Kind, Manifest, apply, check_references, load};
use anyhow::Result;
use kube::Client;
use tokio_util::sync::CancellationToken;

use super::{
    configure,
    credentials::{self, Credential},
    flags::Up,
    ports, ready,
};
use crate::{
    check,
    control::{FIELD_MANAGER, list, not_applied},
    earlier,
    exit::{Code, WithCode, code_of},
    interrupt::interrupted,
    operator::{self, Operator},
    output::{NAME, Progress},
    state::{Credentials, State, SwarmConfig},
    suspension,
    wait::Deadline,
};

/// How often the operator is started when other programs take its port.
const TRIES: usize = 5;

/// One `up`.
pub struct UpSteps<'a> {
    pub up: &'a Up,
    pub state: &'a State,
    pub progress: Progress,
    pub interrupt: &'a CancellationToken,
}

impl UpSteps<'_> {
    /// All of them; what is there already is kept.
    pub async fn bring(&self, credential: Option<Credential>) -> Result<()> {
        let remembered = SwarmConfig::read(self.state)?;
        let first = remembered.is_none();
        let (mut config, manifests) = self.check(remembered, credential.as_ref()).await?;
        config.down = false;
        config.write(self.state)?;
        earlier::stop(self.state, &self.progress).await?;
        let operator = Operator::new(self.state, self.progress, self.interrupt);
        let client = self.operator(&operator, &mut config, first).await?;
        let outcome = self.declare(&client, &config, &manifests, credential).await;
        match outcome {
            // An operator that is gone explains what failed without it.
            Err(error) if code_of(&error) != Code::Interrupted => {
                match operator::is_running(self.state)? {
                    true => Err(error),
                    false => Err(operator.explain(&error)),
                }
            }
            other => other,
        }
    }

    /// Everything that can be looked at before anything is started.
    async fn check(
        &self,
        remembered: Option<SwarmConfig>,
        credential: Option<&Credential>,
    ) -> Result<(SwarmConfig, Vec<Manifest>)> {
        let first = remembered.is_none();
        let before = remembered.as_ref().map(|config| config.api_listen);
        let config = self.up.configure(remembered, credential);
        let config = config.code(Code::Invalid)?;
        let mut manifests = self.manifests(config.manifests.clone()).await?;
        if first {
            check_references(&manifests).code(Code::Invalid)?;
        }
        configure::overlay(&config, &mut manifests);
        ports::check_api(self.state, &config, before)?;
        ports::check_chat(self.state, &config, &manifests).await?;
        let version = probe::version(&config.socket).await?;
        self.progress.step(format_args!(
            "Podman {version} answers on {}",
            config.socket.display()
        ));
        configure::check_images(&config).await?;
        Ok((config, manifests))
    }

    /// Reads the manifests. Whoever types them can give up.
    async fn manifests(&self, paths: Vec<PathBuf>) -> Result<Vec<Manifest>> {
        let read = tokio::task::spawn_blocking(move || load(&paths, stdin()));
        tokio::select! {
            read = read => read?.code(Code::Invalid),
            () = self.interrupt.cancelled() => Err(interrupted()),
        }
    }

    /// All that is declared.
    async fn declare(
        &self,
        client: &Client,
        config: &SwarmConfig,
        manifests: &[Manifest],
        credential: Option<Credential>,
    ) -> Result<()> {
        if config.credentials == Credentials::ScriptedModel {
            self.progress.note(
                "no Claude credentials: a SCRIPTED MODEL answers, no AI thinks here; \
                 give --oauth-token-file or --api-key-file for the real one",
            );
        }
        let (others, agents): (Vec<_>, Vec<_>) =
            manifests.iter().partition(|m| m.kind != Kind::Agent);
        let (nodes, first): (Vec<_>, Vec<_>) =
            others.into_iter().partition(|m| m.kind == Kind::Node);
        self.apply(client, &first).await?;
        credentials::provide(client, manifests, config.credentials, credential).await?;
        self.apply(client, &nodes).await?;
        let deadline = Deadline::new(self.up.timeout, self.interrupt);
        ready::nodes(client, &nodes, &deadline, self.progress).await?;
        let were = list(client).await?;
        let changed = self.apply(client, &agents).await?;
        let before = ready::TokensBefore::new(&were, &changed);
        let resumed = suspension::resume(client, manifests).await?;
        if resumed > 0 {
            self.progress
                .step(format_args!("{resumed} agent(s) resumed"));
        }
        ready::agents(client, &agents, &before, &deadline, self.progress).await
    }

    /// Starts the operator. Nobody has asked for the port of a first `up` without a flag: when another
    /// program is quicker, another port will do.
    async fn operator(
        &self,
        operator: &Operator<'_>,
        config: &mut SwarmConfig,
        first: bool,
    ) -> Result<Client> {
        let systemd = !self.up.no_systemd;
        for _ in 1..TRIES {
            let started = operator.start(config, systemd).await;
            if started.is_ok() || !first || self.up.api_listen.is_some() {
                return started;
            }
            operator.stop().await?;
            if check::free(config.api_listen, "", "").is_ok() {
                return started;
            }
            config.api_listen = configure::api_listen()?;
            config.write(self.state)?;
        }
        operator.start(config, systemd).await
    }

    /// Applies manifests; gives the titles of those that changed something.
    async fn apply(&self, client: &Client, manifests: &[&Manifest]) -> Result<BTreeSet<String>> {
        let mut changed = BTreeSet::new();
        for manifest in manifests {
            let applied = apply(client, manifest, FIELD_MANAGER).await;
            let applied = applied.map_err(not_applied)?;
            if applied != Applied::Unchanged {
                changed.insert(manifest.title());
            }
            let what = match applied {
                Applied::Created => "created",
                Applied::Changed => "changed",
                Applied::Unchanged => "unchanged",
            };
            self.progress
                .step(format_args!("{NAME}{}{NAME:#} {what}", manifest.title()));
        }
        Ok(changed)
    }
}
