//! Bounds and times of the marketplace, in one place.

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Bounds and times. Texts are counted in UTF-16 units, times in milliseconds.
///
/// The numbers of the court, the pair's pause and the age of a proposal are the protocol's; the bounds on what a
/// peer can grow are ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A task, a reason, a proof, terms.
    pub text: usize,
    /// A currency, a payment code, a capability, a nonce, a commitment.
    pub short_text: usize,
    /// Skills of one agent.
    pub skills_per_agent: usize,
    /// One agent's skills as JSON, in bytes.
    pub skills_bytes: usize,
    /// Skills of all agents; the oldest registrations make place.
    pub skills: usize,
    /// A search query as JSON, in bytes.
    pub query_bytes: usize,
    /// Rows of a search result when the query does not say.
    pub results_default: usize,
    /// Rows of a search result.
    pub results: usize,
    /// Pending and accepted proposals that one agent has made.
    pub open_per_agent: usize,
    /// Proposals of all agents; the oldest that are over make place.
    pub proposals: usize,
    /// Between the time in a signature of version 2 and now.
    pub skew: i64,
    /// From a proposal to its completion, at least; 0 switches this off.
    pub min_proposal_age: i64,
    /// How long a proposal without an end stands, from its last change.
    pub idle_proposal: i64,
    /// How long a proposal is kept after its end.
    pub kept: i64,
    /// Agents with a rating; others' deals go unrated once it is reached.
    pub ratings: usize,
    /// Pairs whose completions are counted; the oldest make place.
    pub pairs: usize,
    /// Between two rated completions of the same pair.
    pub pair_pause: i64,
    /// From the intent to the reveal.
    pub reveal: i64,
    /// For arbiters to answer.
    pub response: i64,
    /// For the parties to give evidence.
    pub evidence: i64,
    /// For the arbiters to vote.
    pub vote: i64,
    /// Items of evidence of one party.
    pub evidence_items: usize,
    /// Items of evidence of one party as JSON, in bytes.
    pub evidence_bytes: usize,
    /// The statement that comes with evidence, after redaction.
    pub statement: usize,
    /// The reasoning of a vote.
    pub reasoning: usize,
    /// Arbiters who may be replaced in one dispute.
    pub replacements: usize,
    /// Open disputes in which one agent judges at a time.
    pub panels_per_arbiter: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            text: 8192,
            short_text: 512,
            skills_per_agent: 50,
            skills_bytes: 64 * 1024,
            skills: 20_000,
            query_bytes: 4096,
            results_default: 50,
            results: 200,
            open_per_agent: 100,
            proposals: 20_000,
            skew: DAY,
            min_proposal_age: MINUTE,
            idle_proposal: 90 * DAY,
            kept: DAY,
            ratings: 1_000_000,
            pairs: 100_000,
            pair_pause: HOUR,
            reveal: 10 * MINUTE,
            response: 30 * MINUTE,
            evidence: HOUR,
            vote: HOUR,
            evidence_items: 10,
            evidence_bytes: 64 * 1024,
            statement: 2000,
            reasoning: 500,
            replacements: 2,
            panels_per_arbiter: 3,
        }
    }
}
