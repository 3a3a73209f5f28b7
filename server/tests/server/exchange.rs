//! Saying and hearing, also after a SIGKILL.

use tokio::time::timeout;

use crate::{DEADLINE, next_message, process::Server};

#[tokio::test]
async fn what_one_says_the_other_hears_also_after_a_kill() {
    let mut server = Server::start();
    let (ada, _a) = server.approved("ada").await;
    ada.create_channel("#general", false, false).await.unwrap();
    let (sam, mut received) = server.approved("sam").await;
    let sent = ada.send("#general", "hello", None).await.unwrap();
    let message = next_message(&mut received).await;
    assert_eq!(
        (message.content.as_str(), message.from_name.as_str()),
        ("hello", "ada")
    );
    assert_eq!(message.msg_id.as_deref(), Some(sent.msg_id.as_str()));
    assert_eq!((message.offset, message.replay), (Some(1), false));

    server.kill_and_restart();
    let (eve, mut replayed) = server.approved("eve").await;
    eve.join("#general").await.unwrap();
    let again = next_message(&mut replayed).await;
    assert_eq!((again.content.as_str(), again.replay), ("hello", true));
    assert_eq!(again.msg_id, message.msg_id);
    // The others come back by themselves, and the order goes on.
    let back = async {
        while ada.send("#general", "back", None).await.is_err() {
            tokio::task::yield_now().await
        }
    };
    timeout(DEADLINE, back)
        .await
        .expect("ada did not come back");
    let next = next_message(&mut replayed).await;
    assert_eq!((next.content.as_str(), next.offset), ("back", Some(2)));
    for client in [ada, sam, eve] {
        client.shutdown().await;
    }
}
