//! The program's own log has no room left: that is no reason to refuse anybody.

use std::fs::File;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};

use super::load::{Writer, check_stored};
use crate::app::{Actor, TestApp};
use crate::process::Process;

const PATIENCE: Duration = Duration::from_secs(20);

/// Starts the program with both its outputs on a full device, and waits until it listens.
async fn start(app: &TestApp) -> (Child, String) {
    let full = || File::options().write(true).open("/dev/full").expect("the full device");
    let mut command = Command::new(env!("CARGO_BIN_EXE_almanac"));
    command.arg("serve");
    let mut command = Process::on(app, command);
    let mut child = command.stdout(full()).stderr(full()).kill_on_drop(true).spawn().expect("the program starts");
    let begun = Instant::now();
    let port = loop {
        assert!(child.try_wait().expect("it can be waited for").is_none(), "the program ended");
        assert!(begun.elapsed() < PATIENCE, "the program does not listen");
        match child.id().and_then(port_of) {
            Some(port) => break port,
            None => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    (child, format!("http://127.0.0.1:{port}"))
}

/// The port that a process listens on, as the system knows it: the program itself cannot tell.
fn port_of(pid: u32) -> Option<u16> {
    let files = std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
    let links: Vec<PathBuf> = files.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok()).collect();
    let table = std::fs::read_to_string(format!("/proc/{pid}/net/tcp")).ok()?;
    table.lines().skip(1).find_map(|line| {
        // Among others the local address, the state, and the number of the socket.
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let (_, port) = fields[1].split_once(':')?;
        let is_listening = fields[3] == "0A" && links.contains(&PathBuf::from(format!("socket:[{}]", fields[9])));
        is_listening.then(|| u16::from_str_radix(port, 16).expect("a port in hexadecimal"))
    })
}

#[tokio::test]
async fn serves_on_when_its_log_is_full() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let (mut child, url) = start(&app).await;
    let token = alice.token.clone().expect("a token");
    let visitor = Actor::of(&url);
    let alice = visitor.with_token(token);
    let mut writer = Writer::new(alice.clone(), "task");
    for _ in 0..5 {
        assert!(writer.write_one().await);
        visitor.get("/api/tasks").await.assert_problem(401, "token_missing");
    }
    check_stored(&alice, [&writer.written].into_iter()).await;
    assert!(child.try_wait().expect("it can be waited for").is_none(), "the program ended");
}
