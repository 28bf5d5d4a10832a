use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::{Ipv4Addr, Shutdown};
use std::pin::Pin;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::{Turn, Turned};

const PATIENCE: Duration = Duration::from_secs(10);
/// Long enough for what should not come.
const A_WHILE: Duration = Duration::from_millis(50);

async fn connection(turn: Option<Turn>) -> (Turned, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (far, _) = listener.accept().await.unwrap();
    (Turned::new(near, turn), far)
}

async fn read(far: &mut TcpStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    timeout(PATIENCE, far.read_exact(&mut bytes)).await.expect("it comes").unwrap();
    bytes
}

/// Bytes that tell their place.
fn counted(count: usize) -> Vec<u8> {
    (0..count).map(|place| u8::try_from(place % 251).unwrap()).collect()
}

async fn shut(stream: &mut Turned) -> io::Result<()> {
    timeout(PATIENCE, stream.shutdown()).await.expect("it ends")
}

#[tokio::test]
async fn small_writes_wait_for_the_end_of_the_turn() {
    let turn = Turn::default();
    let (mut near, mut far) = connection(Some(turn.clone())).await;
    near.write_all(b"first, ").await.unwrap();
    near.write_all(b"second").await.unwrap();
    near.flush().await.unwrap();
    let mut early = [0; 1];
    assert!(timeout(A_WHILE, far.peek(&mut early)).await.is_err(), "nothing has gone");
    tokio::spawn(turn.run());
    assert_eq!(read(&mut far, 13).await, b"first, second");
}

#[tokio::test]
async fn without_a_turn_every_write_goes_at_once() {
    let (mut near, mut far) = connection(None).await;
    near.write_all(b"now").await.unwrap();
    assert_eq!(read(&mut far, 3).await, b"now");
}

#[tokio::test]
async fn a_runtime_of_several_threads_has_no_turn() {
    assert!(Turn::of_this_runtime().is_some());
    let several = tokio::task::spawn_blocking(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        runtime.block_on(async { Turn::of_this_runtime() })
    });
    assert!(several.await.unwrap().is_none());
}

#[tokio::test]
async fn a_large_write_goes_behind_the_small_ones_before_it() {
    let (mut near, mut far) = connection(Some(Turn::default())).await;
    let bytes = counted(20_000);
    near.write_all(&bytes[..10]).await.unwrap();
    near.write_all(&bytes[10..]).await.unwrap();
    assert_eq!(read(&mut far, bytes.len()).await, bytes);
}

#[tokio::test]
async fn too_much_for_one_turn_does_not_wait_for_its_end() {
    let (mut near, mut far) = connection(Some(Turn::default())).await;
    let bytes = counted(600_000);
    let reading = tokio::spawn(async move { read(&mut far, 500_000).await });
    for piece in bytes.chunks(1000) {
        timeout(PATIENCE, near.write_all(piece)).await.expect("there is room").unwrap();
    }
    assert_eq!(reading.await.unwrap(), bytes[..500_000]);
}

#[tokio::test]
async fn who_does_not_read_gets_no_more_until_he_does_and_then_all_in_order() {
    let turn = Turn::default();
    tokio::spawn(turn.clone().run());
    let (mut near, mut far) = connection(Some(turn)).await;
    let bytes = counted(64 << 20);
    let mut written = 0;
    while let Ok(count) = timeout(A_WHILE, near.write(&bytes[written..written + 999])).await {
        written += count.unwrap();
        tokio::task::yield_now().await;
        assert!(written < bytes.len() - 999, "it is taken without end");
    }
    let reading = tokio::spawn(async move { read(&mut far, written + 5000).await });
    timeout(PATIENCE, near.write_all(&bytes[written..written + 5000])).await.expect("there is room").unwrap();
    assert_eq!(reading.await.unwrap(), bytes[..written + 5000]);
}

#[tokio::test]
async fn pieces_of_every_size_stay_in_order_to_the_end() {
    let turn = Turn::default();
    tokio::spawn(turn.clone().run());
    for sizes in [[0, 1, 2], [10, 4000, 86], [10, 4000, 87], [5000, 1, 5000], [4096, 4096, 4096]] {
        let (mut near, mut far) = connection(Some(turn.clone())).await;
        let reading = tokio::spawn(async move {
            let mut bytes = Vec::new();
            far.read_to_end(&mut bytes).await.map(|_| bytes)
        });
        let bytes = counted(sizes.iter().sum::<usize>() * 10);
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            for size in sizes {
                let (first, second) = rest.split_at(size.min(rest.len()) / 2);
                let pieces =
                    [IoSlice::new(first), IoSlice::new(&second[..size.div_ceil(2).min(second.len())])];
                let count =
                    poll_fn(|context| Pin::new(&mut near).poll_write_vectored(context, &pieces)).await;
                rest = &rest[count.unwrap()..];
            }
        }
        shut(&mut near).await.unwrap();
        assert_eq!(timeout(PATIENCE, reading).await.unwrap().unwrap().unwrap(), bytes, "{sizes:?}");
    }
}

