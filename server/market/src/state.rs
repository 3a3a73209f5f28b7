//! All records, what follows from them, and what is to happen.
//!
//! Every change goes through [`State::put`] or [`State::remove`], which also say it to storage: memory and storage
//! can't disagree. Everything that is not a record is derived, so that restoring gives the same state.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::{
    effect::Effect,
    elo::EloScore,
    limits::Limits,
    record::{
        Dispute, Escrow, EscrowStatus, Key, Kind, Pair, Proposal, Rating, Record, Registration,
        Status,
    },
};

/// What time brings about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Due {
    /// A proposal expires, or is kept no longer.
    Proposal(String),
    /// A phase of a dispute ends.
    Dispute(String),
}

/// The state.
#[derive(Debug)]
pub struct State {
    pub limits: Limits,
    pub ratings: BTreeMap<String, Rating>,
    pub skills: BTreeMap<String, Registration>,
    pub proposals: BTreeMap<String, Proposal>,
    pub escrows: BTreeMap<String, Escrow>,
    pub disputes: BTreeMap<String, Dispute>,
    pub pairs: BTreeMap<String, Pair>,
    /// What is to happen because of the request at hand.
    pub out: Vec<Effect>,
    /// The dispute about a proposal.
    pub dispute_of: HashMap<String, String>,
    /// Open proposals that an agent has made.
    open: HashMap<String, usize>,
    /// What an agent has at stake.
    reserved: HashMap<String, i64>,
    /// Skills of all agents.
    pub skill_count: usize,
    due: BTreeSet<(i64, Due)>,
    due_at: BTreeMap<Due, i64>,
}

