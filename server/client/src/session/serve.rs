//! Carries requests and events while a connection stands.

use std::{sync::atomic::Ordering, time::Duration};

use serde_json::{Value, json};
use tokio::time::{Instant, interval_at, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{End, Session, joins::Joins};
use crate::{
    ChatMessage, Event,
    connection::Socket,
    error::refusal,
    frames::events,
    request::{Known, Outcome, Pending, Request, Wants},
    subscriptions::{HistoryScope, Join},
    wire::{Incoming, close, ping, put, take},
};

/// Signs of life that may be missed in a row.
const MISSED: u32 = 2;

/// What stands while a connection does.
struct Connection<'a> {
    socket: &'a mut Socket,
    own: &'a str,
    pending: Option<Pending>,
    /// How the connection ends, when the server said so before it closed.
    farewell: Option<End>,
}

impl Session {
    /// Carries requests and events until the connection ends.
    ///
    /// While the queue of events is full nothing is read, so that no answer comes either: requests fail once
    /// they had none for their time, and the connection is not to blame for it.
    pub(super) async fn serve(
        &mut self,
        socket: &mut Socket,
        joins: Vec<Join>,
        own: &str,
        stop: &CancellationToken,
    ) -> End {
        let mut joins = Joins::new(joins, self.limits);
        let mut alive = interval_at(Instant::now() + self.limits.ping, self.limits.ping);
        let mut missed = 0;
        let mut connection = Connection {
            socket,
            own,
            pending: None,
            farewell: None,
        };
        loop {
            let full = self.events.is_full();
            let free = connection.pending.is_none();
            let deadline = connection.pending.as_ref().map(|pending| pending.deadline);
            let step = tokio::select! {
                () = stop.cancelled() => {
                    close(connection.socket, self.limits.close).await;
                    return End::Stopped;
                }
                came = take(connection.socket), if !full => {
                    missed = 0;
                    match came {
                        Ok(Incoming::Frame(type_, frame)) => {
                            self.handle_frame(&mut connection, &type_, &frame);
                            Ok(())
                        }
                        Ok(Incoming::Alive) => Ok(()),
                        Err(why) => return connection.ended(why),
                    }
                }
                () = self.events.freed(), if full => {
                    // What has come meanwhile is still to be read.
                    missed = 0;
                    if let Some(pending) = &mut connection.pending {
                        pending.deadline = Instant::now() + self.limits.answer;
                    }
                    Ok(())
                }
                join = joins.next(), if free && !joins.is_empty() => {
                    self.join(&mut connection, join).await
                }
                request = self.wanted.recv(), if free && joins.is_empty() => match request {
                    Some(request) => self.ask(&mut connection, request).await,
                    None => {
                        close(connection.socket, self.limits.close).await;
                        return End::Stopped;
                    }
                },
                _ = alive.tick() => {
                    missed += u32::from(!full);
                    if missed > MISSED {
                        Err("the server gives no sign of life".to_owned())
                    } else {
                        ping(connection.socket, self.limits.write).await
                    }
                }
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() && !full => {
                    let seconds = self.limits.answer.as_secs();
                    Err(format!("the server did not answer within {seconds} s"))
                }
            };
            if let Err(why) = step {
                return connection.ended(why);
            }
        }
    }

    /// A JOIN of the client's own.
    async fn join(&self, connection: &mut Connection<'_>, join: Join) -> Result<(), String> {
        let mut frame = json!({"type": "JOIN", "channel": join.channel});
        if let Some(position) = &join.resume {
            frame["resume"] = json!(position);
        }
        connection.pending = Some(Pending::join(join, &self.limits));
        put(connection.socket, &frame, self.limits.write).await
    }

