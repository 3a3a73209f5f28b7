//! The handle that users hold.

use std::{
    sync::{Arc, atomic::AtomicI64},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    sync::{Mutex, mpsc, oneshot, watch},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::{
    Agent, Channel, ClientError, Events, History, Options, Position, Welcome,
    connection::Server,
    events::events,
    limits::Limits,
    request::{Known, Request, Wants},
    session::{ConnectionState, Session},
    subscriptions::Subscriptions,
};

/// A handle on the session; clones share it. The session ends with [`Client::shutdown`], or when all
/// handles are gone.
#[derive(Clone)]
pub struct Client {
    pub(crate) options: Arc<Options>,
    /// The CA to connect with.
    ca: watch::Sender<Option<String>>,
    pub(crate) limits: Limits,
    requests: mpsc::Sender<Request>,
    turn: Arc<Mutex<()>>,
    pub(crate) state: watch::Receiver<ConnectionState>,
    pub(crate) clock: Arc<AtomicI64>,
    stop: CancellationToken,
    done: CancellationToken,
}

impl Client {
    /// Starts the session and returns at once; the connection is made in the background.
    #[must_use]
    pub fn start(options: Options) -> (Self, Events) {
        Self::start_within(options, Limits::default())
    }

    pub(crate) fn start_within(options: Options, limits: Limits) -> (Self, Events) {
        let (requests, wanted) = mpsc::channel(1);
        let (queue, happened) = events(limits.events_bytes);
        let waiting = ClientError::Disconnected("still connecting".into());
        let (state, watched) = watch::channel(ConnectionState::NotConnected(waiting));
        let (stop, done) = (CancellationToken::new(), CancellationToken::new());
        let (ca, trusted) = watch::channel(options.ca_pem.clone());
        let options = Arc::new(options);
        let clock = Arc::new(AtomicI64::new(0));
        let session = Session {
            subscriptions: Subscriptions::new(&options.channels),
            options: options.clone(),
            limits,
            ca: trusted,
            wanted,
            events: queue,
            state,
            clock: clock.clone(),
        };
        let (asked, over) = (stop.clone(), done.clone().drop_guard());
        tokio::spawn(async move {
            session.run(asked).await;
            drop(over);
        });
        let client = Self {
            options,
            ca,
            limits,
            requests,
            turn: Arc::default(),
            state: watched,
            clock,
            stop,
            done,
        };
        (client, happened)
    }

    /// Trusts another CA from now on, PEM, in place of [`Options::ca_pem`]. A connection that stands is kept; the
    /// next one is made with it. Without a connection it is tried at once, whatever pause there would be. The same
    /// CA again changes nothing.
    pub fn set_ca(&self, ca_pem: Option<String>) {
        self.ca.send_if_modified(|ca| {
            let changed = *ca != ca_pem;
            *ca = ca_pem;
            changed
        });
    }

    /// Where to connect to, by now.
    pub(crate) fn server(&self) -> Server {
        Server {
            url: self.options.url.clone(),
            ca_pem: self.ca.borrow().clone(),
        }
    }

    /// Waits until the key is proven, or until the server refuses. Without a connection it waits on: see
    /// [`Client::connected_within`].
    pub async fn connected(&self) -> Result<Welcome, ClientError> {
        let mut state = self.state.clone();
        loop {
            let now = state.borrow_and_update().clone();
            match now {
                ConnectionState::Connected { welcome, .. } => return Ok(welcome),
                ConnectionState::NotConnected(error @ ClientError::Server { .. }) => {
                    return Err(error);
                }
                ConnectionState::NotConnected(_) => {}
            }
            state.changed().await.map_err(|_| ClientError::Closed)?;
        }
    }

    /// As [`Client::connected`], but not for longer than `limit`. The error says why the last attempt failed.
    pub async fn connected_within(&self, limit: Duration) -> Result<Welcome, ClientError> {
        if let Ok(result) = timeout(limit, self.connected()).await {
            return result;
        }
        match &*self.state.borrow() {
            ConnectionState::Connected { welcome, .. } => Ok(welcome.clone()),
            ConnectionState::NotConnected(error) => Err(error.clone()),
        }
    }

    pub(crate) async fn ask(&self, frame: Value, wants: Wants) -> Result<Value, ClientError> {
        self.ask_within(self.limits.answer, frame, wants).await
    }

    async fn ask_within(
        &self,
        limit: Duration,
        frame: Value,
        wants: Wants,
    ) -> Result<Value, ClientError> {
        let (answer, answered) = oneshot::channel();
        let request = Request {
            frame,
            wants,
            answer,
        };
        let asked = async {
            let _turn = self.turn.lock().await;
            let sent = self.requests.send(request).await;
            sent.map_err(|_| ClientError::Closed)?;
            answered.await.unwrap_or_else(|_| Err(self.broken()))
        };
        let late = || {
            let seconds = limit.as_secs();
            ClientError::Disconnected(format!("no answer within {seconds} s"))
        };
        timeout(limit, asked).await.unwrap_or_else(|_| Err(late()))
    }

    fn broken(&self) -> ClientError {
        if self.stop.is_cancelled() {
            ClientError::Closed
        } else {
            ClientError::Disconnected("the connection broke".into())
        }
    }

    /// Joins a channel, now and at each later connection. The first time history comes first, also what was
    /// heard already because the server had put the agent there; later only what was missed does.
    pub async fn join(&self, channel: &str) -> Result<(), ClientError> {
        let frame = json!({"type": "JOIN", "channel": channel});
        self.ask(frame, Wants::Joined(None)).await.map(drop)
    }

    /// As [`Client::join`], for a reader that remembers by itself what it has had: it gets everything after the
    /// position, also what this client gave it before; without a position, history as the server gives it.
    pub async fn join_after(
        &self,
        channel: &str,
        position: Option<Position>,
    ) -> Result<(), ClientError> {
        let frame = json!({"type": "JOIN", "channel": channel});
        let wants = Wants::Joined(Some(Known(position)));
        self.ask(frame, wants).await.map(drop)
    }

    /// What was said in a channel, oldest first: what came after `position`, or as much as the server gives to
    /// whoever joins. The agent is in the channel afterwards; [`Events`] tells nothing of what is given here.
    pub async fn history(
        &self,
        channel: &str,
        position: Option<Position>,
    ) -> Result<History, ClientError> {
        let mut frame = json!({"type": "JOIN", "channel": channel});
        if let Some(position) = position {
            frame["resume"] = json!(position);
        }
        let wants = Wants::History(Box::default());
        let told = self.ask_within(self.limits.history, frame, wants).await?;
        Ok(History::read(told))
    }

    /// Leaves a channel; nothing said there is heard any more.
    pub async fn leave(&self, channel: &str) -> Result<(), ClientError> {
        // A channel that does not exist is left without an answer.
        let frame = json!({"type": "LEAVE", "channel": channel});
        self.ask(frame, Wants::Fence).await.map(drop)
    }

    /// Sends an agent, with `@`, a piece of a file; returns once the server has passed it on.
    pub async fn send_chunk(&self, to: &str, content: &str) -> Result<(), ClientError> {
        let frame = json!({"type": "FILE_CHUNK", "to": to, "content": content});
        self.ask(frame, Wants::Fence).await.map(drop)
    }

    /// Creates a channel.
    pub async fn create_channel(
        &self,
        channel: &str,
        invite_only: bool,
        verified_only: bool,
    ) -> Result<(), ClientError> {
        let frame = json!({"type": "CREATE_CHANNEL", "channel": channel,
            "invite_only": invite_only, "verified_only": verified_only});
        self.ask(frame, Wants::Type("JOINED")).await.map(drop)
    }

    /// Lists the channels.
    pub async fn list_channels(&self) -> Result<Vec<Channel>, ClientError> {
        let frame = json!({"type": "LIST_CHANNELS"});
        list(self.ask(frame, Wants::Type("CHANNELS")).await?)
    }

    /// Lists who is in a channel.
    pub async fn list_agents(&self, channel: &str) -> Result<Vec<Agent>, ClientError> {
        let frame = json!({"type": "LIST_AGENTS", "channel": channel});
        list(self.ask(frame, Wants::Type("AGENTS")).await?)
    }

    /// Says what one is up to.
    pub async fn set_presence(&self, status: &str, text: Option<&str>) -> Result<(), ClientError> {
        let frame =
            json!({"type": "SET_PRESENCE", "status": status, "status_text": text.unwrap_or("")});
        self.ask(frame, Wants::Fence).await.map(drop)
    }

    /// Asks for a sign of life.
    pub async fn ping(&self) -> Result<(), ClientError> {
        self.ask(json!({"type": "PING"}), Wants::Type("PONG"))
            .await
            .map(drop)
    }

    /// Ends the session and waits for its end.
    pub async fn shutdown(&self) {
        self.stop.cancel();
        self.done.cancelled().await;
    }
}

fn list<T: serde::de::DeserializeOwned>(mut frame: Value) -> Result<Vec<T>, ClientError> {
    serde_json::from_value(frame["list"].take()).map_err(|e| {
        let type_ = frame["type"].as_str().unwrap_or_default();
        ClientError::Disconnected(format!("{type_} can't be read: {e}"))
    })
}
