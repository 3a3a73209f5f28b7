//! What agents have used up.

use agentchat_api::Agent;
use kube::ResourceExt;

use crate::get::columns;

/// A table with a total; empty when none of the agents has done anything.
pub fn table(agents: &[Agent], scripted: bool) -> String {
    let used = |agent: &Agent| {
        let usage = agent
            .status
            .as_ref()
            .and_then(|status| status.usage.as_ref());
        usage.is_some_and(|u| u.turns > 0 || u.tokens_in > 0 || u.tokens_out > 0)
    };
    if !agents.iter().any(used) {
        return String::new();
    }
    let heading = ["SPENT BY", "TURNS", "TOKENS IN", "TOKENS OUT", "COST"];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    let (mut turns, mut tokens_in, mut tokens_out, mut cost) = (0_u64, 0_u64, 0_u64, 0.0);
    let row = |name: String, turns: u64, tokens_in: u64, tokens_out: u64, cost: f64| {
        vec![
            name,
            turns.to_string(),
            tokens_in.to_string(),
            tokens_out.to_string(),
            format!("${cost:.4}"),
        ]
    };
    for agent in agents {
        let usage = agent
            .status
            .clone()
            .unwrap_or_default()
            .usage
            .unwrap_or_default();
        let own = usage
            .cost_usd
            .parse::<f64>()
            .ok()
            .filter(|c| c.is_finite())
            .unwrap_or(0.0);
        rows.push(row(
            agent.name_any(),
            usage.turns,
            usage.tokens_in,
            usage.tokens_out,
            own,
        ));
        turns = turns.saturating_add(usage.turns);
        tokens_in = tokens_in.saturating_add(usage.tokens_in);
        tokens_out = tokens_out.saturating_add(usage.tokens_out);
        cost += own;
    }
    rows.push(row("total".into(), turns, tokens_in, tokens_out, cost));
    let mut text = columns(&rows);
    if scripted {
        text.push_str("(a scripted model answered: nothing of this was paid)\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn there_is_a_total() {
        let agent = |name: &str, turns: u64| {
            let usage =
                json!({"turns": turns, "tokensIn": 10, "tokensOut": 1, "costUSD": "0.5000"});
            let value = json!({"apiVersion": agentchat_manifests::OWN_API, "kind": "Agent",
                "metadata": {"name": name}, "spec": {"mission": "x"}, "status": {"usage": usage}});
            serde_json::from_value::<Agent>(value).unwrap()
        };
        let text = table(&[agent("ada", 2), agent("sam", 3)], true);
        let total: Vec<_> = text.lines().nth(3).unwrap().split_whitespace().collect();
        assert_eq!(total, ["total", "5", "20", "2", "$1.0000"]);
        assert!(text.contains("scripted model") && table(&[], true).is_empty());
    }
}
