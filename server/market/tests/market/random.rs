//! Whatever agents do, in whatever order: stakes are conserved, ratings stay sane, storage has the same state, and
//! nothing is stuck for ever.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeMap;

use agentchat_market::{
    Dispute, Effect, EscrowStatus, Limits, Market, Phase, Proposal, Record, Refusal, Seat, Status,
};
use agentchat_protocol::{sha256_hex, signing};
use proptest::prelude::*;
use serde_json::json;

use crate::harness::TestHarness;

const AGENTS: u8 = 7;

/// What is done, by whom, to which, and a number.
type Step = (u8, u8, u8, u16);

struct Run {
    harness: TestHarness,
    /// What was staked on proposals that are accepted, as told by what succeeded.
    staked: BTreeMap<String, (i64, i64)>,
    verdicts: usize,
}

impl Run {
    fn new() -> Self {
        let limits = Limits {
            open_per_agent: 8,
            proposals: 25,
            pairs: 6,
            min_proposal_age: 1000,
            ..Limits::default()
        };
        let mut harness = TestHarness::with(AGENTS, limits);
        for agent in 0..usize::from(AGENTS) {
            let rating = 1150 + 50 * i64::try_from(agent).unwrap();
            harness.rate(agent, rating, 9 + u64::try_from(agent).unwrap());
        }
        Self {
            harness,
            staked: BTreeMap::new(),
            verdicts: 0,
        }
    }

    fn proposals(&self) -> Vec<Proposal> {
        let records = self.harness.market.records().into_iter();
        let proposals = records.filter_map(|record| match record {
            Record::Proposal(proposal) => Some(*proposal),
            _ => None,
        });
        proposals.collect()
    }

    fn disputes(&self) -> Vec<Dispute> {
        let records = self.harness.market.records().into_iter();
        let disputes = records.filter_map(|record| match record {
            Record::Dispute(dispute) => Some(*dispute),
            _ => None,
        });
        disputes.collect()
    }

    fn agent(&self, id: &str) -> usize {
        self.harness
            .agents
            .iter()
            .position(|a| a.actor.id == id)
            .unwrap()
    }

    fn step(&mut self, (what, who, which, number): Step) {
        let who = usize::from(who % AGENTS);
        let proposals = self.proposals();
        let open: Vec<_> = proposals.iter().filter(|p| p.status.is_open()).collect();
        let picked = match number % 8 {
            0 => pick(&proposals, which).cloned(),
            _ => pick(&open, which).map(|p| (*p).clone()),
        };
        match (what % 12, picked) {
            (0 | 1, _) => self.propose(who, which, number),
            (2 | 3, Some(proposal)) => self.accept(who, &proposal, number),
            (4, Some(proposal)) if number.is_multiple_of(4) => {
                let who = self.agent(&proposal.to);
                self.harness.reject(who, &proposal.id).ok();
            }
            (5, Some(proposal)) => {
                let who = self.either(&proposal, number);
                self.harness.complete(who, &proposal.id).ok();
            }
            (6, Some(proposal)) if number.is_multiple_of(3) => {
                let who = self.either(&proposal, number);
                self.harness.contest(who, &proposal.id).ok();
            }
            (6 | 7, Some(proposal)) => {
                let who = self.either(&proposal, number);
                self.intent(who, &proposal).ok();
            }
            (8..=10, _) => self.court(who, which, number),
            (11, _) => {
                let ms = [10, 1000, 60_000, 1_900_000, 3_700_000][usize::from(number % 5)];
                let effects = self.harness.pass(ms);
                self.count(&effects);
            }
            _ => {}
        }
        // Whatever left the state of acceptance has given its stakes back.
        let accepted = self.proposals().into_iter();
        let accepted = accepted.filter(|p| p.status == Status::Accepted);
        let accepted: Vec<String> = accepted.map(|p| p.id).collect();
        self.staked.retain(|id, _| accepted.contains(id));
    }

    fn count(&mut self, effects: &[Effect]) {
        let verdict =
            |e: &&Effect| matches!(e, Effect::Hook(json) if json.contains("settlement:verdict"));
        self.verdicts += effects.iter().filter(verdict).count();
    }

    fn either(&self, proposal: &Proposal, number: u16) -> usize {
        self.agent([&proposal.from, &proposal.to][usize::from(number / 8 % 2)])
    }

    fn propose(&mut self, who: usize, which: u8, number: u16) {
        let to = usize::from(which % AGENTS);
        let mut more = json!({"elo_stake": number % 700, "amount": f64::from(number) / 3.0});
        if number.is_multiple_of(2) {
            more["expires"] = json!(f64::from(number) / 10.0);
        }
        self.harness.propose(who, to, more).ok();
    }

    fn accept(&mut self, who: usize, proposal: &Proposal, number: u16) {
        let who = if number % 16 == 1 {
            who
        } else {
            self.agent(&proposal.to)
        };
        let stake = i64::from(number % 500);
        if self.harness.accept(who, &proposal.id, stake).is_ok() {
            let stakes = (proposal.elo_stake.unwrap_or(0), stake);
            self.staked.insert(proposal.id.clone(), stakes);
        }
    }

    fn intent(&mut self, who: usize, proposal: &Proposal) -> Result<Vec<Effect>, Refusal> {
        let (id, commitment) = (&proposal.id, sha256_hex("nonce"));
        let frame = json!({"type": "DISPUTE_INTENT", "proposal_id": id, "reason": "r", "commitment": commitment});
        self.harness
            .signed(who, frame, &signing::dispute_intent(id, "r", &commitment))
    }

