//! The steps of one `up`, in order.

use std::{collections::BTreeSet, io::stdin, net::Ipv4Addr, path::PathBuf};

use agentchat_api::Node;
use agentchat_manifests::{Applied, Kind, Manifest, apply, check_references, load};
use anyhow::Result;
use kube::{Api, Client, ResourceExt, api::ListParams};
use tokio_util::sync::CancellationToken;

use super::{
    Up, choice,
    credentials::{self, Credential},
    ports, ready,
};
use crate::{
    check::{self, Engine},
    control::{FIELD_MANAGER, not_applied, told},
    exit::{Code, WithCode, code_of},
    get::all_agents,
    interrupt::interrupted,
    output::{NAME, Progress},
    service,
    state::{Credentials, Remembered, State},
    suspension,
    swarm::{MODEL, SERVER, Swarm, chat_servers},
    wait::Patience,
};

/// How often a service is started when other programs take its port.
const TRIES: usize = 5;

/// One call of `up`.
pub struct Call<'a> {
    pub up: &'a Up,
    pub state: &'a State,
    pub progress: Progress,
    pub interrupt: &'a CancellationToken,
}

impl Call<'_> {
    /// All of them; what is there already is kept.
    pub async fn bring(&self, credential: Option<Credential>) -> Result<()> {
        let remembered = Remembered::read(self.state)?;
        let first = remembered.is_none();
        let (mut chosen, manifests) = self.check(remembered, credential.as_ref()).await?;
        chosen.down = false;
        chosen.write(self.state)?;
        let mut swarm = Swarm::new(self.state, self.progress, self.interrupt);
        let client = self.operator(&mut swarm, &mut chosen, first).await?;
        let outcome = self
            .start(&client, &mut swarm, chosen, manifests, credential)
            .await;
        match outcome {
            // A service that has ended explains what failed without it.
            Err(error) if code_of(&error) != Code::Interrupted => {
                swarm.check()?;
                Err(error)
            }
            other => other,
        }
    }

    /// Everything that can be looked at before anything is started.
    async fn check(
        &self,
        remembered: Option<Remembered>,
        credential: Option<&Credential>,
    ) -> Result<(Remembered, Vec<Manifest>)> {
        let first = remembered.is_none();
        let before = remembered.as_ref().map(|remembered| remembered.api_listen);
        let choice = self.up.choose(self.state, remembered, credential);
        let chosen = choice.code(Code::Invalid)?;
        let mut manifests = self.manifests(chosen.manifests.clone()).await?;
        if first {
            check_references(&manifests).code(Code::Invalid)?;
        }
        choice::overlay(&chosen).lay_all(&mut manifests);
        ports::check_api(self.state, &chosen, before)?;
        ports::check_chat(self.state, &chosen, &manifests)?;
        let engine = Engine::at(&chosen.socket);
        let version = engine.version().await?;
        self.progress.step(format_args!(
            "Podman {version} answers on {}",
            chosen.socket.display()
        ));
        choice::check_image(&engine, &chosen).await?;
        Ok((chosen, manifests))
    }

    /// Reads the manifests. Whoever types them can give up.
    async fn manifests(&self, paths: Vec<PathBuf>) -> Result<Vec<Manifest>> {
        let read = tokio::task::spawn_blocking(move || load(&paths, stdin()));
        tokio::select! {
            read = read => read?.code(Code::Invalid),
            () = self.interrupt.cancelled() => Err(interrupted()),
        }
    }

    /// The rest of the services, and all that is declared.
    async fn start(
        &self,
        client: &Client,
        swarm: &mut Swarm<'_>,
        mut chosen: Remembered,
        mut manifests: Vec<Manifest>,
        credential: Option<Credential>,
    ) -> Result<()> {
        if chosen.credentials == Credentials::ScriptedModel {
            self.model(swarm, &mut chosen).await?;
            choice::overlay(&chosen).lay_all(&mut manifests);
        }
        let (surroundings, agents): (Vec<_>, Vec<_>) =
            manifests.iter().partition(|m| m.kind != Kind::Agent);
        let (first, nodes): (Vec<_>, Vec<_>) =
            surroundings.into_iter().partition(|m| m.kind != Kind::Node);
        self.apply(client, &first).await?;
        credentials::provide(client, &manifests, chosen.credentials, credential).await?;
        self.apply(client, &nodes).await?;
        self.chat_servers(client, swarm, &mut chosen).await?;
        let patience = Patience::new(self.up.timeout, self.interrupt);
        ready::nodes(client, &nodes, swarm, &patience, self.progress).await?;
        let were = all_agents(client).await?;
        let changed = self.apply(client, &agents).await?;
        let before = ready::Before::new(&were, &changed);
        let woken = suspension::lift(client, &manifests).await?;
        if woken > 0 {
            self.progress.step(format_args!("{woken} agent(s) woken"));
        }
        ready::agents(client, &agents, &before, swarm, &patience, self.progress).await?;
        if chosen.credentials == Credentials::Given && service::stop(self.state, MODEL).await? {
            self.progress
                .step("scripted-model stopped: the real one answers");
        }
        Ok(())
    }

    /// Starts the operator. Nobody has asked for the port of a first `up` without a flag: when another
    /// program is quicker, another port will do.
    async fn operator(
        &self,
        swarm: &mut Swarm<'_>,
        chosen: &mut Remembered,
        first: bool,
    ) -> Result<Client> {
        for _ in 1..TRIES {
            let started = swarm.operator(chosen).await;
            let taken = check::free(chosen.api_listen, "", "").is_err();
            if started.is_ok() || !first || self.up.api_listen.is_some() || !taken {
                return started;
            }
            chosen.api_listen = choice::api_listen()?;
            chosen.write(self.state)?;
        }
        swarm.operator(chosen).await
    }

    /// Starts the scripted model, on another port when another program is quicker.
    async fn model(&self, swarm: &mut Swarm<'_>, chosen: &mut Remembered) -> Result<()> {
        let mut tries = 1..TRIES;
        loop {
            let port = choice::model_port(self.state, chosen.model_port)?;
            chosen.model_port = Some(port);
            chosen.write(self.state)?;
            let started = swarm.model(port).await;
            let taken = check::free((Ipv4Addr::UNSPECIFIED, port).into(), "", "").is_err();
            if started.is_ok() || !taken || tries.next().is_none() {
                started?;
                break;
            }
        }
        self.progress.note(
            "no Claude credentials: a SCRIPTED MODEL answers, no AI thinks here; \
             give --oauth-token-file or --api-key-file for the real one",
        );
        Ok(())
    }

    /// Applies manifests; gives the titles of those that changed something.
    async fn apply(&self, client: &Client, manifests: &[&Manifest]) -> Result<BTreeSet<String>> {
        let mut changed = BTreeSet::new();
        for manifest in manifests {
            let applied = apply(client, manifest, FIELD_MANAGER)
                .await
                .map_err(not_applied)?;
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

    async fn chat_servers(
        &self,
        client: &Client,
        swarm: &mut Swarm<'_>,
        chosen: &mut Remembered,
    ) -> Result<()> {
        let list = Api::<Node>::all(client.clone())
            .list(&ListParams::default())
            .await;
        let nodes = list
            .map_err(|error| told(error, "the Nodes are not to be had"))?
            .items;
        for (node, name) in chat_servers(nodes, chosen.chat_server.as_deref())? {
            if name == SERVER {
                chosen.chat_server = Some(node.name_any());
                chosen.write(self.state)?;
            }
            swarm.chat_server(client, &node, &name).await?;
        }
        Ok(())
    }
}
