//! The control plane of one swarm: the embedded Kubernetes-style API and the controllers, in one process.
//!
//! This is the composition root only: arguments → configuration → run.

use std::{process::ExitCode, sync::Arc};

use agentchat_apiserver::{ApiServer, Options};
use agentchat_controller::{Engines, Settings};
use agentchat_driver::Deadlines;
use agentchat_operator::{
    access::{self, Access},
    args::{Args, init_logging, write_private},
    machines::LocalMachines,
};
use anyhow::Context;
use clap::Parser;
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, ResourceExt};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::info;

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    init_logging();
    match run(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> anyhow::Result<()> {
    let (mut term, mut int) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    let crds =
        agentchat_api::crds().context("the resource definitions can't be written as YAML")?;
    let api = ApiServer::open(Options {
        data_dir: args.data_dir.clone(),
        listen: args.listen,
        crds: crds.into_iter().map(|(_, yaml)| yaml).collect(),
    })
    .await?;
    let client = api.client();
    let swarm = Api::<Namespace>::all(client.clone())
        .get("kube-system")
        .await?;
    let swarm_id = swarm
        .uid()
        .context("the Namespace kube-system has no UID")?;
    let machines = Arc::new(LocalMachines {
        socket: args.socket,
        swarm_id: swarm_id.clone(),
    });
    let engines = Engines::default();
    write_private(&args.kubeconfig_out, &api.kubeconfig())?;
    info!(swarm = args.swarm, swarm_id, listen = %api.address(), "started");

    let (shutdown, tasks) = (CancellationToken::new(), TaskTracker::new());
    let settings = Settings {
        swarm: args.swarm,
        agent_image: args.agent_image,
        server_image: args.server_image,
        earlier_chat_data: args.earlier_chat_data,
        deadlines: Deadlines::default(),
    };
    let access = access::router(Access {
        client: client.clone(),
        engines: engines.clone(),
    });
    let controllers =
        agentchat_controller::run(client, machines, engines, settings, shutdown.clone());
    let mut controllers = tasks.spawn(controllers);
    let mut server = tasks.spawn(api.serve(access, shutdown.clone()));
    tasks.close();
    // Either of the two must last as long as the process; the second signal ends it at once.
    let early = tokio::select! {
        _ = term.recv() => None,
        _ = int.recv() => None,
        ended = &mut controllers => Some(ended.map_err(anyhow::Error::from)),
        ended = &mut server => Some(ended.map_err(anyhow::Error::from).and_then(|ended| Ok(ended?))),
    };
    info!("stopping; agents go on");
    shutdown.cancel();
    tokio::select! {
        () = tasks.wait() => {}
        _ = term.recv() => anyhow::bail!("stopped at once by a second signal"),
        _ = int.recv() => anyhow::bail!("stopped at once by a second signal"),
    }
    match early {
        None => Ok(()),
        Some(ended) => ended.and_then(|()| anyhow::bail!("a part of the operator ended by itself")),
    }
}
