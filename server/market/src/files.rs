//! The files in which other servers of the protocol keep ratings, stakes and skills: written and read.
//!
//! They hold neither proposals nor disputes. So stakes that were active in a file are given back when it is read: no
//! deal is left that could end them.

use agentchat_protocol::json::{self, Object, Value};

use crate::{
    elo::FLOOR,
    record::{Escrow, EscrowStatus, Rating, Record, Registration, Stake},
};

/// Why a file could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// Not JSON.
    #[error("{file} can't be read")]
    Json {
        /// Which file.
        file: &'static str,
        /// Why.
        source: json::ParseError,
    },
    /// Not one JSON object.
    #[error("{0} must be one JSON object, an entry for each id")]
    Shape(&'static str),
    /// An entry is not what it must be.
    #[error("{file}: the entry {id:?} needs {needed}")]
    Entry {
        /// Which file.
        file: &'static str,
        /// Which entry.
        id: String,
        /// What it must have.
        needed: &'static str,
    },
}

/// The files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum File {
    /// `{"@id": {rating, transactions, updated}}`.
    Ratings,
    /// `{"<proposal id>": escrow}`.
    Escrows,
    /// `{"<id without @>": {agent_id, skills, registered_at, sig}}`.
    Skills,
}

impl File {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Ratings, Self::Escrows, Self::Skills];

    /// Its name in the folder `.agentchat`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ratings => "ratings.json",
            Self::Escrows => "escrows.json",
            Self::Skills => "skills.json",
        }
    }

    /// The file's text, of those records that belong into it.
    #[must_use]
    pub fn write(self, records: &[Record]) -> String {
        let mut all = Object::new();
        let entries = records.iter().filter_map(|record| match (self, record) {
            (Self::Ratings, Record::Rating(rating)) => Some((rating.agent.as_str(), rated(rating))),
            (Self::Escrows, Record::Escrow(escrow)) => {
                Some((escrow.proposal_id.as_str(), staked(escrow)))
            }
            (Self::Skills, Record::Skills(skills)) => {
                let id = skills.agent.trim_start_matches('@');
                Some((id, registered(skills)))
            }
            _ => None,
        });
        for (id, entry) in entries {
            all.push(id, entry);
        }
        Value::Object(all).to_json()
    }

    /// The records in a file's text.
    pub fn read(self, text: &str) -> Result<Vec<Record>, FileError> {
        let file = self.name();
        let value = json::parse(text).map_err(|source| FileError::Json { file, source })?;
        let Value::Object(entries) = value.well_formed() else {
            return Err(FileError::Shape(file));
        };
        let record = |(id, entry): (&json::Text, &Value)| {
            let id = id.as_str();
            let entry = entry.as_object();
            let (found, needed) = match self {
                Self::Ratings => (entry.and_then(|e| rating(id, e)), "rating and transactions"),
                Self::Escrows => (entry.and_then(|e| escrow(id, e)), "from, to and status"),
                Self::Skills => (entry.and_then(skills), "agent_id, skills and registered_at"),
            };
            let id = id.to_owned();
            found.ok_or(FileError::Entry { file, id, needed })
        };
        entries.iter().map(record).collect()
    }
}

fn rated(rating: &Rating) -> Object {
    Object::new()
        .with("rating", rating.rating)
        .with(
            "transactions",
            i64::try_from(rating.transactions).unwrap_or(i64::MAX),
        )
        .with("updated", rating.updated_at.map(iso))
}

fn rating(agent: &str, entry: &Object) -> Option<Record> {
    // A rating that was spoilt by a price that is no number is null.
    let rating = match entry.get("rating")? {
        Value::Null => crate::elo::START,
        value => whole(value)?,
    };
    let transactions = whole(entry.get("transactions")?)?;
    Some(Record::Rating(Rating {
        agent: Some(agent)
            .filter(|agent| agent.starts_with('@'))?
            .to_owned(),
        rating: rating.max(FLOOR),
        transactions: transactions.try_into().ok()?,
        updated_at: entry.get("updated").and_then(time),
    }))
}

fn staked(escrow: &Escrow) -> Object {
    let side = |stake: &Stake| {
        Object::new()
            .with("agent_id", &stake.agent_id)
            .with("stake", stake.stake)
    };
    let status = match escrow.status {
        EscrowStatus::Active => "active",
        EscrowStatus::Released => "released",
        EscrowStatus::Settled => "settled",
    };
    Object::new()
        .with("proposal_id", &escrow.proposal_id)
        .with("created_at", escrow.created_at)
        .with("from", side(&escrow.from))
        .with("to", side(&escrow.to))
        .with("status", status)
        .with("expires_at", escrow.expires_at)
        .with("settled_at", escrow.settled_at)
        .with("settlement_reason", escrow.settlement_reason.as_deref())
}

