//! What is taken over from a container's report: bounded, since all of it is untrusted.

use agentchat_api::{ActivityStatus, AgentStatus, UsageStatus};
use agentchat_contract::{ActivityState, State, UsageLedger};
use k8s_openapi::jiff::Timestamp;

/// Longest text taken over.
const TEXT: usize = 512;
/// Longest word.
const WORD: usize = 64;
/// Highest cost that is believed, in US dollars.
const COST: f64 = 1e9;

/// Takes over what the container says of itself.
pub fn take_over(next: &mut AgentStatus, state: &State) {
    let time = |ms: i64| Timestamp::from_millisecond(ms).ok().map(|t| t.to_string());
    next.agent_id = state.chat.agent_id.as_deref().map(text);
    next.runner_restarts = Some(state.runner_restarts);
    if let Some(session) = &state.session {
        next.session_id = Some(text(&session.id));
        next.session_resumed = Some(session.resumed);
    }
    let activity = match state.activity.state {
        ActivityState::Idle => "Idle",
        ActivityState::Listening => "Listening",
        ActivityState::Thinking => "Thinking",
        ActivityState::Tool => "Tool",
    };
    next.activity = Some(ActivityStatus {
        state: activity.into(),
        since: time(state.activity.since),
    });
}

/// The account of what was used, as it stands in the status; `None` when nothing was.
pub fn usage(ledger: &UsageLedger) -> Option<UsageStatus> {
    if *ledger == UsageLedger::default() {
        return None;
    }
    // Kubernetes' integers are signed.
    let count = |n: u64| n.min(i64::MAX.unsigned_abs());
    let cost = ledger.usage.cost_usd;
    let cost = if cost.is_finite() {
        cost.clamp(0.0, COST)
    } else {
        0.0
    };
    let since = Timestamp::from_millisecond(ledger.first_start).ok();
    Some(UsageStatus {
        since: since
            .filter(|_| ledger.first_start > 0)
            .map(|t| t.to_string()),
        turns: count(ledger.usage.turns),
        tokens_in: count(ledger.usage.tokens_in),
        tokens_out: count(ledger.usage.tokens_out),
        cost_usd: format!("{cost:.4}"),
    })
}

/// A reason must be one CamelCase word; what a container reports may be anything.
pub fn word(reported: Option<&str>, default: &str) -> String {
    let good = |r: &&str| {
        r.len() <= WORD
            && r.starts_with(|c: char| c.is_ascii_alphabetic())
            && r.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    reported.filter(good).unwrap_or(default).to_owned()
}

/// Text in one line.
pub fn text(reported: &str) -> String {
    let visible = reported.chars().filter(|c| !c.is_control());
    visible.take(TEXT).collect()
}

#[cfg(test)]
mod tests {
    use agentchat_contract::{ChatState, Usage};

    use super::*;

    #[test]
    fn no_report_breaks_the_status() {
        let state = State {
            chat: ChatState {
                agent_id: Some(format!("@\u{1b}[31m{}", "x".repeat(10_000))),
                ..ChatState::default()
            },
            ..State::default()
        };
        let ledger = UsageLedger {
            usage: Usage {
                turns: u64::MAX,
                cost_usd: f64::MAX,
                ..Usage::default()
            },
            first_start: i64::MAX,
        };
        let mut next = AgentStatus::default();
        take_over(&mut next, &state);
        next.usage = usage(&ledger);
        let id = next.agent_id.unwrap();
        assert!(id.len() <= TEXT && !id.contains('\u{1b}'));
        let usage = next.usage.unwrap();
        assert!(i64::try_from(usage.turns).is_ok());
        assert!(usage.cost_usd.len() < 20, "{}", usage.cost_usd);
    }

    #[test]
    fn reported_reason_is_one_word() {
        assert_eq!(word(Some("NotAllowed"), "x"), "NotAllowed");
        for bad in ["", "not allowed", "1st", "é", &"x".repeat(65)] {
            assert_eq!(word(Some(bad), "Connecting"), "Connecting");
        }
    }
}
