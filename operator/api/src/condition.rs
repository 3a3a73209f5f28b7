//! Conditions: typed statements about a resource, with the time of their last change.

use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::{Condition, Time},
    jiff::Timestamp,
};

/// Sets a condition in `conditions`; its transition time moves only when its status does.
pub fn condition(
    conditions: &mut Vec<Condition>,
    (type_, status): (&str, Option<bool>),
    (reason, message): (&str, &str),
    (generation, now): (Option<i64>, Timestamp),
) {
    let status = match status {
        Some(true) => "True",
        Some(false) => "False",
        None => "Unknown",
    };
    let fresh = Condition {
        type_: type_.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message: message.to_owned(),
        observed_generation: generation,
        last_transition_time: Time(now),
    };
    match conditions.iter_mut().find(|c| c.type_ == type_) {
        Some(old) => {
            let since = if old.status == fresh.status {
                old.last_transition_time.clone()
            } else {
                fresh.last_transition_time.clone()
            };
            *old = Condition {
                last_transition_time: since,
                ..fresh
            };
        }
        None => conditions.push(fresh),
    }
}

/// Whether the condition `type_` is there and `True`.
pub fn is_true(conditions: &[Condition], type_: &str) -> bool {
    conditions
        .iter()
        .any(|c| c.type_ == type_ && c.status == "True")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_transition_time_moves_only_with_the_status() {
        let at = |s| Timestamp::from_second(s).unwrap();
        let mut conditions = vec![];
        condition(
            &mut conditions,
            ("Ready", Some(false)),
            ("Starting", ""),
            (Some(1), at(1)),
        );
        condition(
            &mut conditions,
            ("Ready", Some(false)),
            ("Waiting", "x"),
            (Some(2), at(2)),
        );
        assert_eq!(conditions[0].last_transition_time, Time(at(1)));
        assert_eq!(conditions[0].reason, "Waiting");
        assert!(!is_true(&conditions, "Ready"));
        condition(
            &mut conditions,
            ("Ready", Some(true)),
            ("Ready", ""),
            (Some(2), at(3)),
        );
        assert_eq!(conditions[0].last_transition_time, Time(at(3)));
        assert!(is_true(&conditions, "Ready"));
        assert_eq!(conditions.len(), 1);
    }
}
