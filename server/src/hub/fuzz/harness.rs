//! The hub under test, its connections, and what they have received.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    path::Path,
    sync::OnceLock,
};

use agentchat_market::{Rating, Record};
use agentchat_protocol::{Identity, auth_text};
use futures::FutureExt;

use super::*;
use crate::{
    inbox::From,
    outbox::{Queue, outbox},
    settings::Values,
};

/// Identities; several connections may share one.
pub const IDENTITIES: usize = 6;
/// What is remembered of ids of one kind.
const REMEMBERED: usize = 3;

/// A hub without sockets and without a disk.
pub struct TestHarness {
    pub hub: Hub,
    pub peers: BTreeMap<u64, Queue>,
    pub waiting: VecDeque<Command>,
    /// Ids that were received, newest last, by the field in which they stand.
    pub ids: HashMap<&'static str, Vec<String>>,
    /// Who takes part in a proposal or judges in a dispute.
    parties: HashMap<String, Vec<String>>,
    received: BTreeSet<String>,
    /// Rows that were changed when the disk became full.
    full_since: Option<u64>,
    next: u64,
}

/// Whose key a connection uses.
pub fn identity(id: u64) -> &'static Identity {
    static ALL: OnceLock<Vec<Identity>> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        let all = (0..IDENTITIES).map(|_| Identity::generate());
        all.collect::<Result<_, _>>().unwrap_or_default()
    });
    &all[usize::try_from(id).unwrap_or_default() % IDENTITIES]
}

/// The agent of an identity, with `@`.
pub fn at(id: u64) -> String {
    format!("@{}", identity(id).agent_id())
}

impl TestHarness {
    /// Of one of several kinds.
    pub fn new(kind: usize) -> Self {
        let mut given = json!({"rate_limit_ms": -1, "frame_limit": 0, "byte_limit": 0, "admin_key": "k",
            "allowlist_admin_key": "k", "audit_log": "false", "lurk_disabled": kind != 3, "cb_poll_ms": 0,
            "allowlist_strict": false, "min_proposal_age_ms": 0, "dispute_evidence_ms": 0, "claim_ttl_ms": 0});
        if kind > 0 {
            let open = json!({"profile": "public", "dms_enabled": "upstream", "file_transfer_enabled": "upstream",
                "open_channel_creation": "upstream", "private_channels_enabled": true,
                "captcha_enabled": kind == 3, "captcha_fail_action": "shadow_lurk",
                "allowlist_enabled": kind == 2, "retain_messages": 20, "dispute_vote_ms": kind - 1});
            if let (Some(given), Value::Object(open)) = (given.as_object_mut(), open) {
                given.extend(open);
            }
        }
        let hub = Self::hub(&given);
        let hub = hub.unwrap_or_else(|error| panic!("no hub: {error:#}"));
        Self {
            hub,
            peers: BTreeMap::new(),
            waiting: VecDeque::new(),
            ids: HashMap::new(),
            parties: HashMap::new(),
            received: BTreeSet::new(),
            full_since: None,
            next: 0,
        }
    }

    fn hub(given: &Value) -> anyhow::Result<Hub> {
        let given = given.as_object().context("settings are an object")?;
        let mut settings = Settings::read(&Values::resolve(|_| None, |_| None, given)?)?;
        settings.limits.early_frames = 0;
        settings.limits.guesses = 0;
        settings.limits.wrong_keys = u32::MAX;
        let store = Store::open(Path::new(":memory:"))?;
        // Arbiters need a rating that takes many deals.
        for id in 0..IDENTITIES as u64 {
            store.keep(&Record::Rating(Rating {
                agent: at(id),
                rating: 2000,
                transactions: 10,
                updated_at: None,
            }))?;
        }
        static REDACTOR: OnceLock<Redactor> = OnceLock::new();
        let redactor = REDACTOR.get_or_init(|| {
            let redactor = Redactor::new(std::iter::empty());
            redactor.unwrap_or_else(|error| panic!("no redactor: {error:#}"))
        });
        Hub::new(store, settings, redactor.clone())
    }

