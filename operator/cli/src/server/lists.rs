//! The allowlist and the bans.

use anyhow::Result;
use k8s_openapi::jiff::Timestamp;
use serde_json::json;

use super::moderator::Moderator;
use crate::{
    get::{columns, short},
    output::say,
};

impl Moderator<'_> {
    pub(super) async fn show_allowed(&self) -> Result<()> {
        let all = self.admin.allowed().await;
        let all = all.map_err(|error| self.refused(error))?;
        if all.is_empty() && self.form.is_none() {
            say("no key is on the allowlist");
            return Ok(());
        }
        let items: Vec<_> = all
            .iter()
            .map(|a| {
                json!({"agentId": a.agent_id, "approvedAt": a.approved_at, "note": a.note,
                    "publicKeyPrefix": a.pubkey_prefix})
            })
            .collect();
        let ids: Vec<_> = all.iter().map(|a| a.agent_id.as_str()).collect();
        self.show(&json!({"items": items}), &ids.join("\n"), || {
            let mut rows = vec![["AGENT", "AGE", "NOTE"].map(str::to_owned).to_vec()];
            let row =
                |(id, at, text): (&String, i64, &String)| vec![id.clone(), age(at), text.clone()];
            rows.extend(
                all.iter()
                    .map(|a| row((&a.agent_id, a.approved_at, &a.note))),
            );
            columns(&rows)
        })
    }

    pub(super) async fn show_bans(&self) -> Result<()> {
        let all = self.admin.bans().await;
        let all = all.map_err(|error| self.refused(error))?;
        if all.is_empty() && self.form.is_none() {
            say("nobody is banned");
            return Ok(());
        }
        let items: Vec<_> = all
            .iter()
            .map(|b| json!({"agentId": b.agent_id, "bannedAt": b.banned_at, "reason": b.reason}))
            .collect();
        let ids: Vec<_> = all.iter().map(|b| b.agent_id.as_str()).collect();
        self.show(&json!({"items": items}), &ids.join("\n"), || {
            let mut rows = vec![["AGENT", "AGE", "REASON"].map(str::to_owned).to_vec()];
            let row = |b: &agentchat_client::Banned| {
                vec![b.agent_id.clone(), age(b.banned_at), b.reason.clone()]
            };
            rows.extend(all.iter().map(row));
            columns(&rows)
        })
    }
}

/// How long ago, when that is known.
fn age(at_ms: i64) -> String {
    match at_ms {
        0 => String::new(),
        at => short(Timestamp::now().as_second() - at / 1000),
    }
}
