//! A question that newcomers answer before they come in.

pub mod question;

use ring::rand::SecureRandom;
use serde_json::{Map, Value, json};

use self::question::Question;
use super::{
    Hub,
    agent::Agent,
    handshake::{Asked, Stage},
    timers::{Due, What},
};
use crate::frame::{Refusal, invalid, make, now_ms, text};

/// `CAPTCHA_EXPIRED`.
fn expired() -> Refusal {
    let text = "this question is unknown or has expired";
    ("CAPTCHA_EXPIRED", text.to_owned())
}

impl Hub {
    /// Lets an agent in, or asks it a question first.
    pub(super) fn question(&mut self, id: u64, agent: Agent) -> Result<(), Refusal> {
        let captcha = self.settings.captcha;
        let captcha = captcha.filter(|captcha| !(captcha.skip_trusted && agent.verified));
        let Some(captcha) = captcha else {
            self.welcome(id, agent, false);
            return Ok(());
        };
        let mut random = [0; 8];
        let failed = |_| invalid("the server has no random numbers; try again");
        self.random.fill(&mut random).map_err(failed)?;
        let ticket = self.timers.ticket();
        let asked = Asked {
            id: self.stamped("captcha")?,
            question: Question::new(random, captcha.difficulty),
            attempts: captcha.attempts,
            ticket,
            agent,
        };
        let lifetime = i64::try_from(captcha.timeout.as_millis()).unwrap_or(i64::MAX / 2);
        let mut frame = json!({"captcha_id": asked.id, "question": asked.question.text,
            "expires_at": now_ms() + lifetime});
        if let Some(hint) = asked.question.hint {
            frame["hint"] = hint.into();
        }
        let due = Due {
            id,
            ticket,
            what: What::QuestionEnds,
        };
        self.timers.set(captcha.timeout, due);
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.stage = Stage::Asked(asked);
        }
        self.tell(id, &make("CAPTCHA_CHALLENGE", frame));
        Ok(())
    }

    pub(super) fn answer_question(
        &mut self,
        id: u64,
        fields: &Map<String, Value>,
    ) -> Result<(), Refusal> {
        let (captcha_id, given) = (text(fields, "captcha_id")?, text(fields, "answer")?);
        if given.is_empty() {
            return Err(invalid("answer is empty"));
        }
        let of_others = |hub: &Self| {
            let mut stages = hub.peers.values().map(|peer| &peer.stage);
            stages.any(|stage| matches!(stage, Stage::Asked(asked) if asked.id == captcha_id))
        };
        let stage = self.peers.get_mut(&id).map(|peer| &mut peer.stage);
        let Some(Stage::Asked(asked)) =
            stage.filter(|stage| matches!(stage, Stage::Asked(asked) if asked.id == captcha_id))
        else {
            return Err(match self.agent(id) {
                Ok(_) => invalid("Already identified"),
                Err(_) if of_others(self) => {
                    invalid("this question was asked on another connection")
                }
                Err(_) => expired(),
            });
        };
        let right = asked.question.is_answered_by(given);
        asked.attempts -= 1;
        if !right && asked.attempts > 0 {
            let text = format!("wrong; {} more answers may be given", asked.attempts);
            return Err(("CAPTCHA_FAILED", text));
        }
        let Some(agent) = self.unasked(id) else {
            return Ok(());
        };
        if right {
            self.replace(&agent.id);
            self.welcome(id, agent, true);
            return Ok(());
        }
        // A visitor would not get into a server that admits approved keys only.
        if self.settings.captcha.is_some_and(|captcha| captcha.shadow) && !self.strict() {
            let visitor = Agent::visitor(self.random_base36(8)?, &agent.name);
            self.welcome(id, visitor, true);
            return Ok(());
        }
        let text = "wrong answer".to_owned();
        self.answer(id, Err(("CAPTCHA_FAILED", text)));
        self.close(id, 1000, "Captcha failed");
        Ok(())
    }

    /// Takes back the question of a connection.
    fn unasked(&mut self, id: u64) -> Option<Agent> {
        let peer = self.peers.get_mut(&id)?;
        match std::mem::replace(&mut peer.stage, Stage::Open) {
            Stage::Asked(asked) => Some(asked.agent),
            stage => {
                peer.stage = stage;
                None
            }
        }
    }

    /// Nobody answered a question.
    pub(super) fn question_ends(&mut self, due: Due) {
        let stage = self.peers.get(&due.id).map(|peer| &peer.stage);
        if stage.is_some_and(|s| matches!(s, Stage::Asked(asked) if asked.ticket == due.ticket)) {
            self.answer(due.id, Err(expired()));
            self.close(due.id, 1000, "Captcha expired");
        }
    }
}