    /// All identities come in, are trusted, and are in the same channels.
    pub fn settle(&mut self) {
        for _ in 0..IDENTITIES {
            let id = self.open();
            let pubkey = identity(id).public_key_pem();
            let approve = json!({"type": "ADMIN_APPROVE", "admin_key": "k", "pubkey": pubkey});
            self.say(id, approve.to_string());
            self.identify(id);
            self.batch();
            for channel in ["#general", "#a"] {
                for type_ in ["CREATE_CHANNEL", "JOIN"] {
                    self.say(id, json!({"type": type_, "channel": channel}).to_string());
                }
            }
        }
        self.batch();
    }

    /// A connection says who it is; it proves its key when it is asked to.
    pub fn identify(&mut self, id: u64) {
        let pubkey = identity(id).public_key_pem();
        let frame = json!({"type": "IDENTIFY", "name": "ada", "pubkey": pubkey});
        self.say(id, frame.to_string());
    }

    /// A connection.
    pub fn open(&mut self) -> u64 {
        let id = self.next;
        self.next += 1;
        let (outbox, queue, _cut) = outbox(1_000_000, None);
        self.peers.insert(id, queue);
        let from = From {
            address: [127, 0, 0, 1].into(),
            user_agent: String::new(),
        };
        self.waiting.push_back(Command::Open { id, outbox, from });
        id
    }

    /// Any connection, which may be gone.
    pub fn someone(&self, choices: &mut Choices<'_>) -> u64 {
        let at = choices.below(self.peers.len() + 1);
        self.peers.keys().nth(at).copied().unwrap_or(self.next)
    }

    /// A connection of somebody who takes part.
    pub fn party(&self, choices: &mut Choices<'_>, subject: Option<&str>) -> Option<u64> {
        let parties = self.parties.get(subject?)?;
        let party = choices.one(parties);
        let id = self.hub.online(party.strip_prefix('@')?)?;
        self.peers.contains_key(&id).then_some(id)
    }

    /// There is no room on the disk any more.
    pub fn fill_disk(&mut self) {
        self.empty_disk();
        self.batch();
        self.hub.disk = Guard::new(u64::MAX);
        self.full_since = Some(self.hub.store.changes());
    }

    /// There is room again; nothing was stored meanwhile.
    pub fn empty_disk(&mut self) {
        let Some(before) = self.full_since.take() else {
            return;
        };
        self.batch();
        assert_eq!(self.hub.store.changes(), before, "stored on a full disk");
        self.hub.disk = Guard::new(0);
    }

    /// Whether there is no room.
    pub fn is_full(&self) -> bool {
        self.full_since.is_some()
    }

    /// A connection ends.
    pub fn gone(&mut self, id: u64) {
        if self.peers.remove(&id).is_some() {
            self.waiting.push_back(Command::Gone { id });
        }
    }

    /// A frame comes in.
    pub fn say(&mut self, id: u64, text: String) {
        let text = text.into();
        self.waiting.push_back(Command::Frame { id, text });
    }

    /// Somebody asks over HTTP, and gets an answer.
    pub fn ask(&mut self, choices: &mut Choices<'_>) {
        let key = choices.one(&[None, Some("k"), Some("wrong")]);
        let key = key.map(str::to_owned);
        let questions = [
            Question::Health,
            Question::Metrics,
            Question::Connections {
                key,
                from: [127, 0, 0, 1].into(),
            },
        ];
        let question = choices.one(&questions);
        let (answer, mut answered) = oneshot::channel();
        let question = question.clone();
        self.waiting.push_back(Command::Ask { question, answer });
        self.batch();
        assert!(answered.try_recv().is_ok(), "no answer over HTTP");
    }

