//! What tests put around the marketplace: a few agents with keys, a clock, and a memory that is the storage.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeMap;

use agentchat_market::{
    Actor, Effect, Host, Key, Limits, Market, NoRandom, Present, Rating, Record, Refusal, Request,
};
use agentchat_protocol::{Identity, json, signing};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

/// An agent with a key.
pub struct Agent {
    pub key: Identity,
    pub actor: Actor,
}

/// Who is online, and random bytes that are none.
pub struct Around {
    pub online: Vec<Present>,
    pub random: u64,
}

impl Host for Around {
    fn is_online(&self, agent: &str) -> bool {
        self.online.iter().any(|present| present.id == agent)
    }

    fn present(&self) -> Vec<Present> {
        self.online.clone()
    }

    fn redact(&self, text: &str) -> String {
        text.replace("s3cret", "[REDACTED:test]")
    }

    fn random(&mut self, bytes: &mut [u8]) -> Result<(), NoRandom> {
        for byte in bytes {
            // A linear congruential generator; its high bits will do.
            self.random = self.random.wrapping_mul(6_364_136_223_846_793_005);
            self.random = self.random.wrapping_add(1_442_695_040_888_963_407);
            *byte = self.random.to_be_bytes()[0];
        }
        Ok(())
    }
}

pub struct TestHarness {
    pub market: Market,
    pub now: i64,
    pub around: Around,
    pub agents: Vec<Agent>,
    /// What storage has.
    pub stored: BTreeMap<Key, Record>,
}

impl TestHarness {
    /// So many agents, all online, none lurking.
    pub fn new(count: u8) -> Self {
        Self::with(count, Limits::default())
    }

    pub fn with(count: u8, limits: Limits) -> Self {
        let agents: Vec<_> = (1..=count).map(agent).collect();
        let online = agents.iter().map(|agent| Present {
            id: agent.actor.id.clone(),
            keyed: true,
            available: true,
        });
        Self {
            market: Market::new(limits),
            now: 1_700_000_000_000,
            around: Around {
                online: online.collect(),
                random: 1,
            },
            agents,
            stored: BTreeMap::new(),
        }
    }

    pub fn id(&self, agent: usize) -> String {
        self.agents[agent].actor.id.clone()
    }

    /// An agent sends a frame.
    pub fn ask(&mut self, agent: usize, frame: &Value) -> Result<Vec<Effect>, Refusal> {
        self.ask_text(agent, &frame.to_string())
    }

    pub fn ask_text(&mut self, agent: usize, frame: &str) -> Result<Vec<Effect>, Refusal> {
        let request = Request::parse(frame, self.market.limits())?;
        let actor = &self.agents[agent].actor;
        let before = self.market.records();
        let done = self
            .market
            .handle(self.now, Some(actor), request, &mut self.around);
        match &done {
            Ok(effects) => self.keep(effects),
            Err(_) => assert!(
                self.market.records() == before,
                "a refusal changed something"
            ),
        }
        done
    }

    /// The same, signed over a text.
    pub fn signed(
        &mut self,
        agent: usize,
        mut frame: Value,
        text: &str,
    ) -> Result<Vec<Effect>, Refusal> {
        frame["sig"] = self.agents[agent].key.sign(text).into();
        self.ask(agent, &frame)
    }

