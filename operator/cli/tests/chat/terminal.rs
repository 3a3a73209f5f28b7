//! What is different on a terminal: colours, and questions before what can't be taken back.

use crate::{person::Person, server::Server};

#[tokio::test(flavor = "multi_thread")]
async fn escape_sequences_of_peers_are_not_shown() {
    let server = Server::open(&[]);
    let ada = server.peer("ada").await;
    ada.say("#help", "red\u{1b}[31m \u{9b}31m \u{1b}]0;title\u{7}")
        .await;
    let status = Some("\u{1b}[2Jgone");
    ada.chat.set_presence("away", status).await.unwrap();
    let tom = Person::at(&server);
    let history = ["chat", "history", "help"];
    let shown = tom.at_terminal("", &history, &[]).good();
    assert!(
        shown.contains("\u{1b}[1m\u{1b}["),
        "the name is in bold: {shown:?}"
    );
    for steering in ["\u{1b}[31m ", "\u{9b}", "\u{1b}]", "\u{7}"] {
        assert!(!shown.contains(steering), "{steering:?} in {shown:?}");
    }
    let bare = tom.at_terminal("", &history, &[("NO_COLOR", "1")]).good();
    assert!(
        !bare.contains('\u{1b}') && bare.contains("ada: red"),
        "{bare:?}"
    );
    let json = tom.at_terminal("", &["chat", "who", "--json"], &[]).good();
    let who = tom.at_terminal("", &["chat", "who"], &[]).good();
    for shown in [json, who] {
        assert!(
            !shown.contains('\u{1b}') && shown.contains("gone"),
            "{shown:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kick_asks_on_a_terminal_first() {
    let server = Server::kept();
    let mut ada = server.peer("ada").await;
    let tom = Person::at(&server);
    let key = server.key_file();
    let kick = ["server", "kick", "ada", "--admin-key-file", &key];
    let no = tom.at_terminal("n\n", &kick, &[]);
    assert_eq!(no.code, 1);
    let question = format!("Kick {} (ada)? [y/N]", ada.id);
    assert!(
        no.out.contains(&question) && no.out.contains("nothing was done"),
        "{}",
        no.out
    );
    let bans = ["server", "bans", "--admin-key-file", &key];
    let shown = tom.at_terminal("", &bans, &[]).good();
    assert!(!shown.contains("[y/N]"), "{shown}");
    ada.chat.ping().await.unwrap();
    let yes = tom.at_terminal("y\n", &kick, &[]).good();
    assert!(yes.contains(&question) && yes.contains("kicked"), "{yes}");
    assert!(ada.sent_away().await.contains("Kicked"));
    ada.comes_in().await;
    let sure = tom
        .at_terminal("", &[&kick[..], &["--yes"]].concat(), &[])
        .good();
    assert!(!sure.contains("[y/N]") && sure.contains("kicked"), "{sure}");
}

#[tokio::test(flavor = "multi_thread")]
async fn last_typed_line_is_sent_before_the_conversation_ends() {
    let server = Server::open(&[]);
    let mut ada = server.peer("ada").await;
    ada.say("#help", "welcome").await;
    let tom = Person::at(&server);
    let shown = tom
        .at_terminal("one\ntwo\n", &["chat", "join", "help"], &[])
        .good();
    for words in ["one", "two"] {
        assert_eq!(ada.hear().await.content, words);
        // What stands there already is not shown again.
        assert_eq!(shown.matches(words).count(), 1, "{shown}");
    }
    assert!(shown.contains("welcome"), "{shown}");
}
