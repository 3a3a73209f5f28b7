//! Saying who one is, and what a newcomer may do.

use agentchat_protocol::{Identity, auth_text};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    DEADLINE,
    process::Server,
    raw::{Raw, now},
};

const HOUR_MS: i64 = 3_600_000;

fn message(content: &str) -> Value {
    json!({"type": "MSG", "to": "#general", "content": content})
}

#[tokio::test]
async fn a_visitor_listens_and_works_only_after_it_said_who_it_is() {
    let server = Server::protocol(&["--motd", "be kind"]);
    let mut raw = server.raw().await;
    raw.tell(json!({"type": "PING", "unknown": {"extra": 1}}))
        .await;
    raw.hear("PONG").await;
    raw.tell(json!({"type": "LIST_CHANNELS"})).await;
    let list = raw.hear("CHANNELS").await["list"].clone();
    let names: Vec<_> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "#general",
            "#engineering",
            "#pull-requests",
            "#help",
            "#love",
            "#agents",
            "#discovery",
            "#bounties",
            "#ops"
        ]
    );
    assert_eq!(
        (&list[8]["verifiedOnly"], list[0].get("verifiedOnly")),
        (&json!(true), None)
    );
    for frame in [
        json!({"type": "JOIN", "channel": "#general"}),
        message("x"),
        json!({"type": "SET_NICK", "nick": "x"}),
        json!({"type": "VERIFY_REQUEST", "target": "@x", "nonce": "0123456789abcdef"}),
    ] {
        assert_eq!(raw.refused(frame.clone()).await, "AUTH_REQUIRED", "{frame}");
    }
    // Dropped without a word.
    raw.tell(json!({"type": "TYPING", "channel": "#general"}))
        .await;

    let welcome = raw.visit("ada").await;
    let id = welcome["agent_id"]
        .as_str()
        .unwrap()
        .strip_prefix('@')
        .unwrap();
    assert!(
        id.len() == 8
            && id
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    );
    assert_eq!(
        (
            &welcome["name"],
            &welcome["server"],
            &welcome["motd"],
            &welcome["lurk"]
        ),
        (
            &json!("ada"),
            &json!("agentchat"),
            &json!("be kind"),
            &json!(true)
        )
    );
    assert!(welcome["disclaimer"].is_string() && welcome["lurk_reason"].is_string());
    assert_eq!(
        (welcome.get("verified"), welcome.get("lurk_until")),
        (None, None)
    );
    assert_eq!(raw.refused(message("x")).await, "LURK_MODE");
    // The agents, skills and court of a newcomer are not gated by lurking, but creating channels is by trust.
    let create = json!({"type": "CREATE_CHANNEL", "channel": "#mine"});
    assert_eq!(raw.refused(create).await, "AUTH_REQUIRED");
    assert_eq!(
        raw.refused(json!({"type": "JOIN", "channel": "#ops"}))
            .await,
        "AUTH_REQUIRED"
    );
    assert_eq!(
        raw.refused(json!({"type": "JOIN", "channel": "#x"})).await,
        "CHANNEL_NOT_FOUND"
    );
}

#[tokio::test]
async fn a_key_is_a_newcomer_from_its_first_sight_also_after_a_restart() {
    let mut server = Server::protocol(&[]);
    let identity = Identity::generate().unwrap();
    let before = now();
    let welcome = server.raw().await.enter("ada", &identity).await;
    let until = welcome["lurk_until"].as_i64().unwrap();
    assert!(
        (before + HOUR_MS..=now() + HOUR_MS).contains(&until),
        "{welcome}"
    );
    assert_eq!(
        (&welcome["verified"], &welcome["lurk"]),
        (&json!(false), &json!(true))
    );
    server.kill_and_restart();
    let mut raw = server.raw().await;
    assert_eq!(raw.enter("ada", &identity).await["lurk_until"], until);
    assert_eq!(raw.refused(message("x")).await, "LURK_MODE");
}

#[tokio::test]
async fn the_window_ends_by_itself_and_can_be_switched_off() {
    let server = Server::protocol(&["--lurk-ms", "400"]);
    let (mut raw, _) = server.keyed("ada").await;
    assert_eq!(raw.refused(message("early")).await, "LURK_MODE");
    let received = async {
        loop {
            raw.tell(message("late")).await;
            if raw.next().await.unwrap()["content"] == "late" {
                return;
            }
        }
    };
    timeout(DEADLINE, received)
        .await
        .expect("the window did not end");

    let server = Server::protocol(&["--lurk-disabled", "true"]);
    let mut raw = server.raw().await;
    // What is shown stays.
    assert_eq!(raw.visit("ada").await["lurk"], true);
    raw.say("#general", "at once").await;
}