    /// Time passes; everything that it brings happens at its time.
    pub fn pass(&mut self, ms: i64) -> Vec<Effect> {
        let end = self.now + ms;
        let mut effects = vec![];
        while let Some(at) = self.market.next_wake().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            let done = self.market.tick(self.now);
            self.keep(&done);
            assert!(self.market.next_wake() > Some(self.now) || self.market.next_wake().is_none());
            effects.extend(done);
        }
        self.now = end;
        effects
    }

    fn keep(&mut self, effects: &[Effect]) {
        for effect in effects {
            match effect {
                Effect::Store(record) => drop(self.stored.insert(record.key(), record.clone())),
                Effect::Remove(key) => {
                    assert!(
                        self.stored.remove(key).is_some(),
                        "{key:?} was never stored"
                    );
                }
                _ => {}
            }
        }
    }

    /// Gives an agent a rating.
    pub fn rate(&mut self, agent: usize, rating: i64, transactions: u64) {
        let record = Record::Rating(Rating {
            agent: self.id(agent),
            rating,
            transactions,
            updated_at: None,
        });
        self.stored.insert(record.key(), record);
        self.restart();
    }

    /// A new process, with what storage has as JSON.
    pub fn restart(&mut self) {
        let read = |(key, record): (&Key, &Record)| {
            Record::from_json(key.kind, &record.to_json().unwrap()).unwrap()
        };
        let limits = self.market.limits().clone();
        self.market = Market::restore(limits, self.stored.iter().map(read));
    }

    pub fn rating(&self, agent: usize) -> (i64, u64) {
        let id = self.id(agent);
        let records = self.market.records();
        let found = records.iter().find_map(|record| match record {
            Record::Rating(rating) if rating.agent == id => Some(rating),
            _ => None,
        });
        found.map_or((1200, 0), |rating| (rating.rating, rating.transactions))
    }

    /// Makes a proposal, with further fields; gives its id.
    pub fn propose(&mut self, from: usize, to: usize, more: Value) -> Result<String, Refusal> {
        let effects = self.propose_all(from, to, more)?;
        let echo = frames(&effects, &self.id(from)).remove(0);
        Ok(echo["id"].as_str().unwrap().to_owned())
    }

    pub fn propose_all(
        &mut self,
        from: usize,
        to: usize,
        more: Value,
    ) -> Result<Vec<Effect>, Refusal> {
        let mut frame = json!({"type": "PROPOSAL", "to": self.id(to), "task": "Test task"});
        for (key, value) in more.as_object().unwrap() {
            frame[key] = value.clone();
        }
        let text = |key: &str| frame[key].as_str();
        let signed = signing::proposal(&signing::ProposalTerms {
            to: text("to").unwrap(),
            task: text("task").unwrap(),
            amount: frame["amount"].as_f64(),
            currency: text("currency"),
            payment_code: text("payment_code"),
            expires: frame["expires"].as_f64(),
            elo_stake: frame["elo_stake"].as_i64(),
        });
        self.signed(from, frame, &signed)
    }

    pub fn accept(&mut self, agent: usize, id: &str, stake: i64) -> Result<Vec<Effect>, Refusal> {
        let frame = json!({"type": "ACCEPT", "proposal_id": id, "elo_stake": stake});
        self.signed(agent, frame, &signing::accept(id, None, Some(stake)))
    }

    pub fn reject(&mut self, agent: usize, id: &str) -> Result<Vec<Effect>, Refusal> {
        let frame = json!({"type": "REJECT", "proposal_id": id, "reason": null});
        self.signed(agent, frame, &signing::reject(id, None))
    }

    pub fn complete(&mut self, agent: usize, id: &str) -> Result<Vec<Effect>, Refusal> {
        let frame = json!({"type": "COMPLETE", "proposal_id": id, "proof": "done"});
        self.signed(agent, frame, &signing::complete(id, Some("done")))
    }

    pub fn contest(&mut self, agent: usize, id: &str) -> Result<Vec<Effect>, Refusal> {
        let frame = json!({"type": "DISPUTE", "proposal_id": id, "reason": "bad work"});
        self.signed(agent, frame, &signing::dispute(id, "bad work"))
    }

    /// A proposal that was accepted, with stakes.
    pub fn deal(&mut self, from: usize, to: usize, stakes: (i64, i64)) -> String {
        let id = self
            .propose(from, to, json!({"elo_stake": stakes.0}))
            .unwrap();
        self.accept(to, &id, stakes.1).unwrap();
        id
    }
}

/// The agent whose key has this byte as its seed, 32 times.
fn agent(seed: u8) -> Agent {
    let mut der = vec![
        0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04,
        0x20,
    ];
    der.extend([seed; 32]);
    let body = BASE64_STANDARD.encode(der);
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
    let key = Identity::from_pkcs8_pem(&pem).unwrap();
    let actor = Actor {
        id: format!("@{}", key.agent_id()),
        pubkey: Some(key.public_key_pem()),
        lurking: false,
    };
    Agent { key, actor }
}

/// What an agent is sent.
pub fn frames(effects: &[Effect], agent: &str) -> Vec<Value> {
    let sent = effects.iter().filter_map(|effect| match effect {
        Effect::Send { to, frame } if to == agent => Some(frame),
        _ => None,
    });
    sent.map(|frame| serde_json::from_str(frame).unwrap())
        .collect()
}

/// Types of frames, and to whom they go, in order.
pub fn sent(effects: &[Effect]) -> Vec<(String, String)> {
    let sent = effects.iter().filter_map(|effect| match effect {
        Effect::Send { to, frame } => Some((to, frame)),
        _ => None,
    });
    let type_ = |frame: &String| {
        let frame: Value = serde_json::from_str(frame).unwrap();
        frame["type"].as_str().unwrap().to_owned()
    };
    sent.map(|(to, frame)| (type_(frame), to.clone())).collect()
}

/// The keys of the first frame that an agent is sent, in their order.
pub fn keys(effects: &[Effect], agent: &str) -> Vec<String> {
    let frame = effects.iter().find_map(|effect| match effect {
        Effect::Send { to, frame } if to == agent => Some(frame),
        _ => None,
    });
    let frame = json::parse(frame.unwrap()).unwrap();
    let keys = frame.as_object().unwrap().iter();
    keys.map(|(key, _)| key.as_str().to_owned()).collect()
}

/// What is said in channels: where, and whether it is kept.
pub fn announced(effects: &[Effect]) -> Vec<(&'static str, &str, bool)> {
    let said = effects.iter().filter_map(|effect| match effect {
        Effect::Announce {
            channel,
            content,
            kept,
        } => Some((*channel, content.as_str(), *kept)),
        _ => None,
    });
    said.collect()
}

/// The events of hooks.
pub fn hooks(effects: &[Effect]) -> Vec<Value> {
    let told = effects.iter().filter_map(|effect| match effect {
        Effect::Hook(json) => Some(serde_json::from_str(json).unwrap()),
        _ => None,
    });
    told.collect()
}

pub fn code<T: std::fmt::Debug>(done: Result<T, Refusal>) -> &'static str {
    done.unwrap_err().code.as_str()
}

pub fn text<T: std::fmt::Debug>(done: Result<T, Refusal>) -> String {
    done.unwrap_err().text
}
