//! A model server that costs little: Chat Completions as a stream of 50 chunks.
//!
//! The model's name says how it answers: [`BURST`] sends a chunk as soon as the one before it is written, [`PACED`]
//! one every [`CHUNK_INTERVAL`], [`SLOW`] one every [`SLOW_INTERVAL`], and [`STAMPED`] is paced with the time of its
//! making as each chunk's text. The words make ten sentences of five, so that a proxy that speaks in sentences can be measured as well.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep_until};

use crate::sample::now_us;
use crate::wire::Connection;

pub(crate) const BURST: &str = "bench-burst";
pub(crate) const PACED: &str = "bench-paced";
pub(crate) const SLOW: &str = "bench-slow";
pub(crate) const STAMPED: &str = "bench-stamped";
/// How many chunks have text.
pub(crate) const CHUNKS: u32 = 50;
/// The time between two paced chunks.
pub(crate) const CHUNK_INTERVAL: Duration = Duration::from_millis(5);
/// The same for those that last long.
pub(crate) const SLOW_INTERVAL: Duration = Duration::from_millis(300);
/// In the first chunk with text, and nowhere else.
pub(crate) const FIRST_WORD: &str = "Alpha";
/// In the chunk that shows the first sentence to be over, and nowhere else.
pub(crate) const SECOND_SENTENCE: &str = "Bravo";

const WORDS_PER_SENTENCE: u32 = 5;
const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
const END: &str = "0\r\n\r\n";

/// Serves until the process is ended, on a port of its own, which it prints.
pub(crate) async fn serve() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    accept(listener).await
}

/// Serves in this process, for measurements whose CPU time is not counted here.
pub(crate) async fn spawn() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(accept(listener));
    Ok(address)
}

/// The same in a process of its own, so that its time is not the generator's.
pub(crate) async fn start() -> Result<(Child, SocketAddr)> {
    let mut command = Command::new(std::env::current_exe()?);
    let mut child = command.arg("upstream").stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
    let mut lines = BufReader::new(child.stdout.take().context("no output")?).lines();
    let address = lines.next_line().await?.context("the upstream does not start")?.parse()?;
    Ok((child, address))
}

/// All words of an answer.
pub(crate) fn whole_text() -> String {
    (0..CHUNKS).map(word).collect()
}

async fn accept(listener: TcpListener) -> Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        // A client that leaves in the middle is no concern of the others.
        tokio::spawn(converse(stream));
    }
}

async fn converse(stream: TcpStream) -> Result<()> {
    let mut connection = Connection::new(stream)?;
    let frames: Vec<String> = (0..CHUNKS).map(|index| content(&word(index))).collect();
    while let Some(mut head) = connection.request().await? {
        let body = connection.body(&mut head, |_, _| {}).await?;
        let asks_for = |model: &str| memchr::memmem::find(&body, model.as_bytes()).is_some();
        let is_stamped = asks_for(STAMPED);
        let is_paced = is_stamped || asks_for(PACED);
        let interval = if asks_for(SLOW) { Some(SLOW_INTERVAL) } else { is_paced.then_some(CHUNK_INTERVAL) };
        let begun = Instant::now();
        let role = frame(r#"{"role":"assistant","content":""}"#, "null");
        connection.write(format!("{HEAD}{role}").as_bytes()).await?;
        for index in 0..CHUNKS {
            // Even a sleep of no time would last until the timer's next tick.
            if index > 0
                && let Some(interval) = interval
            {
                sleep_until(begun + interval * index).await;
            }
            if is_stamped {
                connection.write(content(&format!("<{}> ", now_us())).as_bytes()).await?;
            } else {
                connection.write(frames[index as usize].as_bytes()).await?;
            }
        }
        connection.write(ending().as_bytes()).await?;
    }
    Ok(())
}

/// `Alpha word word word end. Bravo word …`
fn word(index: u32) -> String {
    let place = index % WORDS_PER_SENTENCE;
    match (index, place) {
        (0, _) => format!("{FIRST_WORD} "),
        (WORDS_PER_SENTENCE, _) => format!("{SECOND_SENTENCE} "),
        (_, 0) => "Then ".to_owned(),
        (_, place) if place == WORDS_PER_SENTENCE - 1 => "end. ".to_owned(),
        _ => "word ".to_owned(),
    }
}

fn content(text: &str) -> String {
    frame(&format!(r#"{{"content":"{text}"}}"#), "null")
}

fn frame(delta: &str, finish_reason: &str) -> String {
    chunk(&format!(
        "data: {{\"id\":\"chatcmpl-0\",\"object\":\"chat.completion.chunk\",\"created\":1795000000,\"model\":\"bench\",\
         \"choices\":[{{\"index\":0,\"delta\":{delta},\"logprobs\":null,\"finish_reason\":{finish_reason}}}]}}\n\n"
    ))
}

fn ending() -> String {
    let usage = "data: {\"id\":\"chatcmpl-0\",\"object\":\"chat.completion.chunk\",\"created\":1795000000,\
        \"model\":\"bench\",\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":50,\"total_tokens\":59}}\n\n";
    format!("{}{}{}{END}", frame("{}", "\"stop\""), chunk(usage), chunk("data: [DONE]\n\n"))
}

fn chunk(data: &str) -> String {
    format!("{:x}\r\n{data}\r\n", data.len())
}
