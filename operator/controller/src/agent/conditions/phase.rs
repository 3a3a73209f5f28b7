//! The phase: everything in one word.

use agentchat_api::AgentPhase;
use agentchat_contract::{ActivityState, Phase, State, TerminationReason};
use agentchat_plan::Verdict;

/// The phase that follows.
pub fn phase(verdict: Verdict, suspended: bool, state: Option<&State>, ready: bool) -> AgentPhase {
    let listens = state.is_some_and(|s| s.activity.state == ActivityState::Listening);
    let backs_off = state.is_some_and(|s| s.phase == Phase::BackOff);
    match verdict {
        Verdict::Unknown => AgentPhase::Unknown,
        Verdict::Stopped if suspended => AgentPhase::Suspended,
        Verdict::Stopped => AgentPhase::Pending,
        Verdict::Running if backs_off => AgentPhase::CrashLoopBackOff,
        Verdict::Converging => AgentPhase::Starting,
        Verdict::Running if !ready => AgentPhase::Starting,
        Verdict::Running if listens => AgentPhase::Listening,
        Verdict::Running => AgentPhase::Running,
        Verdict::BackingOff { .. } => AgentPhase::CrashLoopBackOff,
        Verdict::Ended(TerminationReason::BudgetExhausted | TerminationReason::Completed) => {
            AgentPhase::Completed
        }
        Verdict::Ended(_) => AgentPhase::Failed,
    }
}
