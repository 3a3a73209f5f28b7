//! Conditions: typed statements about a resource, their types and reasons, and the time of their last change.

use std::{borrow::Cow, fmt};

use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::{Condition, Time},
    jiff::Timestamp,
};

/// Declares an enum whose variants are words of the API, each with what it means.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($word:ident: $meaning:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $(#[doc = $meaning] $word,)+
        }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$word,)+];

            /// As it stands in the API.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$word => stringify!($word),)+ }
            }

            /// What it means, in a sentence for people.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$word => $meaning,)+ }
            }

            /// From the word in the API; `None` when it is another one, for example one that a container reported.
            #[must_use]
            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.as_str() == word)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl From<$name> for Cow<'static, str> {
            fn from(word: $name) -> Self {
                Cow::Borrowed(word.as_str())
            }
        }
    };
}

words! {
    /// What a condition speaks of.
    ConditionType {
        Scheduled: "The Agent was placed on a Node.",
        SecretsReady: "The Secrets that the Agent needs are there.",
        ImageReady: "The image is on the engine.",
        ContainerRunning: "The Agent's container runs.",
        ChatConnected: "The Agent is connected to its chat server.",
        PodmanReachable: "The Node's container engine answers.",
        ServerReady: "The Node's chat server answers, and has its channels.",
        Ready: "Everything is as the manifest says.",
    }
}

words! {
    /// Why a condition has its status.
    Reason {
        Abandoned: "What is on an unreachable Node was given up by an annotation.",
        Answering: "The chat server answers.",
        ApiRefused: "The API refused a change for good; the manifest must change.",
        AuthenticationRefused: "The model refused the credential.",
        BackingOff: "The container ended and is started again after a delay.",
        BudgetExhausted: "A limit of the manifest is reached.",
        ChatServerFailed: "The chat server refused or did not answer.",
        Completed: "The agent has nothing left to do.",
        ConfigMapNotFound: "A ConfigMap, or a key of one, does not exist.",
        Connected: "The agent is connected.",
        Connecting: "The connection is being made.",
        Converging: "The container is being brought to what the manifest says.",
        Deleting: "The object is being deleted.",
        DeletionFailed: "Something that belongs to the object could not be removed; it is tried again.",
        Draining: "The Node is still used; it is deleted when nobody uses it any more.",
        EngineConnecting: "The engine of the Node has not answered yet.",
        EngineRefused: "The container engine refused what was asked.",
        EngineTimedOut: "The container engine did not carry out in time what was asked.",
        EngineUnreachable: "The container engine does not answer: nothing is known.",
        Error: "The program failed; another try may succeed.",
        Fatal: "The program failed in a way that another try can't mend.",
        Found: "What is needed was found.",
        IdentityRequired: "The chat server admits approved keys only, and the agent has none.",
        ImageNotFound: "The image is not on the engine.",
        InvalidObject: "The stored object can't be read as what it says to be.",
        InvalidSpec: "The manifest contradicts itself.",
        MachineUnsupported: "This release can't use such a machine.",
        NoNode: "No Node of role Client can take the agent.",
        NoReport: "The container runs, but its supervisor reports nothing.",
        NodeNotFound: "The Node that the manifest names does not exist.",
        NodeNotUsable: "The Node that the manifest names can't take the agent.",
        NotAnswering: "The chat server does not answer.",
        Placed: "The Agent was placed on a Node.",
        Present: "The image is on the engine.",
        QuotaExhausted: "The model's quota is exhausted.",
        Reachable: "The container engine answers.",
        Ready: "Everything is as the manifest says.",
        ReconcileFailed: "The operator failed; it is tried again.",
        RestartsExhausted: "The permitted number of restarts is used up.",
        RunnerBackingOff: "The program in the container ended and is started again after a delay.",
        Running: "The container runs.",
        SecretNotFound: "A Secret, or a key of one, does not exist.",
        ServerAmbiguous: "There are several chat servers, and the manifest does not say which.",
        ServerNotAnswering: "The chat server did not answer when the agent's key was to be approved.",
        ServerNotFound: "There is no Node of role Server that would do.",
        ServerNotReady: "The chat server is not ready.",
        ServerStarting: "The chat server's container is being brought up.",
        Stopped: "Nothing runs.",
        Suspended: "The manifest says that the agent is suspended.",
        Terminating: "The Agent is being deleted.",
        Unknown: "Nothing is known.",
    }
}

