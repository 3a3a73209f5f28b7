//! The embedded Kubernetes-style API server: what `kubectl` and kube's controllers need of one, in
//! this process, on SQLite.
//!
//! It is generic over types: Namespace, Secret and ConfigMap are built in, everything else is
//! registered from CustomResourceDefinitions. Every request has a [`UserInfo`] in its extensions, and
//! is answered when the rules allow that user what it asks: today everything to members of
//! `system:masters`, and almost nothing to others. Controllers use [`ApiServer::client`], which calls the
//! same routes without a socket as the user `agentchat-operator`; everybody else comes over TLS with a
//! token, today the administrator's.
//!
//! Not there yet: server-side apply, CEL rules, CRDs as objects, roles, events, garbage collection by
//! owner, encryption of Secrets at rest.

mod accept;
mod admission;
mod authentication;
mod authorization;
mod body;
mod discovery;
mod failure;
mod kubeconfig;
mod meta;
mod openapi;
mod patch;
mod pki;
mod protobuf;
mod query;
mod render;
mod request_path;
mod resources;
mod router;
mod selector;
mod serve;
mod store;
mod table;
mod target;
mod types;
mod user;

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, sync::Arc};

use axum::{Extension, Router, middleware};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::{authentication::Tokens, resources::Api, store::Store, types::Registry};
pub use user::UserInfo;

/// What a server needs to know.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the database and `pki/` are; made when it isn't there, for its owner alone.
    pub data_dir: PathBuf,
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// CustomResourceDefinitions, YAML, one each.
    pub crds: Vec<String>,
}

/// Why a server can't run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address can't be had.
    #[error("listening on {address} for the API: {source}; choose another address")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// A definition can't be served.
    #[error(transparent)]
    Types(#[from] types::Error),
    /// Keys and certificates can't be had.
    #[error(transparent)]
    Pki(#[from] pki::Error),
    /// The database can't be used.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The first objects can't be made.
    #[error("making the system namespaces: {0}")]
    Namespaces(String),
}

/// A server that has its address, its keys and its database, and serves when told to.
#[derive(Debug)]
pub struct ApiServer {
    api: Arc<Api>,
    pki: pki::Pki,
    tokens: Tokens,
    listener: TcpListener,
    address: SocketAddr,
}

impl ApiServer {
    /// Binds the address and opens or makes everything else. Nothing is answered before
    /// [`serve`](Self::serve), except to [`client`](Self::client).
    pub async fn open(options: Options) -> Result<Self, Error> {
        let registry = Registry::new(&options.crds)?;
        let listen = |source| Error::Listen {
            address: options.listen,
            source,
        };
        let listener = TcpListener::bind(options.listen).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        pki::make_folder(&options.data_dir)?;
        let store = Arc::new(Store::open(&options.data_dir.join("state.db"))?);
        adapt(&store, &registry);
        let pki = pki::Pki::open(&options.data_dir, address)?;
        let api = Arc::new(Api {
            openapi: openapi::Documents::new(&registry),
            store,
            registry,
            shutdown: CancellationToken::new(),
        });
        resources::ensure(&api)
            .await
            .map_err(|failure| Error::Namespaces(failure.message().to_owned()))?;
        let mut tokens = Tokens::default();
        tokens.add(&pki.token, UserInfo::admin());
        Ok(Self {
            api,
            pki,
            tokens,
            listener,
            address,
        })
    }

    /// The address that is listened on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A client within this process: the user `agentchat-operator`, who is asked about like any other.
    pub fn client(&self) -> kube::Client {
        let router = router::guarded(self.api.clone(), Router::new());
        kube::Client::new(router.layer(Extension(UserInfo::operator())), "default")
    }

    /// Takes one more bearer token, in addition to the administrator's.
    #[must_use]
    pub fn with_token(mut self, token: &str, user: UserInfo) -> Self {
        self.tokens.add(token, user);
        self
    }

    /// The administrator's kubeconfig. It holds the token: write it for its owner alone.
    pub fn kubeconfig(&self) -> String {
        kubeconfig::admin(self.address, &self.pki.ca, &self.pki.token)
    }

    /// Serves until the shutdown. The `extra` routes are behind the same authentication and
    /// authorization, as paths that are no resources; their handlers find the [`UserInfo`] in the request's
    /// extensions. When it returns, watches have ended and answers under way were given a few seconds to
    /// finish.
    pub async fn serve(self, extra: Router, shutdown: CancellationToken) -> Result<(), Error> {
        let router = router::guarded(self.api.clone(), extra).layer(
            middleware::from_fn_with_state(Arc::new(self.tokens), authentication::authenticate),
        );
        let acceptor = TlsAcceptor::from(self.pki.tls);
        let end = async {
            shutdown.cancelled().await;
            self.api.shutdown.cancel();
        };
        tokio::join!(
            serve::run(self.listener, acceptor, router, shutdown.clone()),
            resources::collect(self.api.clone()),
            resources::expire(self.api.clone()),
            end,
        );
        Ok(())
    }
}

/// Brings objects that an earlier program stored to what the schemas say today: clients see
/// defaults of fields that came later, and none of the fields that went.
fn adapt(store: &Store, registry: &Registry) {
    let types: BTreeMap<String, &Arc<types::Resource>> = registry
        .all()
        .iter()
        .map(|resource| (resource.stored_as(), resource))
        .collect();
    store.adapt(|key, object| {
        if let Some(resource) = types.get(&key.resource) {
            object["apiVersion"] = resource.api_version().into();
            resource.schema.prune(object);
            resource.schema.default(object);
            agentchat_schema::normalise(object);
        }
    });
}
