//! What the parties have to say.

use agentchat_protocol::{
    json::{Object, Text, Value, utf16_len},
    sha256_hex, signing,
};

use crate::{
    frame::Frame,
    host::{Actor, Host},
    market::Market,
    record::{Dispute, Evidence, Phase, Record, Seat},
    refusal::{Code, Refusal},
    request::Testimony,
};

impl Market {
    pub(crate) fn testify(
        &mut self,
        now: i64,
        actor: &Actor,
        testimony: Testimony,
        host: &impl Host,
    ) -> Result<(), Refusal> {
        let mut dispute = self.dispute(&testimony.dispute_id)?.clone();
        if !dispute.is_party(&actor.id) {
            return Err(Code::DisputeNotParty.because("only its two parties can give evidence"));
        }
        let text = signing::evidence(&dispute.id, &testimony.signed);
        self.signed(now, actor, &text, &testimony.sig)?;
        let statement = host.redact(&testimony.statement);
        self.may_testify(now, &mut dispute, actor, &testimony, &statement)?;
        let count = testimony.items.len();
        let items = testimony.items.into_iter().map(hashed).collect();
        *given(&mut dispute, &actor.id) = Some(Evidence {
            items,
            statement,
            sig: testimony.sig.text,
        });
        self.state.put(Record::Dispute(Box::new(dispute.clone())));
        let frame = Frame::new("EVIDENCE_RECEIVED", now)
            .with("dispute_id", &dispute.id)
            .with("from", &actor.id)
            .with("items_count", count)
            .json();
        for party in dispute.parties() {
            self.state.send(party, &frame);
        }
        for slot in dispute.panel.iter().filter(|s| s.seat == Seat::Accepted) {
            self.state.send(&slot.agent, &frame);
        }
        Ok(())
    }

    fn may_testify(
        &self,
        now: i64,
        dispute: &mut Dispute,
        actor: &Actor,
        testimony: &Testimony,
        statement: &str,
    ) -> Result<(), Refusal> {
        let limits = &self.state.limits;
        let refuse = |text: &str| Err(Code::DisputeDeadlinePassed.because(text));
        if dispute.phase != Phase::Evidence || now >= dispute.until {
            return refuse("evidence is not taken now");
        }
        if given(dispute, &actor.id).is_some() {
            return refuse("you have given evidence, and once is all");
        }
        if testimony.items.len() > limits.evidence_items {
            let most = limits.evidence_items;
            return refuse(&format!("items has more than {most} items"));
        }
        if utf16_len(statement) > limits.statement {
            let most = limits.statement;
            return refuse(&format!("statement is longer than {most} characters"));
        }
        Ok(())
    }
}

fn given<'a>(dispute: &'a mut Dispute, agent: &str) -> &'a mut Option<Evidence> {
    match dispute.disputant == agent {
        true => &mut dispute.disputant_evidence,
        false => &mut dispute.respondent_evidence,
    }
}

/// An item with its `hash`: of its JSON with the sorted keys of the item itself, at every level.
fn hashed(item: Object) -> Object {
    let mut keys: Vec<Text> = item.iter().map(|(key, _)| key.clone()).collect();
    keys.sort_by(|a, b| a.as_str().encode_utf16().cmp(b.as_str().encode_utf16()));
    let keys: Vec<&Text> = keys.iter().collect();
    let item = Value::Object(item);
    let hash = sha256_hex(&item.to_json_of(&keys));
    match item {
        Value::Object(item) => item.well_formed().with("hash", hash),
        _ => Object::new(),
    }
}

#[cfg(test)]
mod tests {
    use agentchat_protocol::json;

    use super::*;

    fn hash_of(item: &str) -> Object {
        let Value::Object(item) = json::parse(item).unwrap() else {
            panic!("not an object");
        };
        hashed(item)
    }

    #[test]
    fn an_item_is_hashed_with_sorted_keys() {
        let item = hash_of(r#"{"label":"claim","kind":"other","value":"data"}"#);
        let hash = "48bdd358778208f1ca7e325349aaa6ca9677ecd19a32fcd5143d83c30ef87015";
        assert_eq!(item.get("hash"), Some(&hash.into()));
        assert_eq!(item.iter().count(), 4);
    }

    #[test]
    fn nested_keys_count_when_the_item_has_them_too() {
        let hash = |item: &str| {
            hash_of(item)
                .get("hash")
                .unwrap()
                .as_str()
                .unwrap()
                .to_owned()
        };
        assert_eq!(
            hash(r#"{"a":{"b":1,"x":2},"b":0}"#),
            sha256_hex(r#"{"a":{"b":1},"b":0}"#)
        );
        assert_eq!(
            hash(r#"{"b":0,"10":1,"2":1}"#),
            sha256_hex(r#"{"10":1,"2":1,"b":0}"#)
        );
    }
}
