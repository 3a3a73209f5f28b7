//! The session: comes back when the connection breaks, and carries one request at a time.

use std::{sync::Arc, time::Duration};

use agentchat_protocol::auth_text;
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;

use crate::{
    Channel, Event, Options, Sent, Welcome,
    connection::{ConnectError, Socket, connect},
    frames::{event, parse},
};

/// Events that may wait; a full queue delays reading from the server.
const EVENT_QUEUE: usize = 1024;
/// First and longest pause between two attempts.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(15));
/// How often the server is asked for a sign of life.
const PING: Duration = Duration::from_secs(30);

/// Why a request failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ClientError {
    /// The connection broke, or never stood.
    #[error("not connected to the chat server: {0}")]
    Disconnected(String),
    /// The server said no.
    #[error("the chat server answered {code}: {message}")]
    Server {
        /// Protocol's error code.
        code: String,
        /// Server's words.
        message: String,
    },
    /// The client was shut down.
    #[error("the chat client was shut down")]
    Closed,
}

/// What is wanted of the connection task.
struct Request {
    frame: Value,
    wants: Wants,
    answer: oneshot::Sender<Result<Value, ClientError>>,
}

/// Which frame answers a request.
enum Wants {
    Type(&'static str),
    Echo,
}

/// Standing of the connection, for those who wait for it.
#[derive(Clone)]
enum Standing {
    Away(ClientError),
    Here(Welcome),
}

/// A handle on the session; clones share it.
#[derive(Clone)]
pub struct Client {
    options: Arc<Options>,
    requests: mpsc::Sender<Request>,
    turn: Arc<Mutex<()>>,
    standing: watch::Receiver<Standing>,
    stop: CancellationToken,
    done: CancellationToken,
}

/// What happens, in order.
pub struct Events(mpsc::Receiver<Event>);

impl Events {
    /// The next event; `None` once the client was shut down.
    pub async fn recv(&mut self) -> Option<Event> {
        self.0.recv().await
    }
}

impl Client {
    /// Starts the session and returns at once; the connection is made in the background.
    #[must_use]
    pub fn start(options: Options) -> (Self, Events) {
        let (requests, wanted) = mpsc::channel(1);
        let (events, happened) = mpsc::channel(EVENT_QUEUE);
        let waiting = Standing::Away(ClientError::Disconnected("still connecting".into()));
        let (standing, seen) = watch::channel(waiting);
        let (stop, done) = (CancellationToken::new(), CancellationToken::new());
        let options = Arc::new(options);
        let task = Task {
            options: options.clone(),
            wanted,
            events,
            standing,
        };
        let (asked, over) = (stop.clone(), done.clone().drop_guard());
        tokio::spawn(async move {
            asked.run_until_cancelled(task.run()).await;
            drop(over);
        });
        let client = Self {
            options,
            requests,
            turn: Arc::default(),
            standing: seen,
            stop,
            done,
        };
        (client, Events(happened))
    }

    /// Waits until the key is proven, or until the server or the network refuses.
    pub async fn connected(&self) -> Result<Welcome, ClientError> {
        let mut standing = self.standing.clone();
        loop {
            let now = standing.borrow_and_update().clone();
            match now {
                Standing::Here(welcome) => return Ok(welcome),
                Standing::Away(error @ ClientError::Server { .. }) => return Err(error),
                Standing::Away(_) => {}
            }
            standing.changed().await.map_err(|_| ClientError::Closed)?;
        }
    }

    async fn ask(&self, frame: Value, wants: Wants) -> Result<Value, ClientError> {
        let _turn = self.turn.lock().await;
        let (answer, answered) = oneshot::channel();
        let request = Request {
            frame,
            wants,
            answer,
        };
        self.requests
            .send(request)
            .await
            .map_err(|_| ClientError::Closed)?;
        answered
            .await
            .map_err(|_| ClientError::Disconnected("the connection broke".into()))?
    }

    /// Joins a channel.
    pub async fn join(&self, channel: &str) -> Result<(), ClientError> {
        let frame = json!({"type": "JOIN", "channel": channel});
        self.ask(frame, Wants::Type("JOINED")).await.map(drop)
    }

    /// Leaves a channel.
    pub async fn leave(&self, channel: &str) -> Result<(), ClientError> {
        let frame = json!({"type": "LEAVE", "channel": channel});
        self.ask(frame, Wants::Type("LEFT")).await.map(drop)
    }

