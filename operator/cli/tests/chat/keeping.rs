//! Keeping a server in order, as its operator does.

use serde_json::json;

use crate::{person::Person, server::Server};

/// A person's command with the server's admin key.
fn keeps(person: &Person, server: &Server, words: &[&str]) -> crate::person::Said {
    let key = server.key_file();
    person.does(&[&["server"], words, &["--admin-key-file", &key]].concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn agent_is_kicked_by_name_and_banned_by_id() {
    let server = Server::kept();
    let mut ada = server.peer("ada").await;
    let tom = Person::at(&server);
    let said = keeps(&tom, &server, &["kick", "ada", "--reason", "too loud"]);
    assert_eq!(said.good(), format!("{} (ada) kicked\n", ada.id));
    let why = ada.sent_away().await;
    assert!(why.contains("too loud"), "{why}");

    let id = ada.id.clone();
    let said = keeps(
        &tom,
        &server,
        &["ban", &id, "--reason", "spam", "-o", "json"],
    );
    let done = json!({"agentId": id, "name": null, "done": "banned"});
    let told: serde_json::Value = serde_json::from_str(&said.good()).unwrap();
    assert_eq!(told, done);
    while !ada.sent_away().await.contains("BANNED: spam") {}
    let list = keeps(&tom, &server, &["bans"]).good();
    let words: Vec<_> = list.split_whitespace().collect();
    assert_eq!(
        (&words[..4], words[5]),
        (&["AGENT", "AGE", "REASON", &id][..], "spam")
    );
    let names = keeps(&tom, &server, &["bans", "-o", "name"]).good();
    assert_eq!(names, format!("{id}\n"));

    let bare = id.trim_start_matches('@');
    let said = keeps(&tom, &server, &["unban", bare]).good();
    assert_eq!(said, format!("{id} unbanned\n"));
    keeps(&tom, &server, &["unban", bare]).fails(3, &[&id, "is not banned"]);
    let said = keeps(&tom, &server, &["bans"]);
    assert!(said.err.contains("nobody is banned"), "{}", said.err);
    ada.comes_in().await;
}

#[test]
fn key_is_allowed_as_the_refusal_says_and_disallowed_again() {
    let server = Server::closed();
    let (tom, ann) = (Person::at(&server), Person::at(&server));
    let refused = ann.does(&["chat", "send", "general", "hello"]);
    let key = refused
        .err
        .split("allow ")
        .nth(1)
        .unwrap()
        .trim()
        .to_owned();
    let said = keeps(&tom, &server, &["allow", &key, "--note", "Ann"]).good();
    let id = said.split(' ').next().unwrap().to_owned();
    assert_eq!(said, format!("{id} allowed\n"));
    // A private server begins without channels.
    ann.does(&["chat", "channels"]).good();
    let list = keeps(&tom, &server, &["allowed"]).good();
    assert!(
        list.lines()
            .any(|l| l.starts_with(&id) && l.ends_with("Ann")),
        "{list}"
    );
    let names = keeps(&tom, &server, &["allowed", "-o", "name"]).good();
    assert_eq!(names, format!("{id}\n"));

    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &key).unwrap();
    let said = keeps(&tom, &server, &["disallow", file.path().to_str().unwrap()]);
    assert_eq!(said.good(), format!("{id} disallowed\n"));
    ann.does(&["chat", "channels"]).fails(1, &["was not"]);
    keeps(&tom, &server, &["disallow", &id]).fails(3, &["not on the allowlist"]);
    keeps(&tom, &server, &["allow", &id]).fails(2, &["ask its owner for the public key"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn verified_agent_is_shown_as_verified() {
    let server = Server::kept();
    let _ada = server.peer("ada").await;
    let tom = Person::at(&server);
    let verified = || {
        let who = tom.does(&["chat", "who", "--json"]).json();
        who[0]["verified"].as_bool().unwrap()
    };
    assert!(!verified());
    keeps(&tom, &server, &["verify", "ada"]).good();
    assert!(verified());
    let said = keeps(&tom, &server, &["verify", "ada", "--undo"]).good();
    assert!(said.ends_with("(ada) not verified any more\n"), "{said}");
    assert!(!verified());
    keeps(&tom, &server, &["verify", "eve"]).fails(3, &["is called eve", "agentctl chat who"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn message_of_the_day_is_shown_set_and_cleared() {
    let server = Server::kept();
    let mut ada = server.peer("ada").await;
    let tom = Person::at(&server);
    let said = keeps(&tom, &server, &["motd"]);
    assert!(said.err.contains("there is no message"), "{}", said.err);
    keeps(&tom, &server, &["motd", "be kind"]).good();
    assert_eq!(keeps(&tom, &server, &["motd"]).good(), "be kind\n");
    let said = tom.does(&["chat", "--say", "x"]);
    assert_eq!(said.good(), "");
    keeps(&tom, &server, &["motd", "--clear", "--kick"]).good();
    let why = ada.sent_away().await;
    assert!(why.contains("Server maintenance"), "{why}");
    let said = keeps(&tom, &server, &["motd", "-o", "json"]).good();
    let told: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(told, json!({"motd": null}));
    keeps(&tom, &server, &["motd", " "]).fails(2, &["--clear"]);
    keeps(&tom, &server, &["motd", "--kick"]).fails(2, &["--clear"]);
}

#[test]
fn wrong_admin_key_is_refused() {
    let server = Server::kept();
    let tom = Person::at(&server);
    tom.does(&["server", "bans"])
        .fails(2, &["--admin-key-file"]);
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap().to_owned();
    let with = |words: &[&str]| tom.does(&[&["server", "--admin-key-file", &path], words].concat());
    with(&["bans"]).fails(2, &[&path, "must hold one line"]);
    std::fs::write(file.path(), "a guess").unwrap();
    with(&["bans"]).fails(2, &[&path, "must hold one line"]);
    std::fs::write(file.path(), "guess").unwrap();
    with(&["bans"]).fails(1, &["the admin key is not that of", &server.url]);
    with(&["kick", "@x"]).fails(1, &["the admin key is not that of"]);
    let open = Server::open(&[]);
    let said = keeps(&Person::at(&open), &open, &["kick", "@x"]);
    said.fails(1, &["no admin key"]);
}

#[test]
fn banned_person_is_told_in_the_conversation() {
    let server = Server::kept();
    let (tom, ann) = (Person::at(&server), Person::at(&server));
    let mut talk = ann.begins(&["chat", "join", "general", "--name", "ann", "--json"]);
    talk.types("hello");
    assert!(talk.shows().contains("hello"));
    keeps(&tom, &server, &["ban", "ann", "--reason", "spam"]).good();
    let (code, err) = talk.ends();
    assert_eq!(code, 1);
    assert!(
        err.contains("you are banned from") && err.contains("spam"),
        "{err}"
    );
}
