//! Skills: registered, and searched for.

use std::cmp::Reverse;

use agentchat_protocol::{
    json::{Object, Value},
    signing,
};

use super::Market;
use crate::{
    frame::Frame,
    host::Actor,
    record::{Kind, Record, Registration},
    refusal::Refusal,
    request::{Query, Register},
};

impl Market {
    pub(super) fn register(
        &mut self,
        now: i64,
        actor: &Actor,
        register: Register,
    ) -> Result<(), Refusal> {
        let text = signing::register_skills(&register.signed);
        self.dealing(now, actor, &text, &register.sig)?;
        let count = register.skills.len();
        self.keep_registration(actor, now, register);
        let frame = Frame::new("SKILLS_REGISTERED", now)
            .with("agent_id", &actor.id)
            .with("skills_count", count)
            .with("registered_at", now)
            .json();
        self.state.send(&actor.id, &frame);
        if let Some(registration) = self.state.skills.get(&actor.id).cloned() {
            self.announce_skills(&actor.id, &registration.skills);
        }
        Ok(())
    }

    /// Keeps a registration; the oldest ones make place.
    fn keep_registration(&mut self, actor: &Actor, now: i64, register: Register) {
        let own = self.state.skills.get(&actor.id);
        let own = own.map_or(0, |own| own.skills.len());
        let most = self.state.limits.skills;
        while self.state.skill_count - own + register.skills.len() > most {
            let others = self.state.skills.values().filter(|r| r.agent != actor.id);
            let oldest = others.min_by_key(|r| r.registered_at);
            let Some(oldest) = oldest.map(|r| r.agent.clone()) else {
                break;
            };
            self.state.remove(Kind::Skills, &oldest);
        }
        self.state.put(Record::Skills(Registration {
            agent: actor.id.clone(),
            skills: register.skills,
            registered_at: now,
            sig: register.sig.text,
        }));
    }

    pub(super) fn search(&mut self, now: i64, actor: &Actor, query: Query) {
        let mut found: Vec<&Registration> = self.state.skills.values().collect();
        // Every skill of an agent counts with the agent's rating.
        let rating = |r: &Registration| self.state.elo_score(&r.agent).rating;
        found.sort_by_cached_key(|r| Reverse((rating(r), r.registered_at)));
        let (mut rows, mut total) = (vec![], 0_usize);
        for registration in found {
            for skill in registration.skills.iter().filter(|s| matches(s, &query)) {
                total += 1;
                if rows.len() < query.limit {
                    rows.push(self.row(registration, skill).into());
                }
            }
        }
        let frame = Frame::new("SEARCH_RESULTS", now)
            .with("query_id", query.id)
            .with("query", query.echo)
            .with("results", Value::Array(rows))
            .with("total", total)
            .json();
        self.state.send(&actor.id, &frame);
    }

    fn row(&self, registration: &Registration, skill: &Object) -> Object {
        let score = self.state.elo_score(&registration.agent);
        let transactions = i64::try_from(score.transactions).unwrap_or(i64::MAX);
        // Whatever a skill says of these is overwritten.
        skill
            .clone()
            .with("agent_id", &registration.agent)
            .with("registered_at", registration.registered_at)
            .with("agent_rating", score.rating)
            .with("agent_transactions", transactions)
            .with("skill_rating", score.rating)
            .with("skill_transactions", 0_i64)
            .with("skill_updated", Value::Null)
    }
}

/// Whether a skill is what the query asks for. A skill without a rate or a currency fits any.
fn matches(skill: &Object, query: &Query) -> bool {
    let lower = |key: &str| {
        skill
            .get(key)
            .and_then(Value::as_str)
            .map(str::to_lowercase)
    };
    let capability = query.capability.as_ref().is_none_or(|wanted| {
        lower("capability").is_some_and(|capability| capability.contains(wanted.as_str()))
    });
    let rate = query.max_rate.is_none_or(|most| match skill.get("rate") {
        None | Some(Value::Null) => true,
        Some(Value::Number(rate)) => *rate <= most,
        Some(Value::String(rate)) => rate.as_str().trim().parse().is_ok_and(|r: f64| r <= most),
        Some(_) => false,
    });
    let currency = query.currency.as_ref().is_none_or(|wanted| {
        let given = skill.get("currency").filter(|v| v.is_truthy());
        given.is_none() || lower("currency").as_ref() == Some(wanted)
    });
    capability && rate && currency
}