    /// What the phase of a dispute asks for; sometimes of somebody else.
    fn court(&mut self, who: usize, which: u8, number: u16) {
        let disputes = self.disputes();
        let open: Vec<_> = disputes.iter().filter(|d| d.is_open()).collect();
        let Some(dispute) = pick(&open, which).copied() else {
            return;
        };
        let id = &dispute.id;
        let waits = |slot: &&agentchat_market::Slot| match dispute.phase {
            Phase::ArbiterResponse => slot.seat == Seat::Pending,
            _ => slot.seat == Seat::Accepted,
        };
        let arbiter = dispute
            .panel
            .iter()
            .find(waits)
            .map(|slot| self.agent(&slot.agent));
        let arbiter = arbiter
            .filter(|_| !number.is_multiple_of(16))
            .unwrap_or(who);
        let done = match dispute.phase {
            Phase::RevealPending => {
                let who = self.agent(&dispute.disputant);
                let nonce = if number.is_multiple_of(8) {
                    "wrong"
                } else {
                    "nonce"
                };
                let id = &dispute.proposal_id;
                let frame = json!({"type": "DISPUTE_REVEAL", "proposal_id": id, "nonce": nonce});
                self.harness
                    .signed(who, frame, &signing::dispute_reveal(id, nonce))
            }
            Phase::ArbiterResponse if number.is_multiple_of(5) => {
                let frame = json!({"type": "ARBITER_DECLINE", "dispute_id": id});
                self.harness.ask(arbiter, &frame)
            }
            Phase::ArbiterResponse => {
                let frame = json!({"type": "ARBITER_ACCEPT", "dispute_id": id});
                self.harness
                    .signed(arbiter, frame, &signing::arbiter_accept(id))
            }
            Phase::Evidence if number.is_multiple_of(3) => Ok(self.harness.pass(3_600_000)),
            Phase::Evidence => {
                let who =
                    self.agent([&dispute.disputant, &dispute.respondent][usize::from(number % 2)]);
                let frame = json!({"type": "EVIDENCE", "dispute_id": id, "items": [{"a": 0.1}], "statement": "s"});
                self.harness
                    .signed(who, frame, &signing::evidence(id, r#"[{"a":0.1}]"#))
            }
            _ => {
                let verdict = ["disputant", "respondent", "mutual"][usize::from(number % 3)];
                let frame = json!({"type": "ARBITER_VOTE", "dispute_id": id, "verdict": verdict, "reasoning": ""});
                self.harness
                    .signed(arbiter, frame, &signing::arbiter_vote(id, verdict))
            }
        };
        if let Ok(effects) = done {
            self.count(&effects);
        }
    }

    fn check(&self) {
        let records = self.harness.market.records();
        let stored: Vec<_> = self.harness.stored.values().cloned().collect();
        assert_eq!(records, stored, "storage has the state");
        let limits = self.harness.market.limits().clone();
        let restored = Market::restore(limits.clone(), stored);
        assert_eq!(restored.records(), records);
        assert_eq!(restored.next_wake(), self.harness.market.next_wake());
        let mut active = BTreeMap::new();
        for record in &records {
            match record {
                Record::Rating(rating) => {
                    assert!((100..1_000_000).contains(&rating.rating), "{rating:?}")
                }
                Record::Escrow(escrow) if escrow.status == EscrowStatus::Active => {
                    assert!(escrow.from.stake >= 0 && escrow.to.stake >= 0);
                    active.insert(
                        escrow.proposal_id.clone(),
                        (escrow.from.stake, escrow.to.stake),
                    );
                }
                _ => {}
            }
        }
        let staked = self.staked.iter().filter(|(_, stakes)| **stakes != (0, 0));
        let staked: BTreeMap<_, _> = staked.map(|(id, stakes)| (id.clone(), *stakes)).collect();
        assert_eq!(
            active, staked,
            "what is reserved is what was staked on deals that stand"
        );
        assert!(self.harness.market.summary().total <= limits.proposals);
    }

    /// A year later.
    fn end(&mut self) {
        let effects = self.harness.pass(365 * 24 * 3_600_000);
        self.count(&effects);
        assert_eq!(self.harness.market.next_wake(), None);
        assert_eq!(self.harness.market.summary().total, 0);
        assert!(self.disputes().is_empty());
        self.staked.clear();
        self.check();
        // All stakes are free again: everybody can stake all that is above the floor.
        for agent in 0..usize::from(AGENTS) {
            let all = self.harness.rating(agent).0 - 100;
            let other = (agent + 1) % usize::from(AGENTS);
            let id = self
                .harness
                .propose(agent, other, json!({"elo_stake": all}))
                .unwrap();
            self.harness.accept(other, &id, 0).unwrap();
            self.harness.pass(1000);
            self.harness.complete(agent, &id).unwrap();
        }
    }
}

fn pick<T>(from: &[T], which: u8) -> Option<&T> {
    from.get(usize::from(which) % from.len().max(1))
}

fn run(steps: &[Step]) -> usize {
    let mut run = Run::new();
    for (count, step) in steps.iter().enumerate() {
        run.step(*step);
        if count % 16 == 15 {
            run.harness.restart();
        }
        run.check();
    }
    run.end();
    run.verdicts
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_agents_do_the_books_balance_and_everything_ends(
        steps in proptest::collection::vec(any::<Step>(), 1..200),
    ) {
        run(&steps);
    }
}

#[test]
fn random_sequences_reach_verdicts() {
    // Fixed steps, so that it is seen when sequences no longer get anywhere.
    let mut number = 1_u64;
    let mut next = || {
        number = number
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        u8::try_from(number >> 56).unwrap()
    };
    let mut step = || (next(), next(), next(), u16::from_be_bytes([next(), next()]));
    let steps: Vec<Step> = (0..2000).map(|_| step()).collect();
    assert!(run(&steps) > 10);
}
