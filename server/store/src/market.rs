//! What the marketplace keeps: skills, proposals, stakes, ratings, disputes.

use agentchat_market::{Key, Kind, Record};
use rusqlite::params;

use crate::{error::StoreError, store::Store};

impl Store {
    /// Keeps a record of the marketplace, in the place of one with the same key.
    pub fn keep(&self, record: &Record) -> Result<(), StoreError> {
        let Key { kind, id } = record.key();
        let json = record.to_json().map_err(|error| {
            self.failed.set(Some(false));
            rusqlite::Error::ToSqlConversionFailure(Box::new(error))
        })?;
        self.write(
            "INSERT INTO market VALUES (?1, ?2, ?3) ON CONFLICT (kind, id) DO UPDATE SET json = ?3",
            params![kind.as_str(), id, json],
        )
        .map(drop)
    }

    /// Keeps a record of the marketplace no longer.
    pub fn discard(&self, key: &Key) -> Result<(), StoreError> {
        let values = [key.kind.as_str(), &key.id];
        self.write("DELETE FROM market WHERE kind = ?1 AND id = ?2", values)
            .map(drop)
    }

    /// All records of the marketplace. One that can't be read is damage: without it, stakes or votes would be lost in
    /// silence.
    pub fn market(&self) -> Result<Vec<Record>, StoreError> {
        let mut query = self
            .db
            .prepare("SELECT id, json FROM market WHERE kind = ?1 ORDER BY id")?;
        let mut records = vec![];
        for kind in Kind::ALL {
            let mut rows = query.query([kind.as_str()])?;
            while let Some(row) = rows.next()? {
                let (id, json): (String, String) = (row.get(0)?, row.get(1)?);
                let record = Record::from_json(kind, &json);
                let damaged = |error| format!("the {} record {id}: {error}", kind.as_str());
                records.push(record.map_err(|e| StoreError::Damaged(damaged(e)))?);
            }
        }
        Ok(records)
    }
}

#[cfg(test)]
mod tests {
    use agentchat_market::{
        Dispute, Escrow, EscrowStatus, Evidence, Pair, Phase, Proposal, Rating, Registration, Seat,
        Side, Slot, Stake, Status,
    };
    use agentchat_protocol::json::{Object, Value, parse};

    use super::*;

    fn object(json: &str) -> Object {
        match parse(json).unwrap() {
            Value::Object(object) => object,
            _ => panic!("not an object"),
        }
    }

    fn rating(agent: &str, rating: i64) -> Record {
        Record::Rating(Rating {
            agent: agent.into(),
            rating,
            transactions: 3,
            updated_at: Some(7),
        })
    }

    /// One of each kind, in the order in which they are read, with nothing left out.
    fn all() -> Vec<Record> {
        let stake = |agent: &str, stake| Stake {
            agent_id: agent.into(),
            stake,
        };
        let evidence = Evidence {
            items: vec![object(r#"{"b":1e-7,"2":"ä\u0000","hash":"h"}"#)],
            statement: "s".into(),
            sig: "sig".into(),
        };
        let slot = Slot {
            agent: "@c".into(),
            seat: Seat::Voted,
            verdict: Some(Side::Mutual),
            reasoning: Some("because".into()),
        };
        vec![
            rating("@a", 1234),
            Record::Skills(Registration {
                agent: "@a".into(),
                skills: vec![object(
                    r#"{"capability":"c","rate":0.30000000000000004,"a":[1]}"#,
                )],
                registered_at: 5,
                sig: "sig".into(),
            }),
            Record::Proposal(Box::new(Proposal {
                id: "prop_1".into(),
                from: "@a".into(),
                to: "@b".into(),
                task: "t".into(),
                amount: Some(0.1 + 0.2),
                currency: Some("SOL".into()),
                payment_code: Some("p".into()),
                terms: Some("terms".into()),
                capability: Some("c".into()),
                expires: Some(9),
                status: Status::Completed,
                created_at: 1,
                updated_at: 2,
                sig: "sig".into(),
                elo_stake: Some(5),
                acceptor_stake: 6,
                ended_by: Some("@a".into()),
                ended_with: Some("proof".into()),
            })),
            Record::Escrow(Escrow {
                proposal_id: "prop_1".into(),
                created_at: 1,
                from: stake("@a", 5),
                to: stake("@b", 6),
                status: EscrowStatus::Settled,
                expires_at: Some(9),
                settled_at: Some(2),
                settlement_reason: Some("completed".into()),
            }),
            Record::Dispute(Box::new(Dispute {
                id: "disp_1".into(),
                proposal_id: "prop_1".into(),
                disputant: "@a".into(),
                respondent: "@b".into(),
                reason: "r".into(),
                commitment: "c".into(),
                server_nonce: "n".into(),
                seed: Some("s".into()),
                phase: Phase::Deliberation,
                until: 12,
                created_at: 3,
                panel: vec![slot],
                disputant_evidence: Some(evidence),
                respondent_evidence: None,
                verdict: None,
            })),
            Record::Pair(Pair {
                a: "@a".into(),
                b: "@b".into(),
                count: 2,
                last: 4,
            }),
        ]
    }

    #[test]
    fn records_are_there_after_reopening_to_the_digit() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("chat.db");
        {
            let store = Store::open(&path).unwrap();
            for record in all() {
                store.keep(&record).unwrap();
            }
        }
        assert_eq!(Store::open(&path).unwrap().market().unwrap(), all());
    }

    #[test]
    fn a_record_takes_the_place_of_the_older_one_until_it_is_discarded() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("chat.db")).unwrap();
        store.keep(&rating("@a", 1200)).unwrap();
        store.keep(&rating("@b", 1200)).unwrap();
        store.keep(&rating("@a", 1208)).unwrap();
        let both = [rating("@a", 1208), rating("@b", 1200)];
        assert_eq!(store.market().unwrap(), both);
        let escrow = Key {
            kind: Kind::Escrow,
            id: "@a".into(),
        };
        store.discard(&escrow).unwrap();
        assert_eq!(
            store.market().unwrap(),
            both,
            "another kind's id is another"
        );
        store.discard(&rating("@a", 0).key()).unwrap();
        assert_eq!(store.market().unwrap(), [rating("@b", 1200)]);
    }

    #[test]
    fn records_of_a_batch_are_stored_with_its_messages_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("chat.db")).unwrap();
        store.begin().unwrap();
        store.keep(&rating("@a", 1200)).unwrap();
        store
            .write("INSERT INTO nowhere VALUES (1)", [])
            .unwrap_err();
        store.commit().unwrap_err();
        assert_eq!(store.market().unwrap(), []);
    }

    #[test]
    fn a_record_that_cannot_be_read_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("chat.db")).unwrap();
        let broken = ["proposal", "prop_1", "{}"];
        store
            .write("INSERT INTO market VALUES (?1, ?2, ?3)", broken)
            .unwrap();
        let error = store.market().unwrap_err().to_string();
        assert!(error.contains("the proposal record prop_1"), "{error}");
    }
}