impl Reason {
    /// Whether a person must do something before it can change.
    #[must_use]
    pub const fn needs_action(self) -> bool {
        matches!(
            self,
            Self::ApiRefused
                | Self::ConfigMapNotFound
                | Self::EngineRefused
                | Self::IdentityRequired
                | Self::ImageNotFound
                | Self::InvalidObject
                | Self::InvalidSpec
                | Self::MachineUnsupported
                | Self::NoNode
                | Self::NodeNotFound
                | Self::NodeNotUsable
                | Self::SecretNotFound
                | Self::ServerAmbiguous
                | Self::ServerNotFound
        )
    }
}

/// Status, reason and message of a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// True, False or unknown.
    pub status: Option<bool>,
    /// One CamelCase word: a [`Reason`], or one that a container reported.
    pub reason: Cow<'static, str>,
    /// A sentence for people; may be empty.
    pub message: String,
}

impl Statement {
    /// It holds.
    pub fn yes(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Some(true), reason, "")
    }

    /// It does not hold.
    pub fn no(reason: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::new(Some(false), reason, message)
    }

    /// Whether it holds is not known.
    pub fn unknown(reason: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::new(None, reason, message)
    }

    /// All three.
    pub fn new(
        status: Option<bool>,
        reason: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            status,
            reason: reason.into(),
            message: message.into(),
        }
    }
}

/// Sets a condition in `conditions`; its transition time moves only when its status does.
pub fn set_condition(
    conditions: &mut Vec<Condition>,
    type_: ConditionType,
    statement: &Statement,
    (generation, now): (Option<i64>, Timestamp),
) {
    let status = match statement.status {
        Some(true) => "True",
        Some(false) => "False",
        None => "Unknown",
    };
    let fresh = Condition {
        type_: type_.as_str().to_owned(),
        status: status.to_owned(),
        reason: statement.reason.clone().into_owned(),
        message: statement.message.clone(),
        observed_generation: generation,
        last_transition_time: Time(now),
    };
    match conditions.iter_mut().find(|c| c.type_ == fresh.type_) {
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

/// The condition of a type, if there is one.
pub fn find_condition(conditions: &[Condition], type_: ConditionType) -> Option<&Condition> {
    conditions.iter().find(|c| c.type_ == type_.as_str())
}

/// Whether the condition is there and `True`.
pub fn is_true(conditions: &[Condition], type_: ConditionType) -> bool {
    find_condition(conditions, type_).is_some_and(|c| c.status == "True")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transition_time_moves_only_with_the_status() {
        let at = |s| Timestamp::from_second(s).unwrap();
        let mut conditions = vec![];
        let mut set = |statement: Statement, second| {
            let when = (Some(second), at(second));
            set_condition(&mut conditions, ConditionType::Ready, &statement, when);
            conditions.clone()
        };
        set(Statement::no(Reason::Converging, ""), 1);
        let second = set(Statement::no(Reason::BackingOff, "x"), 2);
        assert_eq!(second[0].last_transition_time, Time(at(1)));
        assert_eq!(second[0].reason, "BackingOff");
        assert!(!is_true(&second, ConditionType::Ready));
        let third = set(Statement::yes(Reason::Ready), 3);
        assert_eq!(third[0].last_transition_time, Time(at(3)));
        assert!(is_true(&third, ConditionType::Ready));
        assert_eq!(third.len(), 1);
    }

    #[test]
    fn every_reason_is_one_word_that_is_read_back() {
        for reason in Reason::ALL {
            assert_eq!(Reason::parse(reason.as_str()), Some(*reason));
            assert!(reason.meaning().ends_with('.'), "{reason}");
        }
        assert_eq!(Reason::parse("ReportedByAContainer"), None);
    }
}
