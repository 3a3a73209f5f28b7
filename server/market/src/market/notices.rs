//! What everybody hears of proposals and skills.

use agentchat_protocol::json::{self, Object, Value};

use super::Market;
use crate::{effect::Effect, record::Proposal};

/// The most UTF-16 units of a task, or of the names of skills, that a notice repeats.
const SHOWN: usize = 300;

impl Market {
    pub(super) fn announce_proposal(&mut self, proposal: &Proposal) {
        let price = proposal.amount.map(|amount| {
            let currency = proposal.currency.as_deref().unwrap_or_default();
            format!(" for {} {currency}", json::number(amount))
                .trim_end()
                .to_owned()
        });
        let stake = proposal.elo_stake.map(|stake| format!(", stake {stake}"));
        let content = format!(
            "New proposal of {} to {}{}{}: {} [{}]",
            proposal.from,
            proposal.to,
            price.unwrap_or_default(),
            stake.unwrap_or_default(),
            shorten(&proposal.task),
            proposal.id
        );
        self.announce("#bounties", content, true);
    }

    pub(super) fn announce_claim(&mut self, proposal: &Proposal) {
        let (from, to, id) = (&proposal.from, &proposal.to, &proposal.id);
        let content = format!("{to} accepted the proposal of {from} [{id}]");
        self.announce("#bounties", content, true);
    }

    pub(super) fn announce_skills(&mut self, agent: &str, skills: &[Object]) {
        let names = skills.iter().filter_map(|skill| skill.get("capability"));
        let names: Vec<&str> = names.filter_map(Value::as_str).collect();
        let content = format!("{agent} can do: {}", shorten(&names.join(", ")));
        self.announce("#discovery", content, false);
    }

    fn announce(&mut self, channel: &'static str, content: String, kept: bool) {
        self.state.out.push(Effect::Announce {
            channel,
            content,
            kept,
        });
    }
}

fn shorten(text: &str) -> String {
    let mut left = SHOWN;
    let fits = |c: &char| {
        let fits = c.len_utf16() <= left;
        left -= c.len_utf16().min(left);
        fits
    };
    let short: String = text.chars().take_while(fits).collect();
    if short.len() < text.len() {
        format!("{short}…")
    } else {
        short
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_tasks_are_cut_at_a_character() {
        assert_eq!(shorten("task"), "task");
        let long = "😀".repeat(200);
        assert_eq!(shorten(&long), format!("{}…", "😀".repeat(150)));
    }
}