#[tokio::test]
async fn trust_comes_from_the_allowlist_or_by_birth() {
    let identity = Identity::generate().unwrap();
    let id = identity.agent_id();
    let server = Server::protocol(&["--genesis-agent-id", &id]);
    let mut raw = server.raw().await;
    let welcome = raw.enter("first", &identity).await;
    // It is a newcomer all the same.
    assert_eq!(
        (&welcome["verified"], &welcome["lurk"]),
        (&json!(true), &json!(true))
    );
    raw.tell(json!({"type": "JOIN", "channel": "#ops"})).await;
    assert_eq!(raw.hear("JOINED").await["agents"][0]["verified"], true);

    let private = Server::plain(&[]);
    let key = private.identity().await;
    let welcome = private.raw().await.enter("ada", &key).await;
    assert_eq!(
        (&welcome["verified"], welcome.get("lurk")),
        (&json!(true), None)
    );
    let stranger = json!({"type": "IDENTIFY", "name": "x", "pubkey": identity.public_key_pem()});
    assert_eq!(private.raw().await.refused(stranger).await, "NOT_ALLOWED");
}

#[tokio::test]
async fn a_handshake_goes_one_way_only() {
    let server = Server::protocol(&[]);
    let identity = Identity::generate().unwrap();
    let key = identity.public_key_pem();
    let mut raw = server.raw().await;
    for bad in [
        json!({"type": "IDENTIFY"}),
        json!({"type": "IDENTIFY", "name": ""}),
        json!({"type": "IDENTIFY", "name": "a".repeat(33)}),
        json!({"type": "IDENTIFY", "name": "ä"}),
        json!({"type": "IDENTIFY", "name": "ada", "pubkey": "x"}),
        json!({"type": "IDENTIFY", "name": "ada", "pubkey": key.trim_end()}),
    ] {
        assert_eq!(raw.refused(bad.clone()).await, "INVALID_MSG", "{bad}");
    }
    let identify = json!({"type": "IDENTIFY", "name": "server", "pubkey": key});
    raw.tell(identify.clone()).await;
    let challenge = raw.hear("CHALLENGE").await;
    let id = challenge["challenge_id"].as_str().unwrap();
    assert!(id.starts_with("chal_") && challenge["nonce"].as_str().unwrap().len() == 32);
    raw.tell(identify.clone()).await;
    assert_eq!(
        raw.hear("ERROR").await["message"],
        "Challenge already pending"
    );

    let mut other = server.raw().await;
    let proof = |id: &str| json!({"type": "VERIFY_IDENTITY", "challenge_id": id, "signature": "x", "timestamp": 1});
    assert_eq!(other.refused(proof(id)).await, "INVALID_MSG");
    assert_eq!(
        other.refused(proof("chal_x_00000000")).await,
        "VERIFICATION_EXPIRED"
    );
    raw.answer(&challenge, &identity).await;
    // No name is refused that IDENTIFY gives.
    assert_eq!(raw.hear("WELCOME").await["name"], "server");
    raw.tell(identify).await;
    assert_eq!(raw.hear("ERROR").await["message"], "Already identified");
    assert_eq!(raw.refused(proof(id)).await, "INVALID_MSG");
}

#[tokio::test]
async fn too_many_frames_end_a_connection() {
    let server = Server::protocol(&["--frame-limit", "60", "--lurk-disabled", "true"]);
    let mut early = server.raw().await;
    for _ in 0..11 {
        early.tell(json!({"type": "PING"})).await;
    }
    let mut pongs = 0;
    let end = loop {
        match early.next().await {
            Ok(_) => pongs += 1,
            Err(end) => break end,
        }
    };
    assert_eq!((pongs, end), (10, (1008, "Rate limit exceeded".to_owned())));

    let mut raw = server.visitor("ada").await;
    // IDENTIFY was the first.
    for _ in 0..59 {
        raw.tell(json!({"type": "PING"})).await;
        raw.hear("PONG").await;
    }
    raw.tell(json!({"type": "PING"})).await;
    assert_eq!(raw.closed().await.0, 1008);
}

#[tokio::test]
async fn too_many_bytes_end_a_connection() {
    let server = Server::protocol(&["--byte-limit", "1000"]);
    let mut raw = server.visitor("ada").await;
    raw.tell(json!({"type": "PING", "much": "x".repeat(800)}))
        .await;
    raw.hear("PONG").await;
    raw.tell(json!({"type": "PING", "much": "x".repeat(200)}))
        .await;
    assert_eq!(raw.closed().await, (1008, "Rate limit exceeded".to_owned()));
}

