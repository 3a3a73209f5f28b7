//! How a dispute comes before the court: intent with a commitment, then the reveal, then the panel.

use agentchat_protocol::{sha256_hex, signing};

use super::panel::{PANEL, draw};
use crate::{
    frame::{Frame, note},
    host::{Actor, Host},
    market::{Market, ids},
    record::{Dispute, Phase, Record, Seat, Slot, Status},
    refusal::{Code, Refusal},
    request::{Intent, Reveal},
};

impl Market {
    pub(crate) fn intent(
        &mut self,
        now: i64,
        actor: &Actor,
        intent: Intent,
        host: &mut impl Host,
    ) -> Result<(), Refusal> {
        let text = signing::dispute_intent(&intent.proposal_id, &intent.reason, &intent.commitment);
        self.signed(now, actor, &text, &intent.sig)?;
        let Some(proposal) = self.state.proposals.get(&intent.proposal_id) else {
            return Err(Code::ProposalNotFound.because("there is no such proposal"));
        };
        if !matches!(proposal.status, Status::Accepted | Status::Disputed) {
            return Err(Code::InvalidProposal.because("PROPOSAL_NOT_ACCEPTED"));
        }
        if !proposal.is_party(&actor.id) {
            return Err(Code::NotProposalParty.because("only its two parties can dispute it"));
        }
        if self.state.dispute_of.contains_key(&proposal.id) {
            return Err(
                Code::DisputeAlreadyExists.because("it was brought before the court before")
            );
        }
        let dispute = Dispute {
            id: ids::id("disp", now, host)?,
            proposal_id: proposal.id.clone(),
            disputant: actor.id.clone(),
            respondent: proposal.other(&actor.id).to_owned(),
            reason: host.redact(&intent.reason),
            commitment: intent.commitment,
            server_nonce: ids::random_hex::<16>(host)?,
            seed: None,
            phase: Phase::RevealPending,
            until: now + self.state.limits.reveal,
            created_at: now,
            panel: vec![],
            disputant_evidence: None,
            respondent_evidence: None,
            verdict: None,
        };
        if self.state.disputes.contains_key(&dispute.id) {
            return Err(Code::RateLimited.because("the id was given before; try again"));
        }
        self.state.put(Record::Dispute(Box::new(dispute.clone())));
        let frame = Frame::new("DISPUTE_INTENT_ACK", now)
            .with("dispute_id", &dispute.id)
            .with("proposal_id", &dispute.proposal_id)
            .with("server_nonce", &dispute.server_nonce)
            .json();
        self.state.send(&dispute.disputant, &frame);
        let content = format!(
            "{} brings proposal {} before the court: {} [{}]",
            dispute.disputant, dispute.proposal_id, dispute.reason, dispute.id
        );
        let frame = note(&dispute.respondent, &content, now);
        self.state.send(&dispute.respondent, &frame);
        Ok(())
    }

    pub(crate) fn reveal(
        &mut self,
        now: i64,
        actor: &Actor,
        reveal: &Reveal,
        host: &impl Host,
    ) -> Result<(), Refusal> {
        let dispute = self.state.dispute_of.get(&reveal.proposal_id);
        let dispute = dispute.and_then(|id| self.state.disputes.get(id));
        let Some(dispute) = dispute else {
            return Err(Code::DisputeNotFound.because("there is no dispute about this proposal"));
        };
        if dispute.disputant != actor.id {
            return Err(Code::DisputeNotParty.because("only who filed the dispute can reveal"));
        }
        let text = signing::dispute_reveal(&reveal.proposal_id, &reveal.nonce);
        self.signed(now, actor, &text, &reveal.sig)?;
        let awaited = dispute.phase == Phase::RevealPending && now < dispute.until;
        if !awaited || sha256_hex(&reveal.nonce) != dispute.commitment {
            let text = "this is not what was committed to, or nothing is to be revealed";
            return Err(Code::DisputeCommitmentMismatch.because(text));
        }
        let mut dispute = dispute.clone();
        let seed = [&*dispute.proposal_id, &reveal.nonce, &dispute.server_nonce].concat();
        let seed = sha256_hex(&seed);
        let pool = self.pool(&dispute, host);
        dispute.seed = Some(seed.clone());
        if pool.len() < PANEL {
            let reason = format!("{} agents could judge, and {PANEL} are needed", pool.len());
            self.fall_back(now, dispute, &reason, true);
            return Ok(());
        }
        let chosen = draw(&seed, pool).into_iter().take(PANEL);
        dispute.panel = chosen.map(seat).collect();
        dispute.phase = Phase::ArbiterResponse;
        dispute.until = now + self.state.limits.response;
        self.state.put(Record::Dispute(Box::new(dispute.clone())));
        self.tell_panel(now, &dispute, &seed);
        Ok(())
    }

    fn tell_panel(&mut self, now: i64, dispute: &Dispute, seed: &str) {
        let arbiters: Vec<_> = dispute
            .panel
            .iter()
            .map(|slot| (&slot.agent).into())
            .collect();
        let size = arbiters.len();
        let formed = Frame::new("PANEL_FORMED", now)
            .with("dispute_id", &dispute.id)
            .with("proposal_id", &dispute.proposal_id)
            .with("arbiters", arbiters)
            .with("disputant", &dispute.disputant)
            .with("respondent", &dispute.respondent)
            .with("evidence_deadline", None::<i64>)
            .with("vote_deadline", None::<i64>)
            .with("seed", seed)
            .with("server_nonce", &dispute.server_nonce)
            .json();
        for party in dispute.parties() {
            self.state.send(party, &formed);
        }
        for slot in &dispute.panel {
            self.state.send(&slot.agent, &assigned(dispute, now).json());
        }
        let revealed = Frame::new("DISPUTE_REVEALED", now)
            .with("dispute_id", &dispute.id)
            .with("panel_size", size)
            .with("seed", seed)
            .json();
        self.state.send(&dispute.disputant, &revealed);
    }
}

/// A place on the panel for an agent.
pub(super) fn seat(agent: String) -> Slot {
    Slot {
        agent,
        seat: Seat::Pending,
        verdict: None,
        reasoning: None,
    }
}

/// The frame that tells an arbiter.
pub(super) fn assigned(dispute: &Dispute, now: i64) -> Frame {
    Frame::new("ARBITER_ASSIGNED", now)
        .with("dispute_id", &dispute.id)
        .with("proposal_id", &dispute.proposal_id)
        .with("disputant", &dispute.disputant)
        .with("respondent", &dispute.respondent)
        .with("reason", &dispute.reason)
        .with("response_deadline", dispute.until)
}