    /// A request of the user's.
    async fn ask(
        &mut self,
        connection: &mut Connection<'_>,
        mut request: Request,
    ) -> Result<(), String> {
        if request.answer.is_closed() {
            // Whoever asked has been told that it failed.
            return Ok(());
        }
        if let Wants::Joined(known) = &request.wants
            && let Some(channel) = request.frame["channel"].as_str()
        {
            if let Some(Known(position)) = known {
                self.subscriptions.restart(channel, position.as_ref());
            }
            if let Some(position) = self.subscriptions.resume(channel) {
                request.frame["resume"] = json!(position);
            }
        }
        let frame = request.frame.clone();
        let fence = matches!(
            request.wants,
            Wants::Fence | Wants::History(_) | Wants::EchoOrSilence(_)
        );
        connection.pending = Some(Pending::user(request, &self.limits));
        put(connection.socket, &frame, self.limits.write).await?;
        if fence {
            put(
                connection.socket,
                &json!({"type": "PING"}),
                self.limits.write,
            )
            .await?;
        }
        Ok(())
    }

    /// What a frame means: for the request that is under way, for the places, for the reader.
    fn handle_frame(&mut self, connection: &mut Connection<'_>, type_: &str, frame: &Value) {
        if let Some(now) = frame["ts"].as_i64().filter(|_| frame["replay"] != true) {
            self.clock.store(now, Ordering::Relaxed);
        }
        let channel = frame["channel"].as_str().unwrap_or_default();
        let asked = connection.pending.take();
        let about = asked.as_ref().and_then(|pending| pending.channel.clone());
        let scope = asked
            .as_ref()
            .map_or(HistoryScope::Rest, Pending::history_scope);
        let join = asked.as_ref().is_some_and(Pending::is_join);
        let collected = asked
            .as_ref()
            .is_some_and(|pending| pending.collects(type_, frame));
        let answered = match asked.map(|pending| pending.handle_frame(type_, frame, connection.own))
        {
            Some(Outcome::Pending(pending)) => {
                connection.pending = Some(*pending);
                false
            }
            Some(Outcome::Answered) => true,
            Some(Outcome::JoinRefused { code, message }) => {
                let channel = about.unwrap_or_default();
                self.subscriptions.refused(&channel);
                self.events.push(Event::JoinRefused {
                    channel,
                    code,
                    message,
                });
                return;
            }
            None => false,
        };
        match type_ {
            "JOINED" if collected => {}
            // What a JOIN before promised to the reader may be among it.
            "MSG" if collected && !self.subscriptions.follows(frame) => {}
            "ERROR" if !answered && connection.pending.is_none() => {
                let (code, message) = refusal(frame);
                self.events.push(Event::Refused { code, message });
            }
            "JOINED" => {
                if join && answered {
                    self.subscriptions.want(channel);
                }
                if self.subscriptions.joined(channel, frame, scope) {
                    let channel = channel.to_owned();
                    self.events.push(Event::Missed { channel });
                }
            }
            "LEFT" => self.subscriptions.left(channel),
            "MSG" => {
                if let Ok(message) = serde_json::from_value::<ChatMessage>(frame.clone()) {
                    if self.subscriptions.breaks_off(&message) {
                        let channel = message.to.clone();
                        self.events.push(Event::Missed { channel });
                    }
                    if self.subscriptions.admit(&message) {
                        self.events.push(Event::Message(message));
                    }
                }
            }
            "SESSION_DISPLACED" | "KICKED" | "BANNED" | "SERVER_STOPPING" => {
                let why = frame["reason"].as_str().unwrap_or_default();
                let reason = format!("{type_}: {why}");
                let after = frame["reconnect_after_ms"].as_u64();
                connection.farewell = Some(match (type_, after) {
                    ("SESSION_DISPLACED", _) => End::Displaced(reason),
                    ("SERVER_STOPPING", Some(ms)) => End::Stopping {
                        reason,
                        after: Duration::from_millis(ms.min(3_600_000)),
                    },
                    _ => End::Lost(reason),
                });
            }
            _ => {
                for event in events(type_, frame) {
                    self.events.push(event);
                }
            }
        }
    }
}

impl Connection<'_> {
    fn ended(&mut self, why: String) -> End {
        self.farewell.take().unwrap_or(End::Lost(why))
    }
}