fn escrow(id: &str, entry: &Object) -> Option<Record> {
    let side = |key: &str| {
        let side = entry.get(key)?.as_object()?;
        Some(Stake {
            agent_id: side.get("agent_id")?.as_str()?.to_owned(),
            stake: whole(side.get("stake")?)?.max(0),
        })
    };
    let reason = entry.get("settlement_reason").and_then(Value::as_str);
    let (status, reason) = match entry.get("status")?.as_str()? {
        "active" => (EscrowStatus::Released, Some("its proposal was not kept")),
        "released" => (EscrowStatus::Released, reason),
        "settled" => (EscrowStatus::Settled, reason),
        _ => return None,
    };
    Some(Record::Escrow(Escrow {
        proposal_id: id.to_owned(),
        created_at: entry.get("created_at").and_then(time).unwrap_or(0),
        from: side("from")?,
        to: side("to")?,
        status,
        expires_at: entry.get("expires_at").and_then(time),
        settled_at: entry.get("settled_at").and_then(time),
        settlement_reason: reason.map(str::to_owned),
    }))
}

fn registered(registration: &Registration) -> Object {
    let skills = registration.skills.iter().cloned().map(Value::Object);
    Object::new()
        .with("agent_id", &registration.agent)
        .with("skills", Value::Array(skills.collect()))
        .with("registered_at", registration.registered_at)
        .with("sig", &registration.sig)
}

fn skills(entry: &Object) -> Option<Record> {
    let agent = entry.get("agent_id")?.as_str()?;
    let skills = entry.get("skills")?.as_array()?.iter();
    let skill = |skill: &Value| {
        let skill = skill.as_object()?;
        let capable = skill.get("capability").and_then(Value::as_str).is_some();
        capable.then(|| skill.clone())
    };
    Some(Record::Skills(Registration {
        agent: Some(agent)
            .filter(|agent| agent.starts_with('@'))?
            .to_owned(),
        skills: skills.map(skill).collect::<Option<_>>()?,
        registered_at: time(entry.get("registered_at")?)?,
        sig: entry
            .get("sig")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned(),
    }))
}

/// A number, rounded; none when it is too large to be one of ours.
#[expect(clippy::cast_possible_truncation, reason = "bounded to what is exact")]
fn whole(value: &Value) -> Option<i64> {
    let number = value.as_number()?.round();
    (number.abs() <= 9_007_199_254_740_991.0).then_some(number as i64)
}

/// A time, in milliseconds or as ISO 8601.
fn time(value: &Value) -> Option<i64> {
    let text = value
        .as_str()
        .and_then(|text| text.parse::<jiff::Timestamp>().ok());
    text.map(jiff::Timestamp::as_millisecond)
        .or_else(|| whole(value))
}

/// A time as JavaScript writes it.
fn iso(ms: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(ms).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written of what was read.
    fn again(file: File, text: &str) -> String {
        file.write(&file.read(text).unwrap())
    }

    #[test]
    fn what_other_servers_write_is_read_and_written_the_same() {
        let ratings = r#"{"@0123456789abcdef":{"rating":1208,"transactions":1,"updated":"2024-07-11T01:14:00.000Z"},"@b":{"rating":100,"transactions":0,"updated":null}}"#;
        assert_eq!(again(File::Ratings, ratings), ratings);
        let escrows = r#"{"prop_1":{"proposal_id":"prop_1","created_at":1,"from":{"agent_id":"@a","stake":5},"to":{"agent_id":"@b","stake":0},"status":"settled","expires_at":null,"settled_at":7,"settlement_reason":"completed"}}"#;
        assert_eq!(again(File::Escrows, escrows), escrows);
        let skills = r#"{"a":{"agent_id":"@a","skills":[{"capability":"c","rate":0.1,"z":{"1":null}}],"registered_at":5,"sig":"s"}}"#;
        assert_eq!(again(File::Skills, skills), skills);
    }

    #[test]
    fn what_was_spoilt_is_mended() {
        let ratings = r#"{"@a":{"rating":null,"transactions":3,"skills":{}},"@b":{"rating":-20,"transactions":1}}"#;
        assert_eq!(
            again(File::Ratings, ratings),
            r#"{"@a":{"rating":1200,"transactions":3,"updated":null},"@b":{"rating":100,"transactions":1,"updated":null}}"#
        );
        let escrow = r#"{"p":{"from":{"agent_id":"@a","stake":5},"to":{"agent_id":"@b","stake":0},"status":"active"}}"#;
        assert!(again(File::Escrows, escrow).contains(r#""status":"released""#));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let error = |file: File, text: &str| file.read(text).unwrap_err().to_string();
        assert_eq!(error(File::Skills, "{"), "skills.json can't be read");
        assert_eq!(
            error(File::Skills, "[]"),
            "skills.json must be one JSON object, an entry for each id"
        );
        for entry in [
            "null",
            "{}",
            r#"{"rating":"x","transactions":0}"#,
            r#"{"rating":1,"transactions":-1}"#,
        ] {
            assert_eq!(
                error(File::Ratings, &format!(r#"{{"@a":{entry}}}"#)),
                "ratings.json: the entry \"@a\" needs rating and transactions"
            );
        }
        assert!(
            File::Skills
                .read(r#"{"a":{"agent_id":"a","skills":[],"registered_at":1}}"#)
                .is_err()
        );
        assert!(File::Escrows.read(r#"{"p":{"status":"active"}}"#).is_err());
    }
}
