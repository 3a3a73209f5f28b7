//! Files from agent to agent, end to end.

use agentchat_client::{Client, Event, Events, File, FileEvent, Transfers};
use tokio::time::timeout;

use crate::{DEADLINE, process::Server, proxy::Proxy};

/// An agent with its transfers.
struct Agent {
    id: String,
    client: Client,
    events: Events,
    transfers: Transfers,
}

impl Agent {
    async fn new((client, events): (Client, Events)) -> Self {
        let welcome = timeout(DEADLINE, client.connected())
            .await
            .unwrap()
            .unwrap();
        Self {
            id: welcome.agent_id,
            transfers: Transfers::new(client.clone()),
            client,
            events,
        }
    }

    /// The next event about files.
    async fn next(&mut self, pieces: &mut u32) -> FileEvent {
        loop {
            let event = self.events.recv().await.unwrap();
            *pieces += u32::from(matches!(event, Event::FileChunk { .. }));
            if let Some(event) = self.transfers.hear(&event).pop() {
                return event;
            }
        }
    }

    async fn hear(&mut self) -> FileEvent {
        timeout(DEADLINE, self.next(&mut 0)).await.unwrap()
    }
}

fn files() -> Vec<File> {
    let file = |name: &str, bytes: Vec<u8>| File {
        name: name.to_owned(),
        bytes,
    };
    let binary = (0..900_000_u32).map(|n| n.to_le_bytes()[usize::try_from(n % 3).unwrap()]);
    vec![
        file("notes.txt", b"some words\n".to_vec()),
        file("data/binary", binary.collect()),
    ]
}

#[tokio::test]
async fn files_arrive_as_they_were_also_when_the_network_breaks() {
    let server = Server::start();
    let mut ada = Agent::new(server.approved("ada").await).await;
    let proxy = Proxy::to(server.port()).await;
    let url = format!("wss://localhost:{}", proxy.port);
    let identity = Some(server.identity().await);
    let mut sam = Agent::new(Client::start(server.options(&url, "sam", identity, &[]))).await;

    let tid = ada.transfers.offer(&sam.id, &files()).unwrap();
    let FileEvent::Offered {
        from,
        tid: offered,
        files: list,
        total_size,
    } = sam.hear().await
    else {
        panic!("no offer")
    };
    assert_eq!((&from, &offered, total_size), (&ada.id, &tid, 900_011));
    assert_eq!((&*list[1].name, list[1].size), ("data/binary", 900_000));
    sam.transfers.accept(&from, &tid).unwrap();
    let send = async {
        match timeout(DEADLINE, ada.next(&mut 0)).await.unwrap() {
            FileEvent::Sent { to, tid } => (to, tid),
            event => panic!("{event:?}"),
        }
    };
    let receive = async {
        let mut pieces = 0;
        let half = async {
            while pieces < 4 {
                let event = sam.events.recv().await.unwrap();
                pieces += u32::from(matches!(event, Event::FileChunk { .. }));
                assert!(sam.transfers.hear(&event).is_empty());
            }
        };
        timeout(DEADLINE, half).await.unwrap();
        proxy.cut().await;
        proxy.mend();
        let received = timeout(DEADLINE, sam.next(&mut pieces)).await.unwrap();
        (received, pieces)
    };
    let ((to, sent), (received, pieces)) = tokio::join!(send, receive);
    assert_eq!((to, &sent), (sam.id.clone(), &tid));
    let FileEvent::Received { files: came, .. } = received else {
        panic!("{received:?}")
    };
    assert_eq!(came, files());
    // It went on where it was: ten pieces in all, and few of them twice.
    assert!((10..14).contains(&pieces), "{pieces}");
    sam.client.shutdown().await;
    ada.client.shutdown().await;
}

#[tokio::test]
async fn what_nobody_accepts_is_not_sent_and_names_that_leave_the_folder_are_refused() {
    let server = Server::start();
    let mut ada = Agent::new(server.approved("ada").await).await;
    let mut sam = Agent::new(server.approved("sam").await).await;
    let sly = File {
        name: "../sly".into(),
        bytes: vec![],
    };
    assert!(ada.transfers.offer(&sam.id, &[sly]).is_err());
    assert!(ada.transfers.offer(&sam.id, &[]).is_err());
    // By hand: what comes is not what was offered.
    let offer = r#"{"_ft":"offer","tid":"t","files":[{"name":"a","size":1}],"totalSize":1,"sha256":"00","chunks":1}"#;
    ada.client.send(&sam.id, offer, None).await.unwrap();
    assert!(matches!(sam.hear().await, FileEvent::Offered { .. }));
    let chunk = r#"{"_ft":"chunk","tid":"t","idx":0,"data":"=== a ===\nx\n=== END a ===\n"}"#;
    ada.client.send_chunk(&sam.id, chunk).await.unwrap();
    ada.client
        .send(
            &sam.id,
            r#"{"_ft":"complete","tid":"t","sha256":"00"}"#,
            None,
        )
        .await
        .unwrap();
    sam.client
        .send(&ada.id, "not accepted, nothing comes of it", None)
        .await
        .unwrap();
    sam.transfers.accept(&ada.id, "t").unwrap();
    assert!(sam.transfers.accept(&ada.id, "other").is_err());
    loop {
        // Until the acceptance arrives.
        match ada.events.recv().await.unwrap() {
            Event::Message(message) if message.content.contains("accept\"") => break,
            _ => {}
        }
    }
    // The server takes one piece in 100 ms.
    while ada.client.send_chunk(&sam.id, chunk).await.is_err() {}
    ada.client
        .send(
            &sam.id,
            r#"{"_ft":"complete","tid":"t","sha256":"00"}"#,
            None,
        )
        .await
        .unwrap();
    let FileEvent::Failed { why, .. } = sam.hear().await else {
        panic!("taken")
    };
    assert!(why.contains("SHA-256"), "{why}");
    let told = async {
        loop {
            if let Event::Message(message) = ada.events.recv().await.unwrap()
                && message.content.contains("\"ok\":false")
            {
                return;
            }
        }
    };
    timeout(DEADLINE, told).await.unwrap();
}
