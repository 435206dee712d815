//! The program is asked to stop while it is busy.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::program::run_alone;
use crate::app::{Actor, TestApp};
use crate::chat::reading::{Reading, ai_sdk_body, messages, parts, text};
use crate::fakes::model::{ModelFake, Script};
use crate::process::Process;

const WORDS: usize = 30;
/// Less than the grace of a program that is told none.
const PATIENCE: Duration = Duration::from_secs(20);

/// The product, somebody who uses it, a model, and a process of the product that talks to it.
async fn start(grace_seconds: &str) -> (TestApp, Actor, ModelFake, Process) {
    let fake = ModelFake::start().await;
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let base_url = fake.base_url();
    let settings = [("OPENAI_BASE_URL", base_url.as_str()), ("SHUTDOWN_GRACE_SECONDS", grace_seconds)];
    let process = Process::start(&app, settings).await;
    (app, alice, fake, process)
}

/// A reply that takes one and a half seconds.
fn slow() -> Script {
    Script::new((0..WORDS).map(|word| format!("{word} "))).pause(Duration::from_millis(50))
}

fn whole() -> String {
    slow().chunks.concat()
}

#[tokio::test]
async fn streams_end_properly_and_replies_without_a_reader_too() {
    let (_app, alice, fake, mut process) = start("").await;
    let there = process.seen_by(&alice);
    let mut readings = Vec::new();
    for number in 0..16 {
        fake.enqueue(slow());
        let mut reading = Reading::of_send(&there, &ai_sdk_body(&format!("chat-{number}"), "m", "Count")).await;
        reading.until("0 ").await;
        readings.push(reading);
    }
    // Every fourth client leaves without its reply.
    let (mut stays, mut conversations) = (Vec::new(), Vec::new());
    for (number, reading) in readings.into_iter().enumerate() {
        conversations.push(reading.conversation());
        if number % 4 != 0 {
            stays.push(reading);
        }
    }
    let begun = Instant::now();
    process.terminate();
    let shut = async { while TcpStream::connect(process.address()).await.is_ok() {} };
    tokio::time::timeout(Duration::from_secs(1), shut).await.expect("nobody is let in any more");
    for reading in stays {
        let parts = parts(&reading.rest().await);
        assert_eq!((text(&parts), &parts[parts.len() - 1]["type"]), (whole(), &json!("finish")));
    }
    assert_eq!(process.exited().await, Some(0), "{}", process.written());
    assert!(begun.elapsed() < PATIENCE, "idle connections hold nothing up: {:?}", begun.elapsed());
    for conversation in conversations {
        let reply = messages(&alice, &conversation).await[1].clone();
        assert_eq!((&reply["status"], &reply["content"]), (&json!("complete"), &json!(whole())));
    }
}

/// A reply that says two words and then nothing, and what became of it when the program ends.
async fn cut_off(alice: &Actor, fake: &ModelFake, process: &mut Process, signals: usize) -> Duration {
    let gate = fake.gated(["One ", "two ", "three."]);
    let mut reading = Reading::of_send(&process.seen_by(alice), &json!({"content": "Count"})).await;
    let conversation = reading.conversation();
    gate.release(2);
    reading.until("two ").await;
    let begun = Instant::now();
    process.terminate();
    process.until_written("stopping: what is under way may finish").await;
    for _ in 1..signals {
        process.terminate();
    }
    let parts = parts(&reading.rest().await);
    assert_eq!(text(&parts), "One two ");
    assert_eq!(parts.last().map(|part| &part["code"]), Some(&json!("shut_down")), "{parts:?}");
    assert_eq!(process.exited().await, Some(0), "{}", process.written());
    let took = begun.elapsed();
    // At once, long before the lease of 15 seconds is over.
    let reply = messages(alice, &conversation).await[1].clone();
    assert_eq!((&reply["status"], &reply["content"]), (&json!("interrupted"), &json!("One two ")));
    assert_eq!((&reply["error_code"], &reply["usage"]["estimated"]), (&json!("shut_down"), &json!(true)));
    let body = json!({"conversation_id": conversation, "regenerate": reply["id"]});
    assert_eq!(alice.post("/api/chat", &body).await.status, 200, "the conversation goes on");
    took
}

#[tokio::test]
async fn what_takes_longer_than_the_grace_is_kept_as_far_as_it_came() {
    let (_app, alice, fake, mut process) = start("2").await;
    let took = cut_off(&alice, &fake, &mut process, 1).await;
    assert!((Duration::from_millis(1_500)..PATIENCE).contains(&took), "{took:?}");
}

#[tokio::test]
async fn a_second_signal_cuts_the_grace_short() {
    let (_app, alice, fake, mut process) = start("").await;
    let took = cut_off(&alice, &fake, &mut process, 2).await;
    assert!(took < PATIENCE, "{took:?}");
}

#[tokio::test]
async fn kept_connections_are_closed() {
    let (_app, alice, fake, mut process) = start("").await;
    let gate = fake.gated(["One."]);
    let token = alice.token.as_deref().expect("a token");
    let body = json!({"content": "Count"}).to_string();
    let head = format!(
        "POST /api/chat HTTP/1.1\r\nhost: a\r\naccept: application/json\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut busy = TcpStream::connect(process.address()).await.expect("a connection");
    busy.write_all(format!("{head}{body}").as_bytes()).await.expect("sent");
    fake.wait_for_requests(1).await;
    let mut idle = TcpStream::connect(process.address()).await.expect("a connection");
    idle.write_all(b"GET /api/health HTTP/1.1\r\nhost: a\r\n\r\n").await.expect("sent");
    let mut answer = [0; 4096];
    let len = idle.read(&mut answer).await.expect("an answer");
    assert!(answer[..len].starts_with(b"HTTP/1.1 200"));
    let silent = TcpStream::connect(process.address()).await.expect("a connection on which nothing is asked");

    process.terminate();
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.expect("the idle one is closed");
    gate.finish();
    let mut answer = String::new();
    busy.read_to_string(&mut answer).await.expect("the busy one is answered, then closed");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\r\nconnection: close\r\n"), "{answer}");
    assert!(answer.contains(r#""content":"One.""#), "{answer}");
    assert_eq!(process.exited().await, Some(0), "{}", process.written());
    drop(silent);
}

#[tokio::test]
async fn a_wrong_grace_is_told() {
    let app = TestApp::start().await;
    for wrong in ["soon", "-1", "86400"] {
        let settings = Process::settings(&app).into_iter().chain([("SHUTDOWN_GRACE_SECONDS", wrong.to_owned())]);
        let (is_well, told) = run_alone(&["serve"], settings).await;
        assert!(!is_well && told.contains("The setting SHUTDOWN_GRACE_SECONDS: "), "{told}");
    }
}