    /// What waits is carried out, and what it leads to is received.
    pub fn batch(&mut self) {
        for _ in 0..4 {
            if let Err(error) = self.hub.batch(&mut self.waiting) {
                panic!("{error:#}");
            }
            if let Err(error) = self.hub.deliver() {
                panic!("{error:#}");
            }
            assert_eq!(self.hub.counts.failed_batches, 0, "storage failed");
            self.receive();
            if self.waiting.is_empty() && self.hub.fanout.reports().is_empty() {
                return;
            }
        }
    }

    fn receive(&mut self) {
        let mut all = vec![];
        for (id, queue) in &mut self.peers {
            let mut taken = vec![];
            while let Some(true) = queue.take(&mut taken).now_or_never() {}
            all.extend(taken.into_iter().map(|out| (*id, out)));
        }
        for (id, out) in all {
            let wire = out.bytes().map(|bytes| &bytes[..]).unwrap_or_default();
            for text in crate::wire::texts(wire) {
                self.learn(id, text);
            }
        }
        let hub = &self.hub;
        self.peers.retain(|id, _| hub.peers.contains_key(id));
    }

    fn learn(&mut self, id: u64, text: &[u8]) {
        let text = String::from_utf8_lossy(text);
        let frame: Value = serde_json::from_str(&text).unwrap_or_default();
        assert!(
            frame["type"].is_string() && frame["ts"].is_i64(),
            "received {text}"
        );
        for (field, known) in [
            ("id", "proposal_id"),
            ("proposal_id", "proposal_id"),
            ("dispute_id", "dispute_id"),
            ("msg_id", "msg_id"),
            ("request_id", "request_id"),
            ("nonce", "nonce"),
            ("epoch", "epoch"),
        ] {
            if let Some(value) = frame[field].as_str() {
                let ids = self.ids.entry(known).or_default();
                if ids.last().is_none_or(|last| last != value) {
                    ids.push(value.to_owned());
                    let more = ids.len().saturating_sub(REMEMBERED);
                    ids.drain(..more);
                }
            }
        }
        let type_ = frame["type"].as_str().unwrap_or_default();
        let texts = |keys: &[&str]| {
            let texts = keys.iter().filter_map(|key| frame[*key].as_str());
            texts.map(str::to_owned).collect::<Vec<_>>()
        };
        let arbiters = frame["arbiters"].as_array().into_iter().flatten();
        let arbiters: Vec<_> = arbiters
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect();
        let parties = match type_ {
            "PROPOSAL" => ("id", texts(&["from", "to"])),
            "PANEL_FORMED" => ("dispute_id", arbiters),
            _ => ("", vec![]),
        };
        if let (Some(subject), false) = (frame[parties.0].as_str(), parties.1.is_empty()) {
            self.parties.insert(subject.to_owned(), parties.1);
        }
        self.received.insert(type_.to_owned());
        match type_ {
            "CHALLENGE" => self.prove(id, &frame),
            "CAPTCHA_CHALLENGE" => {
                let answer = json!({"type": "CAPTCHA_RESPONSE", "answer": "5", "captcha_id": frame["captcha_id"]});
                self.say(id, answer.to_string());
            }
            _ => {}
        }
    }

    fn prove(&mut self, id: u64, challenge: &Value) {
        let text = |key: &str| challenge[key].as_str().unwrap_or_default();
        let now = now_ms();
        let signed = auth_text(text("nonce"), text("challenge_id"), now);
        let proof = json!({"type": "VERIFY_IDENTITY", "challenge_id": text("challenge_id"), "timestamp": now,
            "signature": identity(id).sign(&signed)});
        self.say(id, proof.to_string());
    }

    /// What is stored makes the same marketplace again. Gives the types of frames that were received.
    pub fn end(self) -> BTreeSet<String> {
        let records = match self.hub.store.market() {
            Ok(records) => records,
            Err(error) => panic!("{error}"),
        };
        for record in &records {
            if let Record::Rating(rating) = record {
                assert!(rating.rating >= agentchat_market::elo::FLOOR, "{rating:?}");
            }
        }
        let again = Market::restore(self.hub.settings.market.clone(), records);
        assert_eq!(again.summary(), self.hub.market.summary());
        self.received
    }
}
