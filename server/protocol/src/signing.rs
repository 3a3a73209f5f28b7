//! The texts that agents sign in the marketplace. What is not given leaves its place empty; `|` is not escaped.

pub mod version_2;

use crate::{hash::sha256_hex, json::number};

/// What a proposal's signature covers.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProposalTerms<'a> {
    /// For whom, with `@`.
    pub to: &'a str,
    /// What is to be done.
    pub task: &'a str,
    /// Price.
    pub amount: Option<f64>,
    /// What the price is counted in.
    pub currency: Option<&'a str>,
    /// Where to pay.
    pub payment_code: Option<&'a str>,
    /// Seconds for which it stands.
    pub expires: Option<f64>,
    /// What the proposer stakes.
    pub elo_stake: Option<i64>,
}

/// Signed with PROPOSAL. Zero counts as not given.
#[must_use]
pub fn proposal(terms: &ProposalTerms<'_>) -> String {
    let amount = terms.amount.filter(|n| *n != 0.0).map(number);
    let expires = terms.expires.filter(|n| *n != 0.0).map(number);
    [
        terms.to,
        terms.task,
        &amount.unwrap_or_default(),
        terms.currency.unwrap_or_default(),
        terms.payment_code.unwrap_or_default(),
        &expires.unwrap_or_default(),
        &stake(terms.elo_stake),
    ]
    .join("|")
}

fn stake(stake: Option<i64>) -> String {
    let stake = stake.filter(|n| *n != 0);
    stake.map(|n| n.to_string()).unwrap_or_default()
}

/// Signed with REGISTER_SKILLS; `skills` is the list as JSON, written as JavaScript does.
#[must_use]
pub fn register_skills(skills: &str) -> String {
    format!("REGISTER_SKILLS|{}", sha256_hex(skills))
}

/// Signed with ACCEPT.
#[must_use]
pub fn accept(proposal: &str, payment_code: Option<&str>, elo_stake: Option<i64>) -> String {
    let payment_code = payment_code.unwrap_or_default();
    format!("ACCEPT|{proposal}|{payment_code}|{}", stake(elo_stake))
}

/// Signed with REJECT.
#[must_use]
pub fn reject(proposal: &str, reason: Option<&str>) -> String {
    format!("REJECT|{proposal}|{}", reason.unwrap_or_default())
}

/// Signed with COMPLETE.
#[must_use]
pub fn complete(proposal: &str, proof: Option<&str>) -> String {
    format!("COMPLETE|{proposal}|{}", proof.unwrap_or_default())
}

/// Signed with DISPUTE.
#[must_use]
pub fn dispute(proposal: &str, reason: &str) -> String {
    format!("DISPUTE|{proposal}|{reason}")
}

/// Signed with DISPUTE_INTENT.
#[must_use]
pub fn dispute_intent(proposal: &str, reason: &str, commitment: &str) -> String {
    format!("DISPUTE_INTENT|{proposal}|{reason}|{commitment}")
}

/// Signed with DISPUTE_REVEAL.
#[must_use]
pub fn dispute_reveal(proposal: &str, nonce: &str) -> String {
    format!("DISPUTE_REVEAL|{proposal}|{nonce}")
}

/// Signed with EVIDENCE; `items` is the list as JSON, written as JavaScript does.
#[must_use]
pub fn evidence(dispute: &str, items: &str) -> String {
    format!("EVIDENCE|{dispute}|{}", sha256_hex(items))
}

/// Signed with ARBITER_ACCEPT.
#[must_use]
pub fn arbiter_accept(dispute: &str) -> String {
    format!("ARBITER_ACCEPT|{dispute}")
}

/// Signed with ARBITER_DECLINE.
#[must_use]
pub fn arbiter_decline(dispute: &str, reason: Option<&str>) -> String {
    format!("ARBITER_DECLINE|{dispute}|{}", reason.unwrap_or_default())
}

/// Signed with ARBITER_VOTE.
#[must_use]
pub fn arbiter_vote(dispute: &str, verdict: &str) -> String {
    format!("VOTE|{dispute}|{verdict}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    #[test]
    fn what_is_signed_is_what_other_clients_sign() {
        let terms = ProposalTerms {
            to: "@0123456789abcdef",
            task: "Test task",
            amount: Some(1.5),
            currency: Some("SOL"),
            payment_code: Some("alice-code"),
            expires: Some(60.0),
            elo_stake: None,
        };
        assert_eq!(
            proposal(&terms),
            "@0123456789abcdef|Test task|1.5|SOL|alice-code|60|"
        );
        let bare = ProposalTerms {
            to: "@a",
            task: "t",
            amount: Some(0.0),
            elo_stake: Some(25),
            ..ProposalTerms::default()
        };
        assert_eq!(proposal(&bare), "@a|t|||||25");
        assert_eq!(
            accept("prop_x_00000000", None, Some(0)),
            "ACCEPT|prop_x_00000000||"
        );
        assert_eq!(accept("p", Some("code"), Some(5)), "ACCEPT|p|code|5");
        assert_eq!(reject("p", None), "REJECT|p|");
        assert_eq!(complete("p", Some("done")), "COMPLETE|p|done");
        assert_eq!(dispute("p", "bad"), "DISPUTE|p|bad");
        assert_eq!(dispute_intent("p", "bad", "c0"), "DISPUTE_INTENT|p|bad|c0");
        assert_eq!(dispute_reveal("p", "n"), "DISPUTE_REVEAL|p|n");
        assert_eq!(arbiter_accept("d"), "ARBITER_ACCEPT|d");
        assert_eq!(arbiter_decline("d", Some("busy")), "ARBITER_DECLINE|d|busy");
        assert_eq!(arbiter_vote("d", "mutual"), "VOTE|d|mutual");
    }

    #[test]
    fn skills_are_hashed_as_javascript_writes_them() {
        let sent =
            r#"[ {"capability":"code_review", "description":"d", "rate":5.0, "currency":"TEST"} ]"#;
        let skills = json::parse(sent).unwrap().to_json();
        assert_eq!(
            register_skills(&skills),
            "REGISTER_SKILLS|8af7413ebde568457918abc0ad1693bf290cdeef5022d290224e291ce03d1104"
        );
    }
}
