//! What a connection is given.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

use crate::{inbox::Inbox, limits::Limits, settings::Networks, tls::Certificate};

/// What all connections share.
pub struct Shared {
    pub inbox: Inbox,
    pub tls: Option<Arc<Certificate>>,
    pub trusted: Networks,
    pub limits: Limits,
    pub shutdown: CancellationToken,
}

/// Permission to be one of the connections that have not shaken hands yet; given back when it is dropped.
pub type HandshakePermit = OwnedSemaphorePermit;
