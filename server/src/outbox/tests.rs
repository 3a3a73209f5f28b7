use std::io::Read;

use tokio::net::TcpStream;

use super::*;
use crate::wire::Encoded;

fn put(outbox: &Outbox, out: OutboundFrame) -> Result<Put, Full> {
    outbox.mailbox().put([out].iter(), &mut Joined::default())
}

#[tokio::test]
async fn the_bound_is_in_bytes_and_taking_frees_it() {
    let frame = OutboundFrame::Text(Encoded::text(&"x".repeat(1000 - OVERHEAD)));
    let (outbox, mut queue, _cut) = outbox(2500, None);
    put(&outbox, frame.clone()).unwrap();
    put(&outbox, frame.clone()).unwrap();
    assert!(!outbox.is_behind());
    assert!(put(&outbox, frame.clone()).is_err());
    assert!(outbox.is_behind());
    let mut taken = vec![];
    assert!(queue.take(&mut taken).await);
    assert_eq!((taken.len(), outbox.waiting()), (2, 0));
    // What would fit comes to nothing after what did not.
    put(&outbox, frame).unwrap();
    assert_eq!(outbox.waiting(), 0);
}

#[tokio::test]
async fn a_close_always_fits() {
    let frame = OutboundFrame::Text(Encoded::text(&"x".repeat(1000 - OVERHEAD)));
    let (outbox, mut queue, _cut) = outbox(1000, None);
    put(&outbox, frame).unwrap();
    put(&outbox, OutboundFrame::Close(1000, "bye")).unwrap();
    let mut taken = vec![];
    assert!(queue.take(&mut taken).await);
    assert!(matches!(
        taken[..],
        [OutboundFrame::Text(_), OutboundFrame::Close(1000, "bye")]
    ));
}

#[tokio::test]
async fn no_more_is_taken_than_goes_out_in_one_write() {
    let (outbox, mut queue, _cut) = outbox(1 << 30, None);
    for size in [TAKEN / 2, TAKEN / 2, 2 * TAKEN, 1] {
        put(
            &outbox,
            OutboundFrame::Text(Encoded::text(&"x".repeat(size))),
        )
        .unwrap();
    }
    drop(outbox);
    let mut counts = vec![];
    let mut taken = vec![];
    while queue.take(&mut taken).await {
        counts.push(std::mem::take(&mut taken).len());
    }
    assert_eq!(counts, [1, 1, 1, 1]);
}

#[tokio::test]
async fn a_session_that_waits_is_woken_and_learns_of_the_end() {
    let (outbox, mut queue, _cut) = outbox(2500, None);
    let waits = tokio::spawn(async move {
        let (mut taken, mut count) = (vec![], 0);
        while queue.take(&mut taken).await {
            count += std::mem::take(&mut taken).len();
        }
        count
    });
    tokio::task::yield_now().await;
    put(&outbox, OutboundFrame::More).unwrap();
    tokio::task::yield_now().await;
    put(&outbox, OutboundFrame::More).unwrap();
    drop(outbox);
    assert_eq!(waits.await.unwrap(), 2);
}

/// What the session does while nothing ends it: it writes what it takes out. Gives how often it was needed.
async fn carry(queue: &mut Queue, socket: &OwnedWriteHalf) -> usize {
    let (mut taken, mut times) = (vec![], 0);
    while queue.take(&mut taken).await {
        times += 1;
        for out in taken.drain(..) {
            let mut rest = out.bytes().unwrap().clone();
            while !rest.is_empty() {
                socket.writable().await.unwrap();
                let written = socket.try_write(&rest).unwrap_or(0);
                rest = rest.slice(written..);
            }
        }
    }
    times
}

fn frame(number: usize) -> OutboundFrame {
    OutboundFrame::Text(Encoded::text(&format!("{number:0>40000}")))
}

fn expected(range: std::ops::Range<usize>) -> Vec<u8> {
    let outbound = range.map(frame);
    outbound
        .flat_map(|out| out.bytes().unwrap().to_vec())
        .collect()
}

#[tokio::test]
async fn what_a_socket_takes_goes_past_and_the_order_stays() {
    let (socket, mut client) = sockets().await;
    let (outbox, mut queue, _cut) = outbox(1 << 30, Some(socket.clone()));
    let mut joined = Joined::default();
    let put = outbox.mailbox().put(
        [frame(0), frame(1), OutboundFrame::More].iter(),
        &mut joined,
    );
    assert_eq!((put.unwrap(), outbox.waiting()), (Put::Sent, 0));
    let mut received = vec![0; expected(0..2).len()];
    client.read_exact(&mut received).unwrap();
    assert!(received == expected(0..2));

    for pair in 1..100 {
        let both = [frame(2 * pair), frame(2 * pair + 1)];
        outbox.mailbox().put(both.iter(), &mut joined).unwrap();
    }
    assert!(outbox.waiting() > 0);
    drop(outbox);
    let received = std::thread::spawn(move || {
        let mut received = vec![0; expected(2..200).len()];
        client.read_exact(&mut received).unwrap();
        assert!(received == expected(2..200));
    });
    assert!(carry(&mut queue, &socket).await > 0);
    received.join().unwrap();
}

/// A socket of the server, and the client's.
async fn sockets() -> (Arc<OwnedWriteHalf>, std::net::TcpStream) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let socket = TcpStream::connect(listener.local_addr().unwrap());
    let (_, socket) = socket.await.unwrap().into_split();
    let socket = Arc::new(socket);
    socket.writable().await.unwrap();
    (socket, listener.accept().unwrap().0)
}

/// All that a client receives until the end.
fn receives(mut client: std::net::TcpStream) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut received = vec![];
        client.read_to_end(&mut received).unwrap();
        received
    })
}

#[tokio::test]
async fn what_was_begun_is_finished_though_the_rest_is_thrown_away() {
    let (socket, client) = sockets().await;
    let (outbox, mut queue, _cut) = outbox(50_000, Some(socket.clone()));
    let mut count = 0;
    while put(&outbox, frame(count)).is_ok() {
        count += 1;
    }
    queue.clear();
    drop(outbox);
    let received = receives(client);
    assert_eq!(carry(&mut queue, &socket).await, 1);
    drop((socket, queue));
    let received = received.join().unwrap();
    let whole = received.len() / expected(0..1).len();
    assert!(whole < count && received == expected(0..whole), "{whole}");
}

#[tokio::test]
async fn history_has_no_weight_also_when_the_socket_takes_a_part_of_it() {
    let (socket, client) = sockets().await;
    let (outbox, mut queue, _cut) = outbox(1000, Some(socket.clone()));
    let history = expected(0..500);
    let replay = OutboundFrame::Replay(history.clone().into());
    assert_eq!(put(&outbox, replay).unwrap(), Put::Queued);
    assert_eq!(outbox.waiting(), 0);
    drop(outbox);
    let received = receives(client);
    carry(&mut queue, &socket).await;
    drop((socket, queue));
    assert!(received.join().unwrap() == history);
}
