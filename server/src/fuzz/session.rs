//! Bytes of a connection: no handshake, half of one, and frames that keep the rules of WebSockets or break them.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, sink},
    sync::Semaphore,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::Choices;
use crate::{
    connection,
    inbox::{Command, Commands, inbox},
    limits::Limits,
    settings::Networks,
    shared::Shared,
};

const HEAD: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
    sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
/// What a frame may have at most here.
const MOST: usize = 4096;
/// All of it is there from the beginning: nothing is to be waited for.
const DEADLINE: Duration = Duration::from_secs(20);
const MASK: [u8; 4] = [0x5a, 0x00, 0xff, 0x13];

/// Any connection: the session ends when the connection does, and the hub hears of it in order, in whole texts.
pub fn session(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let mut expected = None;
    let (head, wire) = match choices.below(4) {
        0 => (choices.take(usize::MAX).to_vec(), vec![]),
        1 => (HEAD.to_vec(), choices.take(usize::MAX).to_vec()),
        _ => {
            let (frames, texts) = frames(&mut choices);
            expected = texts;
            (HEAD.to_vec(), frames)
        }
    };
    let received = serve(&head, &wire);
    if let Some(expected) = expected {
        assert_eq!(received, expected);
    }
}

/// Frames, and the texts in them if all of them keep the rules.
fn frames(choices: &mut Choices<'_>) -> (Vec<u8>, Option<Vec<String>>) {
    let (mut wire, mut texts) = (vec![], Some(vec![]));
    while !choices.is_over() {
        let kind = choices.below(24);
        let length = choices.below(400);
        let payload = choices.take(length);
        let small = &payload[..payload.len().min(125)];
        let text = String::from_utf8_lossy(payload).into_owned();
        match kind {
            0 => {
                texts = None;
                let masked = choices.once_in(2);
                put(&mut wire, choices.byte(), payload, masked);
                continue;
            }
            1 | 2 => put(&mut wire, 0x89, small, true),
            3 => put(&mut wire, 0x8a, small, true),
            // Bytes count as a text.
            4..8 => put(&mut wire, 0x82, payload, true),
            // In two pieces, between which something else may come.
            8..12 => {
                let (first, second) = text.as_bytes().split_at(text.len() / 2);
                put(&mut wire, 0x01, first, true);
                put(&mut wire, 0x89, &[], true);
                put(&mut wire, 0x80, second, true);
            }
            _ => put(&mut wire, 0x81, text.as_bytes(), true),
        }
        if let (Some(texts), 4..) = (&mut texts, kind) {
            texts.push(text);
        }
    }
    (wire, texts)
}

fn put(wire: &mut Vec<u8>, first: u8, payload: &[u8], masked: bool) {
    let length = payload.len().to_be_bytes();
    let flag = if masked { 0x80 } else { 0 };
    wire.push(first);
    match u8::try_from(payload.len()) {
        Ok(short @ ..126) => wire.push(short | flag),
        _ => {
            wire.push(126 | flag);
            wire.extend(&length[length.len() - 2..]);
        }
    }
    let mask = if masked { MASK } else { [0; 4] };
    if masked {
        wire.extend(mask);
    }
    let masked = payload.iter().zip(mask.iter().cycle());
    wire.extend(masked.map(|(byte, mask)| byte ^ mask));
}

/// What the hub hears of a connection on which these bytes come in, the head by itself: a client waits for the
/// answer to it.
fn serve(head: &[u8], wire: &[u8]) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    let Ok(runtime) = runtime else {
        panic!("no runtime");
    };
    let limits = Limits {
        frame_bytes: MOST,
        ..Limits::default()
    };
    let (inbox, commands) = inbox(limits.inbox_bytes);
    let shared = Arc::new(Shared {
        inbox,
        tls: None,
        trusted: Networks::default(),
        limits,
        shutdown: CancellationToken::new(),
    });
    let Ok(permit) = Arc::new(Semaphore::new(1)).try_acquire_owned() else {
        panic!("no permit");
    };
    let talk = connection::talk(
        (head.chain(wire), sink()),
        None,
        [127, 0, 0, 1].into(),
        1,
        permit,
        shared,
    );
    let both = async { tokio::join!(talk, hear(commands)).1 };
    match runtime.block_on(async { timeout(DEADLINE, both).await }) {
        Ok(texts) => texts,
        Err(_) => panic!("the session did not end with its connection"),
    }
}

/// The texts that the hub gets, in the order of a session's life.
async fn hear(mut commands: Commands) -> Vec<String> {
    let (mut texts, mut outboxes, mut gone) = (vec![], vec![], false);
    while let Some(command) = commands.recv().await {
        assert!(!gone, "something came after the end");
        commands.done(command.room());
        match command {
            Command::Open { outbox, .. } => outboxes.push(outbox),
            Command::Frame { text, .. } => {
                assert!(text.len() <= 3 * MOST, "{} bytes", text.len());
                texts.push(text.to_string());
            }
            Command::Gone { .. } => {
                gone = true;
                outboxes.clear();
            }
            Command::Ask { answer, .. } => drop(answer.send(Some("{}".to_owned()))),
            Command::More { .. } | Command::Alive { .. } | Command::Silent { .. } => {}
            Command::Stop => panic!("a session stopped the server"),
        }
        assert!(gone || outboxes.len() <= 1);
    }
    texts
}
