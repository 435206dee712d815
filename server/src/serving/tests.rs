use std::net::SocketAddr;

use axum::body::Body;
use axum::routing::{get, post};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::*;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";
/// The head of a request with a body of 100 bytes.
const SENDING: &[u8] = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n";
/// Longer than anything that does not hang.
const PATIENCE: Duration = Duration::from_secs(20);
/// So short that tests can wait for it, and longer than a busy machine keeps a client waiting.
const SHORT: Patience = {
    let short = Duration::from_secs(2);
    Patience { head: short, pause: short, bytes_per_second: 100, unread: short }
};

/// A server with two routes: one that answers slowly, and one that tells how many bytes were sent.
async fn start(patience: Patience) -> (Serving, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let count = async |base::extract::Body(bytes): base::extract::Body| bytes.len().to_string();
    let router = Router::new().route("/", get(async || "here")).route("/", post(count)).route("/slow", get(slow));
    let router = router.route("/endless", get(endless));
    (Serving::start(listener, router, patience), address)
}

/// Takes longer than a request may.
async fn slow() -> Body {
    let words = futures_util::stream::unfold(0, async |number| {
        sleep(SHORT.head / 2).await;
        (number < 5).then(|| (Ok::<_, std::io::Error>(format!("{number} ")), number + 1))
    });
    Body::from_stream(words)
}

/// Goes on for as long as somebody reads.
async fn endless() -> Body {
    let chunk = axum::body::Bytes::from(vec![b'x'; 64 * 1024]);
    Body::from_stream(futures_util::stream::repeat(Ok::<_, std::convert::Infallible>(chunk)))
}

/// All that comes until the connection ends, however it ends.
async fn rest(mut connection: impl AsyncRead + Unpin) -> String {
    let mut bytes = Vec::new();
    let ended = timeout(PATIENCE, connection.read_to_end(&mut bytes)).await;
    // Whoever is still sending is told with a reset.
    let _how = ended.unwrap_or_else(|_| panic!("the connection is held: {}", String::from_utf8_lossy(&bytes)));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Sends these bytes and then one after another, ten in the time of a pause, and gives all that comes.
async fn dribble(address: SocketAddr, beginning: &[u8]) -> String {
    let mut connection = TcpStream::connect(address).await.expect("a connection");
    connection.write_all(beginning).await.expect("sent");
    let (reading, mut writing) = connection.into_split();
    tokio::spawn(async move {
        while writing.write_all(b"x").await.is_ok() {
            sleep(SHORT.pause / 10).await;
        }
    });
    rest(reading).await
}

fn check(given: &str, expected: Option<u64>) {
    let grace = Grace::from_env(&Env::from_pairs([("SHUTDOWN_GRACE_SECONDS", given)]));
    assert_eq!(grace.ok(), expected.map(|seconds| Grace(Duration::from_secs(seconds))), "{given:?}");
}

#[test]
fn the_grace_is_bounded() {
    check("", Some(30));
    check("0", Some(0));
    check("3600", Some(3600));
    for wrong in ["3601", "-1", "1.5", "a minute"] {
        check(wrong, None);
    }
}

#[tokio::test]
async fn who_asks_at_the_last_moment_is_answered_for_the_last_time() {
    let (mut serving, address) = start(Patience::default()).await;
    let mut kept = TcpStream::connect(address).await.expect("a connection");
    let mut answer = [0; 1024];
    kept.write_all(REQUEST).await.expect("sent");
    let len = kept.read(&mut answer).await.expect("answered");
    assert!(!String::from_utf8_lossy(&answer[..len]).contains("close"), "the connection is kept");
    // Its request is in the queue when the door is shut.
    let mut queued = TcpStream::connect(address).await.expect("a connection");
    queued.write_all(REQUEST).await.expect("sent");
    serving.is_closing.send_replace(true);
    kept.write_all(REQUEST).await.expect("sent");
    let finished = tokio::spawn(async move { serving.finish().await });
    for connection in [&mut kept, &mut queued] {
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.expect("answered and closed");
        assert!(answer.contains("\r\nconnection: close\r\n") && answer.ends_with("here"), "{answer}");
    }
    finished.await.expect("it comes to an end");
    assert!(TcpStream::connect(address).await.is_err());
}

#[test]
fn storing_has_a_part_of_it() {
    let parts = |seconds| {
        let grace = Grace(Duration::from_secs(seconds));
        (grace.working_time().as_millis(), grace.store_time().as_millis())
    };
    assert_eq!(parts(30), (27_000, 3_000));
    assert_eq!(parts(10), (9_000, 1_000));
    assert_eq!(parts(1), (500, 500));
    assert_eq!(parts(0), (0, 500));
    assert_eq!(parts(3600), (3_597_000, 3_000));
}

#[tokio::test]
async fn nobody_is_waited_for_without_end() {
    let (_serving, address) = start(SHORT).await;
    let mut silent = TcpStream::connect(address).await.expect("a connection");
    let mut kept = TcpStream::connect(address).await.expect("a connection");
    kept.write_all(REQUEST).await.expect("sent");
    let beginning = &REQUEST[..REQUEST.len() - 2];
    let (silence, answer, dribbled) = tokio::join!(rest(&mut silent), rest(&mut kept), dribble(address, beginning));
    assert_eq!((silence.as_str(), dribbled.as_str()), ("", ""));
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("here"), "it was answered once: {answer}");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up() {
    let (_serving, address) = start(SHORT).await;
    let mut stalled = TcpStream::connect(address).await.expect("a connection");
    stalled.write_all(SENDING).await.expect("sent");
    stalled.write_all(&[b'x'; 50]).await.expect("sent");
    let (stalled, dribbled) = tokio::join!(rest(&mut stalled), dribble(address, SENDING));
    for answer in [stalled, dribbled] {
        assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("\r\nconnection: close\r\n"), "{answer}");
        assert!(answer.contains("\"code\":\"body_timeout\""), "{answer}");
    }
}