impl State {
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            ratings: BTreeMap::new(),
            skills: BTreeMap::new(),
            proposals: BTreeMap::new(),
            escrows: BTreeMap::new(),
            disputes: BTreeMap::new(),
            pairs: BTreeMap::new(),
            out: vec![],
            dispute_of: HashMap::new(),
            open: HashMap::new(),
            reserved: HashMap::new(),
            skill_count: 0,
            due: BTreeSet::new(),
            due_at: BTreeMap::new(),
        }
    }

    /// Keeps a record, in the place of one with the same key.
    pub fn put(&mut self, record: Record) {
        self.out.push(Effect::Store(record.clone()));
        self.load(record);
    }

    /// Takes in a record that storage has.
    pub fn load(&mut self, record: Record) {
        self.forget(&record.key());
        match record {
            Record::Rating(rating) => drop(self.ratings.insert(rating.agent.clone(), rating)),
            Record::Skills(registration) => {
                self.skill_count += registration.skills.len();
                self.skills.insert(registration.agent.clone(), registration);
            }
            Record::Proposal(proposal) => {
                let id = proposal.id.clone();
                if proposal.status.is_open() {
                    *self.open.entry(proposal.from.clone()).or_default() += 1;
                }
                self.proposals.insert(id.clone(), *proposal);
                self.schedule_proposal(&id);
            }
            Record::Escrow(escrow) => {
                for stake in [&escrow.from, &escrow.to] {
                    if escrow.status == EscrowStatus::Active {
                        *self.reserved.entry(stake.agent_id.clone()).or_default() += stake.stake;
                    }
                }
                self.escrows.insert(escrow.proposal_id.clone(), escrow);
            }
            Record::Dispute(dispute) => {
                let (id, proposal) = (dispute.id.clone(), dispute.proposal_id.clone());
                let until = dispute.is_open().then_some(dispute.until);
                self.schedule(Due::Dispute(id.clone()), until);
                self.dispute_of.insert(proposal.clone(), id.clone());
                self.disputes.insert(id, *dispute);
                self.schedule_proposal(&proposal);
            }
            Record::Pair(pair) => drop(self.pairs.insert(Pair::id(&pair.a, &pair.b), pair)),
        }
    }

    /// Keeps a record no longer.
    pub fn remove(&mut self, kind: Kind, id: &str) {
        let id = id.to_owned();
        let key = Key { kind, id };
        self.forget(&key);
        self.out.push(Effect::Remove(key));
    }

    fn forget(&mut self, key: &Key) {
        let id = key.id.as_str();
        match key.kind {
            Kind::Rating => drop(self.ratings.remove(id)),
            Kind::Pair => drop(self.pairs.remove(id)),
            Kind::Skills => {
                let old = self.skills.remove(id);
                self.skill_count -= old.map_or(0, |old| old.skills.len());
            }
            Kind::Proposal => {
                self.schedule(Due::Proposal(key.id.clone()), None);
                if let Some(old) = self.proposals.remove(id).filter(|p| p.status.is_open()) {
                    less(&mut self.open, &old.from, 1);
                }
            }
            Kind::Escrow => {
                let active = |e: &Escrow| e.status == EscrowStatus::Active;
                if let Some(old) = self.escrows.remove(id).filter(active) {
                    for stake in [&old.from, &old.to] {
                        less(&mut self.reserved, &stake.agent_id, stake.stake);
                    }
                }
            }
            Kind::Dispute => {
                self.schedule(Due::Dispute(key.id.clone()), None);
                if let Some(old) = self.disputes.remove(id) {
                    self.dispute_of.remove(&old.proposal_id);
                }
            }
        }
    }

    fn schedule(&mut self, what: Due, at: Option<i64>) {
        if let Some(old) = self.due_at.remove(&what) {
            self.due.remove(&(old, what.clone()));
        }
        if let Some(at) = at {
            self.due.insert((at, what.clone()));
            self.due_at.insert(what, at);
        }
    }

    fn schedule_proposal(&mut self, id: &str) {
        let at = self.proposals.get(id).map(|p| self.proposal_due(p));
        self.schedule(Due::Proposal(id.to_owned()), at);
    }

    /// When a proposal changes by itself: it expires, or it is kept no longer. One before the court waits for that.
    fn proposal_due(&self, proposal: &Proposal) -> i64 {
        let dispute = self.dispute_of.get(&proposal.id);
        let dispute = dispute.and_then(|id| self.disputes.get(id));
        let last = dispute.map_or(proposal.updated_at, |d| d.until.max(proposal.updated_at));
        let idle = proposal
            .updated_at
            .saturating_add(self.limits.idle_proposal);
        let end = match proposal.status {
            Status::Pending => return proposal.expires.unwrap_or(idle),
            Status::Accepted => proposal.expires.unwrap_or(idle),
            _ => proposal.expires.unwrap_or(idle).min(idle),
        };
        end.max(last).saturating_add(self.limits.kept.max(1))
    }

    /// When time brings about the next thing.
    pub fn next_due(&self) -> Option<i64> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Takes out the first thing that is due.
    pub fn take_due(&mut self, now: i64) -> Option<Due> {
        let (_, what) = self.due.first().filter(|(at, _)| *at <= now)?.clone();
        self.schedule(what.clone(), None);
        Some(what)
    }

    /// All records, each kind in the order of ids.
    pub fn records(&self) -> Vec<Record> {
        let ratings = self.ratings.values().cloned().map(Record::Rating);
        let skills = self.skills.values().cloned().map(Record::Skills);
        let proposals = self.proposals.values().cloned().map(Box::new);
        let escrows = self.escrows.values().cloned().map(Record::Escrow);
        let disputes = self.disputes.values().cloned().map(Box::new);
        let pairs = self.pairs.values().cloned().map(Record::Pair);
        ratings
            .chain(skills)
            .chain(proposals.map(Record::Proposal))
            .chain(escrows)
            .chain(disputes.map(Record::Dispute))
            .chain(pairs)
            .collect()
    }

    pub fn elo_score(&self, agent: &str) -> EloScore {
        let rating = self.ratings.get(agent);
        rating.map(Rating::elo_score).unwrap_or_default()
    }

    pub fn open(&self, agent: &str) -> usize {
        self.open.get(agent).copied().unwrap_or(0)
    }

    pub fn reserved(&self, agent: &str) -> i64 {
        self.reserved.get(agent).copied().unwrap_or(0)
    }

    pub fn send(&mut self, to: &str, frame: &str) {
        self.out.push(Effect::Send {
            to: to.to_owned(),
            frame: frame.to_owned(),
        });
    }
}

/// Counts down, and forgets who is at nothing.
fn less<N: Copy + PartialEq + Default + std::ops::SubAssign>(
    counts: &mut HashMap<String, N>,
    agent: &str,
    by: N,
) {
    if let Some(count) = counts.get_mut(agent) {
        *count -= by;
        if *count == N::default() {
            counts.remove(agent);
        }
    }
}
