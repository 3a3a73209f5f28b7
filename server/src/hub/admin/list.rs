//! The allowlist and the bans, in pages.
//!
//! Additional to the protocol are `after`, `limit` and `what: "bans"` of a request, and `next` of an answer: with
//! it as `after`, the next request goes on. A client that knows nothing of pages gets the first one, and that is
//! everything as long as it fits into a frame.

use agentchat_protocol::agent_id;
use serde_json::{Map, Value, json};

use super::Key;
use crate::{
    frame::{Refusal, invalid, make},
    hub::{Hub, storage::storage},
};

/// Entries of a page.
const ENTRIES: usize = 4096;
/// Bytes of its entries. Clients take frames of 2 MiB and more.
const BYTES: usize = 1024 * 1024;

/// What is asked for.
struct Page {
    bans: bool,
    after: i64,
    most: usize,
}

impl Page {
    fn read(fields: &Map<String, Value>) -> Result<Self, Refusal> {
        let field = |name| fields.get(name).filter(|value| !value.is_null());
        let bans = match field("what").map(Value::as_str) {
            None | Some(Some("allowed")) => false,
            Some(Some("bans")) => true,
            _ => return Err(invalid("what must be \"allowed\" or \"bans\"")),
        };
        let position = |value: &Value| value.as_str()?.parse().ok();
        let after = field("after").map_or(Some(0), position);
        let after = after.ok_or_else(|| invalid("after must be the next of an earlier page"))?;
        let count = |value: &Value| usize::try_from(value.as_u64()?).ok();
        let most = field("limit").map_or(Some(ENTRIES), count);
        let most = most.filter(|most| *most > 0);
        let most = most.ok_or_else(|| invalid("limit must be a whole number above 0"))?;
        Ok(Self {
            bans,
            after,
            most: most.min(ENTRIES),
        })
    }

    /// The entries that fit, and where the next page begins.
    fn fill(&self, found: Vec<(i64, Value)>) -> (Vec<Value>, Option<String>) {
        let (mut entries, mut bytes, mut last) = (vec![], 0, self.after);
        for (position, entry) in found {
            bytes += entry.to_string().len();
            if entries.len() == self.most || (bytes > BYTES && !entries.is_empty()) {
                return (entries, Some(last.to_string()));
            }
            entries.push(entry);
            last = position;
        }
        (entries, None)
    }
}

impl Hub {
    /// Answers ADMIN_LIST.
    pub(in crate::hub) fn list(
        &mut self,
        id: u64,
        fields: &Map<String, Value>,
    ) -> Result<(), Refusal> {
        let page = Page::read(fields)?;
        // One more than asked for tells whether that is all.
        let (after, most) = (page.after, page.most + 1);
        let mut result = if page.bans {
            self.check_admin(id, fields, Key::Allowlist)?;
            let found = self.store.bans_after(after, most).map_err(storage)?;
            let entry = |(position, ban): (i64, agentchat_store::Ban)| {
                let agent = format!("@{}", ban.agent);
                let entry = json!({"agentId": agent, "reason": ban.reason, "bannedAt": ban.at});
                (position, entry)
            };
            let (entries, next) = page.fill(found.into_iter().map(entry).collect());
            json!({"action": "list", "what": "bans", "entries": entries, "next": next})
        } else {
            self.check_allowlist(id, fields)?;
            let found = self.store.allowed_after(after, most).map_err(storage)?;
            let entry = |(position, allowed): (i64, agentchat_store::Allowed)| {
                let prefix: String = allowed.pubkey.chars().take(40).collect();
                let agent = format!("@{}", agent_id(&allowed.pubkey));
                let entry = json!({"agentId": agent, "pubkeyPrefix": format!("{prefix}..."),
                    "approvedAt": allowed.approved_at, "note": allowed.note});
                (position, entry)
            };
            let (entries, next) = page.fill(found.into_iter().map(entry).collect());
            let strict = self.settings.allowlist.strict;
            json!({"action": "list", "entries": entries, "enabled": true, "strict": strict,
                "next": next})
        };
        if let Some(fields) = result.as_object_mut()
            && fields["next"].is_null()
        {
            fields.remove("next");
        }
        self.tell(id, &make("ADMIN_RESULT", result));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(fields: Value) -> Result<Page, Refusal> {
        Page::read(fields.as_object().unwrap())
    }

    #[test]
    fn a_page_ends_before_it_is_too_large_and_the_next_goes_on_there() {
        let whole = page(json!({})).unwrap();
        let large = |position: i64| (position, Value::String("x".repeat(BYTES / 2 - 100)));
        let (entries, next) = whole.fill(vec![large(3), large(5), large(8)]);
        assert_eq!((entries.len(), next.as_deref()), (2, Some("5")));
        // One that is too large by itself is still told.
        let (entries, next) = whole.fill(vec![(3, "x".repeat(2 * BYTES).into()), large(5)]);
        assert_eq!((entries.len(), next.as_deref()), (1, Some("3")));
        let short = page(json!({"limit": 2, "after": "3"})).unwrap();
        let small = |position: i64| (position, json!(position));
        let (entries, next) = short.fill(vec![small(5), small(8), small(9)]);
        assert_eq!(
            (entries, next.as_deref()),
            (vec![json!(5), json!(8)], Some("8"))
        );
        assert_eq!(short.fill(vec![small(9)]), (vec![json!(9)], None));
    }

    #[test]
    fn what_is_no_page_is_refused() {
        for fields in [
            json!({"after": 3}),
            json!({"after": "x"}),
            json!({"limit": 0}),
            json!({"limit": -1}),
            json!({"what": "keys"}),
            json!({"what": 3}),
        ] {
            assert!(page(fields.clone()).is_err(), "{fields}");
        }
        assert!(page(json!({"after": null, "limit": null, "what": null})).is_ok());
    }
}
