//! What is delivered while Claude Code runs: another credential, other channels.

use std::fs;

use agentchat_contract::{DeliveredFile, Delivery, DeliveryDir, DeliveryDirs, write_delivery};

use crate::Runner;

/// Notes the credential that the process was given.
const SECRET: &str = r#"secret=$(cat /proc/self/fd/${CLAUDE_CODE_OAUTH_TOKEN_FILE_DESCRIPTOR:-$CLAUDE_CODE_API_KEY_FILE_DESCRIPTOR})
echo "$secret" >> "$HOME/secrets"
noted() { while [ ! -e "$HOME/$1" ]; do sleep 0.05; done; }
"#;

impl Runner {
    fn note(&self, name: &str) {
        fs::write(self.root.path().join("home/agent").join(name), "").unwrap();
    }

    /// Delivers a credential, and a configuration if one is given.
    fn deliver(&self, secret: (&str, &str), config: Option<&str>) {
        let file = |dir, path: &str, contents: &str| DeliveredFile {
            dir,
            path: path.into(),
            contents: contents.into(),
        };
        let mut files = vec![file(DeliveryDir::Secrets, secret.0, secret.1)];
        files.extend(config.map(|config| file(DeliveryDir::Config, "agent.json", config)));
        let dirs = DeliveryDirs {
            config: self.root.path().join("etc/agent"),
            secrets: self.root.path().join("run/secrets"),
        };
        let generation = 2;
        write_delivery(&dirs, &Delivery { generation, files }).unwrap();
    }
}

#[test]
fn credential_delivered_to_an_idle_listener_is_used_in_the_same_session() {
    let script = format!(
        r#"{SECRET}init one; listen; echo >> "$HOME/listening"; read -r prompt; echo "$prompt" >> "$HOME/prompts""#
    );
    let runner = Runner::start_with(&script, &[("api-key", "old")]);
    runner.wait("listening", |lines| lines.len() == 1);
    // The same again changes nothing: the process would be started anew.
    runner.deliver(("api-key", "old"), None);
    runner.deliver(("oauth-token", "new"), None);
    let secrets = runner.wait("secrets", |secrets| secrets.len() >= 2);
    assert_eq!(secrets, ["old", "new"]);
    let prompts = runner.wait("prompts", |prompts| prompts.len() >= 2);
    assert!(prompts[1].contains("this session goes on"), "{prompts:?}");
    assert!(runner.noted("starts")[1].contains("--resume one"));
}

#[test]
fn credential_delivered_while_a_tool_works_waits_for_the_end_of_the_turn() {
    let script = format!(
        r#"{SECRET}init one
if [ "$secret" = old ]; then
    echo '{{"type":"assistant","message":{{"id":"m","content":[{{"type":"tool_use","id":"b","name":"Bash"}},{{"type":"tool_use","id":"c","name":"mcp__agentchat__agentchat_listen"}}]}}}}'
    echo >> "$HOME/working"; noted go; sleep 0.3; echo >> "$HOME/finished"
    echo '{{"type":"user","message":{{"content":[{{"type":"tool_result","tool_use_id":"c"}}]}}}}'
    answer
else listen; fi
read -r prompt; echo "$prompt" >> "$HOME/prompts""#
    );
    let runner = Runner::start_with(&script, &[("api-key", "old")]);
    runner.wait("working", |lines| lines.len() == 1);
    runner.deliver(("api-key", "new"), None);
    runner.note("go");
    runner.wait("secrets", |secrets| secrets == ["old", "new"]);
    assert_eq!(runner.noted("finished").len(), 1);
    let prompts = runner.wait("prompts", |prompts| prompts.len() >= 2);
    assert!(prompts[1].contains("this session goes on"), "{prompts:?}");
}

#[test]
fn refused_credential_gives_way_to_one_that_was_delivered_and_that_one_counts() {
    let retries = r#"for n in 1 2; do echo '{"type":"system","subtype":"api_retry","attempt":'$n',"error_status":401}'; done"#;
    let complaint = r#"echo '{"type":"assistant","error":"authentication_failed","message":{"id":"m","model":"<synthetic>","content":[]}}'
echo '{"type":"result","is_error":true,"api_error_status":null}'"#;
    for refusal in [retries, complaint] {
        let script = format!(
            r#"{SECRET}init one; if [ "$secret" = old ]; then echo >> "$HOME/began"; noted go; fi
{refusal}
exec sleep 60"#
        );
        let mut runner = Runner::start_with(&script, &[("oauth-token", "old")]);
        runner.wait("began", |lines| lines.len() == 1);
        // Not the whole delivery yet, so that the refusal comes first.
        fs::write(runner.root.path().join("run/secrets/oauth-token"), "new").unwrap();
        runner.note("go");
        assert_eq!(runner.ended().code(), Some(10));
        assert_eq!(runner.noted("secrets"), ["old", "new"]);
        assert!(runner.noted("starts")[1].contains("--resume one"));
    }
}

#[test]
fn new_credentials_are_not_deaths() {
    let script = format!(r#"{SECRET}init one; listen; read -r prompt"#);
    let runner = Runner::start_with(&script, &[("api-key", "0")]);
    for n in 1..8 {
        runner.wait("secrets", |secrets| secrets.len() == n);
        runner.deliver(("api-key", &n.to_string()), None);
    }
    runner.wait("secrets", |secrets| secrets.len() == 8);
}

#[test]
fn changed_channels_are_told_with_the_next_turn() {
    let script = r#"init one; answer; while read -r prompt; do printf '%s\n' "$prompt" >> "$HOME/prompts"; answer; done"#;
    let runner = Runner::start_with(script, &[("api-key", "key")]);
    runner.wait("prompts", |prompts| prompts.len() >= 2);
    let config = r##"{"displayName":"ada","chat":{"channels":["#general","#new"]}}"##;
    runner.deliver(("api-key", "key"), Some(config));
    let prompts = runner.wait("prompts", |prompts| {
        prompts
            .last()
            .is_some_and(|last| last.contains("Listen again in #general, #new."))
    });
    let changed: Vec<_> = prompts
        .iter()
        .filter(|prompt| prompt.contains("changed"))
        .collect();
    assert_eq!(changed.len(), 1, "{prompts:?}");
    assert!(changed[0].contains("from now on in #general, #new."));
    assert_eq!(runner.noted("starts").len(), 1);
}
