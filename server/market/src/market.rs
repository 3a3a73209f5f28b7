//! The marketplace: who can do what, what was agreed, and what became of it.

mod completion;
mod contest;
mod deals;
mod escrow;
pub(crate) mod gate;
pub(crate) mod ids;
mod notices;
mod ratings;
mod skills;

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    effect::Effect,
    host::{Actor, Host},
    limits::Limits,
    record::{Record, Status},
    refusal::{Code, Refusal},
    request::Request,
    state::{Due, State},
};

/// The state of the marketplace.
///
/// It knows no clock, no sockets and no storage: time comes in with every call, and what is to happen comes out as
/// [`Effect`]s. A refusal changes nothing.
#[derive(Debug)]
pub struct Market {
    pub(crate) state: State,
    /// What signatures of version 2 are bound to.
    pub(crate) server: String,
}

/// Proposals in figures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// All that are kept.
    pub total: usize,
    /// How many are how far.
    pub by_status: BTreeMap<Status, usize>,
    /// Agents who are a party of at least one.
    pub agents: usize,
}

impl Market {
    /// An empty marketplace.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self::restore(limits, [])
    }

    /// The marketplace whose records are these.
    #[must_use]
    pub fn restore(limits: Limits, records: impl IntoIterator<Item = Record>) -> Self {
        let mut state = State::new(limits);
        for record in records {
            state.load(record);
        }
        let server = String::new();
        Self { state, server }
    }

    /// The same, on the server with this id: signatures of version 2 are for it alone.
    #[must_use]
    pub fn on(mut self, server: String) -> Self {
        self.server = server;
        self
    }

    /// All records: what [`Market::restore`] needs.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        self.state.records()
    }

    /// The id of the server.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The bounds that hold.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.state.limits
    }

    /// When [`Market::tick`] has something to do next, Unix milliseconds. May change with every call of `handle`
    /// and `tick`.
    #[must_use]
    pub fn next_wake(&self) -> Option<i64> {
        self.state.next_due()
    }

    /// Carries out a request of an agent, or of somebody who is not identified.
    pub fn handle(
        &mut self,
        now: i64,
        actor: Option<&Actor>,
        request: Request,
        host: &mut impl Host,
    ) -> Result<Vec<Effect>, Refusal> {
        let unknown = || Code::AuthRequired.because("identify yourself first, with IDENTIFY");
        let actor = actor.ok_or_else(unknown)?;
        self.run(now, actor, request, host)?;
        Ok(std::mem::take(&mut self.state.out))
    }

    fn run(
        &mut self,
        now: i64,
        actor: &Actor,
        request: Request,
        host: &mut impl Host,
    ) -> Result<(), Refusal> {
        match request {
            Request::Register(register) => self.register(now, actor, register),
            Request::Search(query) => {
                self.search(now, actor, query);
                Ok(())
            }
            Request::Propose(propose) => self.propose(now, actor, *propose, host),
            Request::Accept(accept) => self.accept(now, actor, accept),
            Request::Reject(close) => self.reject(now, actor, close),
            Request::Complete(close) => self.complete(now, actor, close),
            Request::Contest(contest) => self.contest(now, actor, contest),
            Request::Intent(intent) => self.intent(now, actor, intent, host),
            Request::Reveal(reveal) => self.reveal(now, actor, &reveal, host),
            Request::Testify(testimony) => self.testify(now, actor, testimony, host),
            Request::Judge(judge) => self.judge(now, actor, &judge),
            Request::Decline(decline) => self.decline(now, actor, &decline, host),
            Request::Vote(vote) => self.vote(now, actor, vote),
        }
    }

    /// What time has brought about: proposals expire, phases of disputes end.
    pub fn tick(&mut self, now: i64) -> Vec<Effect> {
        while let Some(due) = self.state.take_due(now) {
            match due {
                Due::Proposal(id) => self.proposal_due(now, &id),
                Due::Dispute(id) => self.dispute_due(now, &id),
            }
        }
        std::mem::take(&mut self.state.out)
    }

    /// Proposals in figures.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let mut summary = Summary::default();
        let mut agents = BTreeSet::new();
        for proposal in self.state.proposals.values() {
            summary.total += 1;
            *summary.by_status.entry(proposal.status).or_default() += 1;
            agents.extend([&proposal.from, &proposal.to]);
        }
        summary.agents = agents.len();
        summary
    }
}
