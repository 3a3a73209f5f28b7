//! What does not work, and what is said of it.

use std::net::TcpListener;

use crate::{person::Person, server::Server};

#[test]
fn missing_channel_is_answered_with_those_that_exist() {
    let server = Server::open(&[]);
    let tom = Person::at(&server);
    for words in [
        &["chat", "send", "nowhere", "x"][..],
        &["chat", "history", "nowhere"],
        &["chat", "who", "nowhere"],
        &["chat", "join", "nowhere"],
        &["chat", "--channel", "nowhere"],
        &["chat", "--channel", "nowhere", "--say", "x"],
    ] {
        tom.does(words).fails(
            3,
            &["there is no channel #nowhere", "#general, #engineering"],
        );
    }
    tom.does(&["chat", "send", "ops", "x"]).fails(
        1,
        &["#ops is for verified agents", "agentctl server verify"],
    );
}

#[test]
fn unreachable_server_is_named_with_what_to_do() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    drop(listener);
    let tom = Person::of(&url);
    tom.does(&["chat", "who"])
        .fails(1, &[&url, "can't be reached", "see that it runs there"]);
}

#[test]
fn unapproved_person_is_told_the_key_to_approve() {
    let server = Server::closed();
    let said = Person::at(&server).does(&["chat", "send", "general", "x"]);
    said.fails(1, &["was not", "agentctl server allow MCowBQYDK2VwAyEA"]);
}

#[test]
fn wrong_command_line_is_exit_code_2_with_advice() {
    let server = Server::open(&[]);
    let tom = Person::at(&server);
    for (words, says) in [
        (
            &["chat", "send", "general", "--id", ""][..],
            "1 to 64 bytes",
        ),
        (&["chat", "send", "general", " "], "the text is empty"),
        (&["chat", "send", "general"], "the text is empty"),
        (&["chat", "send", "@", "x"], "agentctl chat who"),
        (&["chat", "send", "a b", "x"], "at most 31 of"),
        (&["chat", "history", "--since", "soon"], "15m, 2h or 3d"),
        (&["chat", "history", "--last", "0"], "--last"),
        (&["chat", "who", "--channel", "x"], "unexpected argument"),
        (&["chat", "--channel", "x", "who"], "without a verb"),
        (&["chat", "who", "--node", "a"], "--node and --server"),
    ] {
        tom.does(words).fails(2, &[says]);
    }
    Person::of("chat.example.org")
        .does(&["chat", "who"])
        .fails(2, &["wss://HOST:PORT"]);
    let long = "x".repeat(2 * 1024 * 1024);
    tom.types(&long, &["chat", "send", "general"])
        .fails(2, &["send it in parts"]);
}

#[test]
fn certificate_is_trusted_when_its_ca_is_given() {
    let (server, ca) = Server::encrypted();
    let tom = Person::at(&server);
    let who = ["chat", "who", "--ca-file", &ca];
    assert!(tom.does(&who).good().is_empty());
    // What a system trusts holds others, and some that nobody understands.
    let junk = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let good = std::fs::read_to_string(&ca).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    std::fs::write(file.path(), format!("{junk}{good}")).unwrap();
    tom.does(&["chat", "who", "--ca-file", path]).good();
    for text in ["", junk] {
        std::fs::write(file.path(), text).unwrap();
        tom.does(&["chat", "who", "--ca-file", path])
            .fails(1, &["the CA certificate is unusable"]);
    }
    let (_other, stranger) = Server::encrypted();
    tom.does(&["chat", "who", "--ca-file", &stranger])
        .fails(1, &["certificate", "--ca-file"]);
    tom.does(&["chat", "who", "--ca-file", "/none"])
        .fails(2, &["--ca-file /none can't be read"]);
}