#[tokio::test]
async fn an_address_has_so_many_connections() {
    let server = Server::protocol(&["--max-connections-per-ip", "2"]);
    let first = server.visitor("ada").await;
    let mut second = server.visitor("sam").await;
    let mut third = server.raw().await;
    assert_eq!(
        third.closed().await,
        (1008, "Too many connections from this IP".to_owned())
    );
    drop(first);
    second.hear("AGENT_LEFT").await;
    server.visitor("eve").await;
}

#[tokio::test]
async fn who_does_not_say_who_it_is_does_not_stay() {
    let server = Server::protocol(&["--unidentified-timeout-ms", "400"]);
    let mut open = server.raw().await;
    let mut ada = server.visitor("ada").await;
    assert_eq!(open.closed().await, (1008, "Identify in time".to_owned()));
    ada.tell(json!({"type": "PING"})).await;
    ada.hear("PONG").await;
}

#[tokio::test]
async fn connections_are_bounded_before_and_after_they_shake_hands() {
    let silent = async |port| {
        tokio::net::TcpStream::connect(("127.0.0.1", port))
            .await
            .unwrap()
    };
    let ended = async |mut tcp: tokio::net::TcpStream| {
        let mut buffer = [0; 8];
        let read = tokio::io::AsyncReadExt::read(&mut tcp, &mut buffer);
        timeout(DEADLINE, read)
            .await
            .expect("not refused")
            .unwrap_or(0)
    };
    for flag in ["--max-handshakes", "--max-connections"] {
        let server = Server::protocol(&[flag, "2"]);
        let port = server.port();
        let (first, _second) = (silent(port).await, silent(port).await);
        assert_eq!(ended(silent(port).await).await, 0, "{flag}");
        drop(first);
        let back = async {
            loop {
                if let Some(raw) = Raw::try_connect(port).await {
                    return raw;
                }
            }
        };
        let mut raw = timeout(DEADLINE, back).await.expect("no place came free");
        raw.visit("ada").await;
        // Shaken hands are no handshake, but a connection still.
        let third = timeout(DEADLINE, Raw::try_connect(port)).await.unwrap();
        assert_eq!(third.is_some(), flag == "--max-handshakes", "{flag}");
    }
}

#[tokio::test]
async fn a_public_server_holds_the_first_takeover_too() {
    let server = Server::protocol(&[]);
    let identity = Identity::generate().unwrap();
    let mut first = server.raw().await;
    first.enter("ada", &identity).await;
    let begun = std::time::Instant::now();
    let mut second = server.raw().await;
    second.prove("ada", &identity).await;
    let (end, _) = tokio::join!(first.closed(), second.hear("WELCOME"));
    assert_eq!(end.1, "Identity claimed by verified connection");
    assert!(
        begun.elapsed().as_secs_f64() >= 4.9,
        "{:?}",
        begun.elapsed()
    );
}

/// Answers a challenge with a timestamp of its own, as it stands in the frame.
async fn answer(raw: &mut Raw, identity: &Identity, timestamp: &str) {
    let key = identity.public_key_pem();
    raw.tell(json!({"type": "IDENTIFY", "name": "ada", "pubkey": key}))
        .await;
    let challenge = raw.hear("CHALLENGE").await;
    let text = |key: &str| challenge[key].as_str().unwrap().to_owned();
    let (nonce, id) = (text("nonce"), text("challenge_id"));
    let signature = identity.sign(&auth_text(&nonce, &id, timestamp));
    raw.tell_text(&format!(
        r#"{{"type":"VERIFY_IDENTITY","challenge_id":"{id}","signature":"{signature}","timestamp":{timestamp}}}"#
    ))
    .await;
}

#[tokio::test]
async fn the_clock_of_whoever_proves_a_key_may_be_off_but_not_by_days() {
    let server = Server::protocol(&[]);
    let identity = Identity::generate().unwrap();
    let mut raw = server.raw().await;
    let day = 24 * HOUR_MS;
    for late in [
        1,
        1_700_000_000_000,
        now() - day - HOUR_MS,
        now() + day + HOUR_MS,
    ] {
        answer(&mut raw, &identity, &late.to_string()).await;
        let error = raw.hear("ERROR").await;
        assert_eq!(error["code"], "VERIFICATION_FAILED", "{late}");
        assert!(
            error["message"].as_str().unwrap().contains("clock"),
            "{error}"
        );
    }
    // A fraction is a number too, and a clock that is hours off does.
    answer(&mut raw, &identity, &format!("{}.25", now() - 20 * HOUR_MS)).await;
    raw.hear("WELCOME").await;
    let any = Server::protocol(&["--clock-skew-ms", "0"]);
    let mut raw = any.raw().await;
    answer(&mut raw, &identity, "1").await;
    raw.hear("WELCOME").await;
}