    /// Says something; returns once the server has it.
    pub async fn send(
        &self,
        to: &str,
        content: &str,
        in_reply_to: Option<&str>,
    ) -> Result<Sent, ClientError> {
        let mut frame = json!({"type": "MSG", "to": to, "content": content});
        if let Some(id) = in_reply_to {
            frame["in_reply_to"] = id.into();
        }
        let echo = self.ask(frame, Wants::Echo).await?;
        Ok(Sent {
            msg_id: echo["msg_id"].as_str().unwrap_or_default().to_owned(),
        })
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
        let mut frame = self
            .ask(json!({"type": "LIST_CHANNELS"}), Wants::Type("CHANNELS"))
            .await?;
        serde_json::from_value(frame["list"].take())
            .map_err(|e| ClientError::Disconnected(format!("CHANNELS can't be read: {e}")))
    }

    /// Says what one is up to.
    pub async fn set_presence(&self, status: &str, text: Option<&str>) -> Result<(), ClientError> {
        // Presence has no answer of its own; PONG follows it in order.
        let frame =
            json!({"type": "SET_PRESENCE", "status": status, "status_text": text.unwrap_or("")});
        self.ask(frame, Wants::Type("PONG")).await.map(drop)
    }

    /// Puts a key on the server's allowlist, over a short connection of its own: it works before one's own
    /// key is on it.
    pub async fn admin_approve(
        &self,
        public_key: &str,
        admin_key: &str,
        note: Option<&str>,
    ) -> Result<(), ClientError> {
        let frame = json!({"type": "ADMIN_APPROVE", "pubkey": public_key, "admin_key": admin_key,
            "note": note.unwrap_or("")});
        let lost = |why: String| ClientError::Disconnected(why);
        let mut socket = match connect(&self.options).await {
            Ok(socket) => socket,
            Err(error) => return Err(lost(chain(&error))),
        };
        put(&mut socket, &frame).await.map_err(lost)?;
        let answer = loop {
            let (type_, value) = take(&mut socket).await.map_err(lost)?;
            match type_.as_str() {
                "ERROR" => break Err(refusal(&value)),
                "ADMIN_RESULT" => break Ok(()),
                _ => {}
            }
        };
        // The answer is what counts; a connection that breaks now changes nothing.
        drop(socket.close(None).await);
        answer
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

/// The task behind a client.
struct Task {
    options: Arc<Options>,
    wanted: mpsc::Receiver<Request>,
    events: mpsc::Sender<Event>,
    standing: watch::Sender<Standing>,
}

/// Why a connection ended.
enum End {
    Lost(String),
    Refused { code: String, message: String },
}

impl From<ConnectError> for End {
    fn from(error: ConnectError) -> Self {
        Self::Lost(chain(&error))
    }
}

impl Task {
    async fn run(mut self) {
        let mut pause = PAUSES.0;
        loop {
            let end = match connect(&self.options).await {
                Ok(mut socket) => match self.identify(&mut socket).await {
                    Ok(()) => {
                        pause = PAUSES.0;
                        self.serve(&mut socket).await
                    }
                    Err(end) => end,
                },
                Err(error) => error.into(),
            };
            let (error, event) = match end {
                End::Lost(reason) => (
                    ClientError::Disconnected(reason.clone()),
                    Event::Disconnected { reason },
                ),
                End::Refused { code, message } => (
                    ClientError::Server {
                        code: code.clone(),
                        message: message.clone(),
                    },
                    Event::Refused { code, message },
                ),
            };
            self.standing.send_replace(Standing::Away(error.clone()));
            if self.events.send(event).await.is_err() {
                return;
            }
            // Whoever asks meanwhile is told, instead of waiting for the next connection.
            let rest = tokio::time::sleep(pause);
            tokio::pin!(rest);
            loop {
                tokio::select! {
                    () = &mut rest => break,
                    request = self.wanted.recv() => match request {
                        Some(request) => drop(request.answer.send(Err(error.clone()))),
                        None => return,
                    },
                }
            }
            pause = (pause * 2).min(PAUSES.1);
        }
    }
}

impl Task {
    /// From the open socket to WELCOME, and into the channels.
    async fn identify(&self, socket: &mut Socket) -> Result<(), End> {
        let key = self
            .options
            .identity
            .as_ref()
            .map(|identity| identity.public_key_pem());
        let hello = json!({"type": "IDENTIFY", "name": self.options.name, "pubkey": key});
        put(socket, &hello).await.map_err(End::Lost)?;
        let welcome = loop {
            let (type_, value) = take(socket).await.map_err(End::Lost)?;
            match (type_.as_str(), &self.options.identity) {
                ("CHALLENGE", Some(identity)) => {
                    let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
                    let (nonce, id, now) = (text("nonce"), text("challenge_id"), now_ms());
                    let signature = identity.sign(&auth_text(&nonce, &id, now));
                    let proof = json!({"type": "VERIFY_IDENTITY", "challenge_id": id,
                        "signature": signature, "timestamp": now});
                    put(socket, &proof).await.map_err(End::Lost)?;
                }
                ("WELCOME", _) => match serde_json::from_value::<Welcome>(value) {
                    Ok(welcome) => break welcome,
                    Err(error) => return Err(End::Lost(format!("WELCOME can't be read: {error}"))),
                },
                ("ERROR", _) => {
                    let ClientError::Server { code, message } = refusal(&value) else {
                        continue;
                    };
                    return Err(End::Refused { code, message });
                }
                _ => {}
            }
        };
        for channel in &self.options.channels {
            put(socket, &json!({"type": "JOIN", "channel": channel}))
                .await
                .map_err(End::Lost)?;
        }
        self.standing.send_replace(Standing::Here(welcome.clone()));
        self.tell(Event::Connected(welcome)).await
    }

    async fn tell(&self, event: Event) -> Result<(), End> {
        self.events
            .send(event)
            .await
            .map_err(|_| End::Lost("nobody listens any more".into()))
    }

    /// Carries requests and events until the connection ends.
    async fn serve(&mut self, socket: &mut Socket) -> End {
        let own = match &*self.standing.borrow() {
            Standing::Here(welcome) => welcome.agent_id.clone(),
            Standing::Away(_) => String::new(),
        };
        let mut pending: Option<Request> = None;
        let mut alive = tokio::time::interval(PING);
        loop {
            tokio::select! {
                request = self.wanted.recv(), if pending.is_none() => {
                    let Some(request) = request else { return End::Lost("shut down".into()) };
                    if let Err(why) = put(socket, &request.frame).await {
                        return End::Lost(why);
                    }
                    // Presence has no answer of its own; PONG follows it in order.
                    if request.frame["type"] == "SET_PRESENCE"
                        && let Err(why) = put(socket, &json!({"type": "PING"})).await
                    {
                        return End::Lost(why);
                    }
                    pending = Some(request);
                }
                _ = alive.tick() => {
                    if let Err(error) = socket.send(Message::Ping(Vec::new().into())).await {
                        return End::Lost(error.to_string());
                    }
                }
                frame = take(socket) => {
                    let (type_, value) = match frame {
                        Ok(frame) => frame,
                        Err(why) => return End::Lost(why),
                    };
                    let settled = pending.take_if(|request| answers(request, &type_, &value, &own));
                    if let Some(request) = settled {
                        let answer =
                            if type_ == "ERROR" { Err(refusal(&value)) } else { Ok(value.clone()) };
                        drop(request.answer.send(answer));
                    } else if type_ == "ERROR" {
                        let ClientError::Server { code, message } = refusal(&value) else { continue };
                        if let Err(end) = self.tell(Event::Refused { code, message }).await {
                            return end;
                        }
                    }
                    if let Some(event) = event(&type_, &value)
                        && let Err(end) = self.tell(event).await
                    {
                        return end;
                    }
                }
            }
        }
    }
}

fn answers(request: &Request, type_: &str, value: &Value, own: &str) -> bool {
    match request.wants {
        _ if type_ == "ERROR" => true,
        Wants::Type(wanted) => {
            type_ == wanted
                && request
                    .frame
                    .get("channel")
                    .is_none_or(|c| value.get("channel") == Some(c))
        }
        Wants::Echo => {
            type_ == "MSG"
                && value["from"] == own
                && value["to"] == request.frame["to"]
                && value.get("replay").is_none()
        }
    }
}

fn refusal(value: &Value) -> ClientError {
    let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
    ClientError::Server {
        code: text("code"),
        message: text("message"),
    }
}

async fn put(socket: &mut Socket, frame: &Value) -> Result<(), String> {
    socket
        .send(Message::text(frame.to_string()))
        .await
        .map_err(|e| e.to_string())
}

/// The next frame that is one. Cancel-safe: nothing is taken before it is returned.
async fn take(socket: &mut Socket) -> Result<(String, Value), String> {
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => {
                if let Some(frame) = parse(&text) {
                    return Ok(frame);
                }
            }
            Some(Ok(Message::Close(Some(close)))) => {
                return Err(format!(
                    "closed by the server: {} {}",
                    close.code, close.reason
                ));
            }
            Some(Ok(Message::Close(None))) | None => return Err("closed by the server".into()),
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(error.to_string()),
        }
    }
}

fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since
        .ok()
        .and_then(|d| i64::try_from(d.as_millis()).ok())
        .unwrap_or(0)
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