#[tokio::test]
async fn who_reads_is_told_that_nothing_of_a_request_has_gone() {
    let turn = Turn::default();
    tokio::spawn(turn.clone().run());
    let (mut near, _far) = connection(Some(turn)).await;
    SockRef::from(near.stream()).shutdown(Shutdown::Write).unwrap();
    near.write_all(b"request").await.unwrap();
    let error = timeout(PATIENCE, near.read(&mut [0])).await.expect("it is told").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    assert!(near.is_unsent());
    assert_eq!(near.write(b"more").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
}

#[tokio::test]
async fn what_is_kept_goes_though_its_connection_is_dropped() {
    let turn = Turn::default();
    let (mut near, mut far) = connection(Some(turn.clone())).await;
    near.write_all(b"farewell").await.unwrap();
    drop(near);
    tokio::spawn(turn.run());
    assert_eq!(read(&mut far, 8).await, b"farewell");
    assert_eq!(timeout(PATIENCE, far.read(&mut [0])).await.expect("it is closed").unwrap(), 0);
}

/// Writes until the peer, who does not read, has no room for more. How much it was.
async fn fill(near: &mut Turned) -> usize {
    let mut written = 0;
    while let Ok(count) = timeout(A_WHILE, near.write(&[0; 1000])).await {
        written += count.unwrap();
        tokio::task::yield_now().await;
    }
    written
}

#[tokio::test]
async fn what_is_left_goes_to_a_slow_peer_though_its_connection_is_dropped() {
    let turn = Turn::default();
    tokio::spawn(turn.clone().run());
    let (mut near, mut far) = connection(Some(turn)).await;
    let written = fill(&mut near).await;
    assert!(near.owes());
    drop(near);
    tokio::time::sleep(A_WHILE).await;
    let mut got = Vec::new();
    timeout(PATIENCE, far.read_to_end(&mut got)).await.expect("it is closed").unwrap();
    assert_eq!(got.len(), written);
}

#[tokio::test]
async fn nobody_waits_without_end_for_a_peer_that_does_not_read() {
    for dropped_in_the_turn in [false, true] {
        let turn = Turn::default();
        let (mut near, far) = connection(Some(turn.clone())).await;
        let sending = near.sending();
        if dropped_in_the_turn {
            let filling = vec![0; 64 << 10];
            while timeout(A_WHILE, near.write(&filling)).await.is_ok() {}
            // What the system makes room for meanwhile.
            while near.stream().try_write(&filling).is_ok() {}
            near.write_all(b"and so on").await.unwrap();
            drop(near);
            tokio::spawn(turn.run());
        } else {
            tokio::spawn(turn.run());
            fill(&mut near).await;
            drop(near);
        }
        let gone = async {
            while sending.strong_count() > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(PATIENCE, gone).await.expect("it is given up");
        drop(far);
    }
}

#[tokio::test]
async fn when_nobody_sends_any_more_what_is_kept_has_gone_and_writes_go_at_once() {
    let turn = Turn::default();
    let (mut near, mut far) = connection(Some(turn.clone())).await;
    let running = tokio::spawn(turn.run());
    tokio::task::yield_now().await;
    near.write_all(b"kept, ").await.unwrap();
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    near.write_all(b"at once").await.unwrap();
    assert_eq!(read(&mut far, 13).await, b"kept, at once");
}

#[tokio::test]
async fn one_connection_does_not_fill_the_turn() {
    let turn = Turn::default();
    let (mut near, mut far) = connection(Some(turn)).await;
    near.write_all(&counted(4000)).await.unwrap();
    let mut early = [0; 1];
    assert!(timeout(A_WHILE, far.peek(&mut early)).await.is_err(), "nothing has gone");
    for _ in 0..4 {
        near.write_all(&counted(4000)).await.unwrap();
    }
    read(&mut far, 20_000).await;
}
