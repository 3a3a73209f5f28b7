//! What agents have used up.

use agentchat_api::Agent;
use kube::ResourceExt;

use crate::get::columns;

/// A table with a total; empty when none of the agents has done anything.
pub fn table(agents: &[Agent], scripted: bool) -> String {
    let heading = ["SPENT BY", "TURNS", "TOKENS IN", "TOKENS OUT", "COST"];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    let (mut total, mut total_cost) = ([0_u64; 3], 0.0);
    let mut row = |name: String, counts: [u64; 3], cost: f64| {
        let counts = counts.map(|n| n.to_string());
        rows.push([&[name], &counts[..], &[format!("${cost:.4}")]].concat());
    };
    for agent in agents {
        let usage = agent
            .status
            .as_ref()
            .and_then(|status| status.usage.clone());
        let usage = usage.unwrap_or_default();
        let counts = [usage.turns, usage.tokens_in, usage.tokens_out];
        let cost = usage.cost_usd.parse::<f64>().ok().filter(|c| c.is_finite());
        row(agent.name_any(), counts, cost.unwrap_or(0.0));
        total = std::array::from_fn(|i| total[i].saturating_add(counts[i]));
        total_cost += cost.unwrap_or(0.0);
    }
    row("total".into(), total, total_cost);
    if total == [0; 3] {
        return String::new();
    }
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
    fn usage_table_has_a_total() {
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