#[tokio::test]
async fn who_comes_slowly_but_steadily_is_waited_for() {
    let (_serving, address) = start(Patience { bytes_per_second: 1, ..SHORT }).await;
    let mut steady = TcpStream::connect(address).await.expect("a connection");
    let begun = Instant::now();
    steady.write_all(SENDING).await.expect("sent");
    for _ in 0..20 {
        sleep(SHORT.pause / 10).await;
        steady.write_all(b"12345").await.expect("sent");
    }
    assert!(begun.elapsed() > SHORT.pause.max(SHORT.head), "a test of nothing");
    let mut answer = [0; 1024];
    let len = steady.read(&mut answer).await.expect("answered");
    let answer = String::from_utf8_lossy(&answer[..len]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("\r\n\r\n100"), "{answer}");
}

#[tokio::test]
async fn a_slow_answer_is_nobodys_fault() {
    let (_serving, address) = start(SHORT).await;
    let mut reading = TcpStream::connect(address).await.expect("a connection");
    reading.write_all(b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n").await.expect("sent");
    let answer = rest(&mut reading).await;
    for word in ["0 ", "1 ", "2 ", "3 ", "4 ", "\r\n0\r\n\r\n"] {
        assert!(answer.contains(word), "{word:?} is missing: {answer}");
    }
}

#[tokio::test]
async fn who_reads_nothing_is_left() {
    let (serving, address) = start(SHORT).await;
    let mut reading = TcpStream::connect(address).await.expect("a connection");
    let mut resting = TcpStream::connect(address).await.expect("a connection");
    for connection in [&mut reading, &mut resting] {
        connection.write_all(b"GET /endless HTTP/1.1\r\nhost: a\r\n\r\n").await.expect("sent");
    }
    let mut chunk = vec![0; 64 * 1024];
    let begun = Instant::now();
    // Longer than one who reads nothing is waited for.
    while begun.elapsed() < SHORT.unread * 2 {
        reading.read_exact(&mut chunk).await.expect("who reads gets more");
    }
    // What is on its way already can be read, and then it is over.
    let left = async { while resting.read(&mut chunk).await.is_ok_and(|count| count > 0) {} };
    timeout(PATIENCE, left).await.expect("the connection is held");
    reading.read_exact(&mut chunk).await.expect("who reads gets more");
    drop(serving);
}
