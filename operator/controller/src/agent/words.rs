//! Words for a person: one for a condition's reason, a sentence for its message.

use agentchat_contract::TerminationReason;

/// One CamelCase word for an end.
pub fn reason(reason: TerminationReason) -> &'static str {
    use TerminationReason as Reason;
    match reason {
        Reason::Completed => "Completed",
        Reason::Stopped => "Stopped",
        Reason::Error => "Error",
        Reason::Fatal => "Fatal",
        Reason::AuthenticationRefused => "AuthenticationRefused",
        Reason::QuotaExhausted => "QuotaExhausted",
        Reason::BudgetExhausted => "BudgetExhausted",
        Reason::RestartsExhausted => "RestartsExhausted",
    }
}

/// What an end for good means, and what begins anew.
pub fn ended(reason: TerminationReason) -> &'static str {
    use TerminationReason as Reason;
    match reason {
        Reason::BudgetExhausted => "a limit of the manifest is reached; raise spec.limits to go on",
        Reason::AuthenticationRefused => {
            "the model refused the credential; put a good one into its Secret to go on"
        }
        Reason::QuotaExhausted => {
            "the model's quota is exhausted; change the credential or the spec to go on"
        }
        Reason::RestartsExhausted => {
            "it failed too often; see its log, and change the spec or a Secret to go on"
        }
        _ => "it can't go on as it is; see its log, and change the spec or a Secret to go on",
    }
}
