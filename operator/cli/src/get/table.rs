//! Tables, in columns as wide as what is in them.

use agentchat_api::{Agent, ConditionType, Node, find_condition};
use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta},
    jiff::Timestamp,
};
use kube::ResourceExt;

use crate::output::plain_line;

/// Agents.
pub fn agents(all: &[Agent]) -> String {
    if all.is_empty() {
        return "no Agents\n".into();
    }
    let mut rows = vec![row([
        "NAMESPACE",
        "NAME",
        "PHASE",
        "READY",
        "ACTIVITY",
        "RESTARTS",
        "TURNS",
        "COST",
        "AGE",
        "MESSAGE",
    ])];
    for agent in all {
        let status = agent.status.clone().unwrap_or_default();
        let usage = status.usage.clone().unwrap_or_default();
        let cost = Some(usage.cost_usd).filter(|cost| !cost.is_empty());
        let (ready, message) = ready(&status.conditions);
        rows.push(vec![
            agent.namespace().unwrap_or_default(),
            agent.name_any(),
            format!("{:?}", status.phase.unwrap_or_default()),
            ready,
            status.activity.map(|a| a.state).unwrap_or_default(),
            status.restarts.unwrap_or(0).to_string(),
            usage.turns.to_string(),
            cost.map_or(String::new(), |cost| format!("${cost}")),
            age(&agent.metadata),
            message,
        ]);
    }
    // Columns that say nothing are left out.
    if rows[1..]
        .iter()
        .all(|row| row.last().is_some_and(String::is_empty))
    {
        rows.iter_mut().for_each(|row| drop(row.pop()));
    }
    if rows[1..].iter().all(|row| row[0] == "default") {
        rows.iter_mut().for_each(|row| drop(row.remove(0)));
    }
    columns(&rows)
}

/// Nodes.
pub fn nodes(all: &[Node]) -> String {
    if all.is_empty() {
        return "no Nodes\n".into();
    }
    let mut rows = vec![row([
        "NAME", "ROLE", "PHASE", "AGENTS", "PODMAN", "AGE", "MESSAGE",
    ])];
    for node in all {
        let status = node.status.clone().unwrap_or_default();
        rows.push(vec![
            node.name_any(),
            format!("{:?}", node.spec.role),
            format!("{:?}", status.phase.unwrap_or_default()),
            status.agents.map(|n| n.to_string()).unwrap_or_default(),
            status
                .node_info
                .map(|info| info.podman_version)
                .unwrap_or_default(),
            age(&node.metadata),
            ready(&status.conditions).1,
        ]);
    }
    columns(&rows)
}

fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

/// Whether an object is Ready; if not, with the reason, and the message beside it.
fn ready(conditions: &[Condition]) -> (String, String) {
    match find_condition(conditions, ConditionType::Ready) {
        Some(c) if c.status == "True" => (c.status.clone(), String::new()),
        Some(c) => (format!("{} ({})", c.status, c.reason), c.message.clone()),
        None => ("Unknown".into(), String::new()),
    }
}

fn age(meta: &ObjectMeta) -> String {
    let Some(made) = &meta.creation_timestamp else {
        return String::new();
    };
    short(Timestamp::now().as_second() - made.0.as_second())
}

/// A span in seconds in its largest unit or two, as kubectl shows it.
pub fn short(seconds: i64) -> String {
    match seconds.max(0) {
        s @ 0..120 => format!("{s}s"),
        s @ 120..600 => format!("{}m{}s", s / 60, s % 60),
        s @ 600..10_800 => format!("{}m", s / 60),
        s @ 10_800..172_800 => format!("{}h", s / 3600),
        s => format!("{}d", s / 86_400),
    }
}

/// Rows in columns; the first is the heading.
pub fn columns(rows: &[Vec<String>]) -> String {
    let cell = |text: &String| plain_line(&text.replace('\n', " "));
    let mut widths: Vec<usize> = vec![];
    for row in rows {
        widths.resize(row.len().max(widths.len()), 0);
        for (width, text) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell(text).chars().count());
        }
    }
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (width, text) in widths.iter().zip(row) {
            line.push_str(&format!("{:width$}   ", cell(text)));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn table_names_what_is_not_ready() {
        let agent = |name: &str, status: serde_json::Value| {
            let value = json!({"apiVersion": agentchat_manifests::OWN_API, "kind": "Agent",
                "metadata": {"name": name, "namespace": "default"}, "spec": {"mission": "x"}, "status": status});
            serde_json::from_value::<Agent>(value).unwrap()
        };
        let condition = json!({"type": "Ready", "status": "False", "reason": "SecretNotFound",
            "message": "m", "lastTransitionTime": "2024-01-01T00:00:00Z"});
        let usage = json!({"turns": 3, "tokensIn": 1, "tokensOut": 1, "costUSD": "0.0120"});
        let text = agents(&[
            agent(
                "ada",
                json!({"phase": "Pending", "conditions": [condition]}),
            ),
            agent("samantha", json!({"phase": "Listening", "usage": usage})),
        ]);
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[0].starts_with("NAME       PHASE"), "{text}");
        assert!(lines[1].contains("False (SecretNotFound)"), "{text}");
        assert!(
            lines[2].contains("Listening") && lines[2].contains("$0.0120"),
            "{text}"
        );
        assert_eq!(agents(&[]), "no Agents\n");
    }

    #[test]
    fn age_is_shown_in_its_largest_units() {
        for (seconds, text) in [
            (-5, "0s"),
            (61, "61s"),
            (125, "2m5s"),
            (3600, "60m"),
            (90_000, "25h"),
            (200_000, "2d"),
        ] {
            assert_eq!(short(seconds), text);
        }
    }
}