#[tokio::test]
async fn a_proof_that_is_none_leaves_the_socket_open() {
    let server = Server::protocol(&[]);
    let identity = Identity::generate().unwrap();
    let key = identity.public_key_pem();
    let mut raw = server.raw().await;
    let ours = identity.sign("something else");
    let replaced = format!("{}XXXX", &ours[..ours.len() - 4]);
    let bad = [
        "totally-invalid-signature",
        "invalid-base64-signature",
        "bad-signature",
        &ours,
        &replaced,
    ];
    // Ten frames in ten seconds are all that somebody unknown has.
    for (n, bad) in bad.into_iter().enumerate() {
        if n == 4 {
            raw = server.raw().await;
        }
        raw.tell(json!({"type": "IDENTIFY", "name": "ada", "pubkey": key}))
            .await;
        let challenge = raw.hear("CHALLENGE").await;
        let proof = json!({"type": "VERIFY_IDENTITY", "signature": bad, "timestamp": now(),
            "challenge_id": challenge["challenge_id"]});
        assert_eq!(raw.refused(proof).await, "VERIFICATION_FAILED", "{bad}");
    }
    raw.enter("ada", &identity).await;
}

#[tokio::test]
async fn a_name_that_promises_more_than_its_agent_is_is_marked_and_not_refused() {
    let server = Server::protocol(&["--lurk-disabled", "true", "--announcements", "false"]);
    let mut sam = server.visitor("sam").await;
    let mut sly = server.raw().await;
    assert_eq!(sly.visit("Admin").await["reserved_name"], true);
    assert_eq!(sam.hear("AGENT_JOINED").await["reserved_name"], true);
    sly.say("#general", "trust me").await;
    assert_eq!(sam.hear("MSG").await["reserved_name"], true);
    sam.tell(json!({"type": "LIST_AGENTS", "channel": "#general"}))
        .await;
    let list = sam.hear("AGENTS").await["list"].clone();
    let marked = |name: &str| {
        let mut agents = list.as_array().unwrap().iter();
        agents
            .find(|agent| agent["name"] == name)
            .unwrap()
            .get("reserved_name")
            .cloned()
    };
    assert_eq!((marked("Admin"), marked("sam")), (Some(json!(true)), None));
    let log = std::fs::read_to_string(server.dir.path().join("data/audit.jsonl")).unwrap();
    let noted = log.lines().find(|line| line.contains("\"Admin\"")).unwrap();
    assert!(noted.contains("\"reserved_name\":true"), "{noted}");

    // Somebody who is vouched for may be called so.
    let trusted = Identity::generate().unwrap();
    let server = Server::protocol(&["--genesis-agent-id", &trusted.agent_id()]);
    let welcome = server.raw().await.enter("operator", &trusted).await;
    assert_eq!(welcome.get("reserved_name"), None);
}

#[tokio::test]
async fn a_strict_server_keeps_newcomers_from_all_that_others_notice() {
    for (strict, quiet) in [("false", false), ("true", true)] {
        let server = Server::protocol(&["--lurk-strict", strict, "--announcements", "false"]);
        let mut raw = server.visitor("ada").await;
        for frame in [
            json!({"type": "SET_NICK", "nick": "lovelace"}),
            json!({"type": "SET_PRESENCE", "status": "busy"}),
            json!({"type": "TYPING", "channel": "#general"}),
            json!({"type": "RESPONDING_TO", "msg_id": "m", "channel": "#general", "started_at": 1}),
            json!({"type": "ARBITER_ACCEPT", "dispute_id": "d", "sig": "x"}),
            json!({"type": "DISPUTE_INTENT", "proposal_id": "p", "reason": "r", "commitment": "c", "sig": "x"}),
        ] {
            raw.tell(frame.clone()).await;
            let lurk = raw.rest().await.iter().any(|f| f["code"] == "LURK_MODE");
            assert_eq!(lurk, quiet, "{frame}");
        }
        // Looking and listening are for all.
        raw.tell(json!({"type": "JOIN", "channel": "#general"}))
            .await;
        raw.hear("JOINED").await;
        raw.tell(json!({"type": "SEARCH_SKILLS", "query": {}}))
            .await;
        raw.hear("SEARCH_RESULTS").await;
    }
}
