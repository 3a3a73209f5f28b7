//! One request and what answers it.
//!
//! Answers come in order and carry no ids, so one request is under way at a time, and an error that comes
//! meanwhile is its answer. JOINs that the client makes by itself are requests like all others.

mod collector;

use std::time::Duration;

pub use collector::Collector;
use serde_json::Value;
use tokio::{sync::oneshot, time::Instant};

use crate::{
    ClientError, Position,
    error::refusal,
    limits::Limits,
    subscriptions::{HistoryScope, Join},
};

/// What is wanted of the session.
pub struct Request {
    pub frame: Value,
    pub wants: Wants,
    pub answer: oneshot::Sender<Result<Value, ClientError>>,
}

/// Which frame answers a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Wants {
    /// One of this type, and of the request's channel.
    Type(&'static str),
    /// A JOINED; with a position when the reader keeps track by itself.
    Joined(Option<Known>),
    /// The message itself, as everybody hears it.
    Echo,
    /// The same, or nothing: a PING follows. What came until then is kept here.
    EchoOrSilence(Option<Value>),
    /// Nothing certain: a PING follows, and its PONG ends the request.
    Fence,
    /// A JOINED, and the history that comes with it; a PING follows.
    History(Box<Collector>),
}

/// What a reader that keeps track by itself has had: everything up to a position, or nothing.
#[derive(Debug, PartialEq, Eq)]
pub struct Known(pub Option<Position>);

/// The request that is under way.
pub struct Pending {
    asker: Asker,
    wants: Wants,
    to: Value,
    pub channel: Option<String>,
    /// Whether it says where the reader left off.
    resumes: bool,
    /// Nothing came for it by then: the server does not answer.
    pub deadline: Instant,
    answer_time: Duration,
    /// An error that came before the fence.
    error: Option<(String, String)>,
}

/// Who asked.
enum Asker {
    User(oneshot::Sender<Result<Value, ClientError>>),
    /// The client by itself.
    Session,
}

/// What became of a request.
pub enum Outcome {
    /// It was answered, and whoever asked knows.
    Answered,
    /// A JOIN of the client's own was refused.
    JoinRefused { code: String, message: String },
    /// The frame was not for it.
    Pending(Box<Pending>),
}

impl Pending {
    /// A JOIN that the client makes by itself.
    pub fn join(join: Join, limits: &Limits) -> Self {
        Self {
            asker: Asker::Session,
            wants: Wants::Joined(None),
            to: Value::Null,
            resumes: join.resume.is_some(),
            channel: Some(join.channel),
            deadline: Instant::now() + limits.answer,
            answer_time: limits.answer,
            error: None,
        }
    }

    /// A request of the user's.
    pub fn user(request: Request, limits: &Limits) -> Self {
        let Request {
            frame,
            wants,
            answer,
        } = request;
        let channel = frame["channel"].as_str().map(str::to_owned);
        Self {
            asker: Asker::User(answer),
            wants,
            to: frame["to"].clone(),
            resumes: frame.get("resume").is_some(),
            channel,
            deadline: Instant::now() + limits.answer,
            answer_time: limits.answer,
            error: None,
        }
    }

    /// Whether the user asked to be in the channel.
    pub fn is_join(&self) -> bool {
        matches!(
            (&self.asker, &self.wants),
            (Asker::User(_), Wants::Joined(_))
        )
    }

    /// Whether a frame is what it collects, and not for the reader.
    pub fn collects(&self, type_: &str, frame: &Value) -> bool {
        let here = |key: &str| self.channel.as_deref() == frame[key].as_str();
        let Wants::History(history) = &self.wants else {
            return false;
        };
        match type_ {
            "JOINED" => here("channel"),
            "MSG" => history.has_begun() && here("to") && frame["replay"] == true,
            _ => false,
        }
    }

    /// What it asks for if it is a JOIN.
    pub fn history_scope(&self) -> HistoryScope {
        match (self.resumes, &self.asker) {
            (true, _) => HistoryScope::Rest,
            (false, Asker::Session) => HistoryScope::History,
            (false, Asker::User(_)) => HistoryScope::Anew,
        }
    }

    /// What a frame means for it. `own` is the client's own id.
    pub fn handle_frame(mut self, type_: &str, frame: &Value, own: &str) -> Outcome {
        if self.collects(type_, frame) {
            self.deadline = Instant::now() + self.answer_time;
        }
        let here = |key: &str| self.channel.as_deref() == frame[key].as_str();
        if let Wants::History(history) = &mut self.wants {
            let about = here("channel") || here("to");
            match (history.handle_frame(type_, frame, about), self.asker) {
                (Some(told), Asker::User(answer)) => return settle(answer, told),
                (_, asker) => self.asker = asker,
            }
            return Outcome::Pending(Box::new(self));
        }
        if type_ == "ERROR" {
            let error = refusal(frame);
            return match (self.asker, self.wants) {
                (Asker::User(answer), wants @ (Wants::Fence | Wants::EchoOrSilence(_))) => {
                    self.error = Some(error);
                    self.asker = Asker::User(answer);
                    self.wants = wants;
                    Outcome::Pending(Box::new(self))
                }
                (Asker::User(answer), _) => settle(answer, Err(error.into())),
                (Asker::Session, _) => Outcome::JoinRefused {
                    code: error.0,
                    message: error.1,
                },
            };
        }
        let here = || here("channel");
        let echo = || {
            let live = frame["replay"] != true;
            type_ == "MSG" && frame["from"] == own && frame["to"] == self.to && live
        };
        let mut answer_is = None;
        let answers = match &mut self.wants {
            Wants::Type(wanted) => type_ == *wanted && (self.channel.is_none() || here()),
            Wants::Joined(_) => type_ == "JOINED" && here(),
            Wants::Echo => echo(),
            Wants::EchoOrSilence(heard) => {
                if echo() {
                    *heard = Some(frame.clone());
                }
                answer_is = (type_ == "PONG").then(|| heard.take()).flatten();
                type_ == "PONG"
            }
            Wants::Fence => type_ == "PONG",
            Wants::History(_) => false,
        };
        match (answers, self.asker) {
            (false, asker) => {
                self.asker = asker;
                Outcome::Pending(Box::new(self))
            }
            (true, Asker::Session) => Outcome::Answered,
            (true, Asker::User(answer)) => settle(
                answer,
                match self.error {
                    Some(error) => Err(error.into()),
                    None => Ok(answer_is.unwrap_or_else(|| frame.clone())),
                },
            ),
        }
    }
}

fn settle(
    answer: oneshot::Sender<Result<Value, ClientError>>,
    result: Result<Value, ClientError>,
) -> Outcome {
    if answer.send(result).is_err() {
        tracing::trace!("whoever asked waits no longer");
    }
    Outcome::Answered
}
