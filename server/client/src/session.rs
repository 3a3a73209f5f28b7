//! The session: connects, and connects again when the connection breaks.

mod identify;
mod joins;
mod serve;

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use crate::{
    ClientError, Event, Options, Welcome,
    backoff::Backoff,
    connection::{ConnectError, Server, connect},
    error::chain,
    events::EventQueue,
    limits::Limits,
    request::Request,
    subscriptions::Subscriptions,
};

/// The state of the connection, for those who wait for it.
#[derive(Clone)]
pub enum ConnectionState {
    NotConnected(ClientError),
    Connected {
        welcome: Welcome,
        /// Whether the server says a message once whose id it has had.
        once: bool,
    },
}

/// The task behind a client.
pub struct Session {
    pub options: Arc<Options>,
    pub limits: Limits,
    /// The CA to connect with.
    pub ca: watch::Receiver<Option<String>>,
    pub wanted: mpsc::Receiver<Request>,
    pub events: EventQueue,
    pub state: watch::Sender<ConnectionState>,
    /// The server's time, as of its last frame, Unix milliseconds.
    pub clock: Arc<AtomicI64>,
    pub subscriptions: Subscriptions,
}

/// Why a connection ended.
enum End {
    /// It broke, or never stood.
    Lost(String),
    /// The server stops, and says when to come back.
    Stopping { reason: String, after: Duration },
    /// Another connection proved the same identity: coming back at once would only take turns with it.
    Displaced(String),
    /// The server does not want us.
    Refused { code: String, message: String },
    /// Nobody wants it any more.
    Stopped,
}

impl From<ConnectError> for End {
    fn from(error: ConnectError) -> Self {
        Self::Lost(chain(&error))
    }
}

impl Session {
    /// Lives until it is stopped, or until all handles are gone.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut backoff = Backoff::new(&self.limits);
        loop {
            let end = self.attempt(&stop, &mut backoff).await;
            let (error, event) = match end {
                End::Stopped => return,
                End::Lost(reason) => lost(reason),
                End::Stopping { reason, after } => {
                    backoff.hint(after);
                    lost(reason)
                }
                End::Displaced(reason) => {
                    backoff.lengthen();
                    lost(reason)
                }
                End::Refused { code, message } => (
                    ClientError::from((code.clone(), message.clone())),
                    Event::Refused { code, message },
                ),
            };
            self.state
                .send_replace(ConnectionState::NotConnected(error.clone()));
            self.events.push(event);
            let next = self.back_off(backoff.take(), &error);
            if stop.run_until_cancelled(next).await != Some(true) {
                return;
            }
        }
    }

    /// One connection, from its beginning to its end.
    async fn attempt(&mut self, stop: &CancellationToken, backoff: &mut Backoff) -> End {
        let server = Server {
            url: self.options.url.clone(),
            ca_pem: self.ca.borrow_and_update().clone(),
        };
        let begin = async {
            let mut socket = connect(&server, self.limits.connect).await?;
            let welcomed = self.identify(&mut socket).await?;
            Ok::<_, End>((socket, welcomed))
        };
        let (mut socket, welcomed) = match stop.run_until_cancelled(begin).await {
            Some(Ok(begun)) => begun,
            Some(Err(end)) => return end,
            None => return End::Stopped,
        };
        let since = Instant::now();
        let joins = self.subscriptions.connected(welcomed.entered.as_ref());
        let own = welcomed.welcome.agent_id.clone();
        if let Some(at) = welcomed.at {
            self.clock.store(at, Ordering::Relaxed);
        }
        self.state.send_replace(ConnectionState::Connected {
            welcome: welcomed.welcome.clone(),
            // Servers that give channels an order know ids of clients too.
            once: welcomed.entered.is_some(),
        });
        self.events.push(Event::Connected(welcomed.welcome));
        let end = self.serve(&mut socket, joins, &own, stop).await;
        // The next attempt uses it anyway: many clients must not come at once to a server that has just stopped.
        self.ca.mark_unchanged();
        if since.elapsed() >= self.limits.settled {
            backoff.reset();
        }
        end
    }

    /// Waits for the next attempt, also until the reader can take what it brings. Another CA than the last
    /// attempt's ends the pause. Whoever asks meanwhile is told, instead of waiting for the next connection. False
    /// when nobody holds the client any more.
    async fn back_off(&mut self, pause: Duration, error: &ClientError) -> bool {
        let (events, ca) = (&self.events, &mut self.ca);
        let over = async {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                Ok(()) = ca.changed() => {}
            }
            events.freed().await;
        };
        tokio::pin!(over);
        loop {
            tokio::select! {
                () = &mut over => return true,
                request = self.wanted.recv() => match request {
                    Some(request) => drop(request.answer.send(Err(error.clone()))),
                    None => return false,
                },
            }
        }
    }
}

fn lost(reason: String) -> (ClientError, Event) {
    (
        ClientError::Disconnected(reason.clone()),
        Event::Disconnected { reason },
    )
}
