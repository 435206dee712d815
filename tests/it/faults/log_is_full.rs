//! The program's own log has no room left: that is no reason to refuse anybody.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};

use super::load::{Writer, check_stored};
use crate::app::{Actor, TestApp};
use crate::process::Process;

const PATIENCE: Duration = Duration::from_secs(20);

/// Starts the program with both its outputs on a full device, and waits until it serves.
async fn start(app: &TestApp) -> (Child, String) {
    let address = free_address();
    let full = || File::options().write(true).open("/dev/full").expect("the full device");
    let mut command = Command::new(env!("CARGO_BIN_EXE_almanac"));
    command.arg("serve");
    let mut command = Process::on(app, command);
    command.env("PORT", address.port().to_string()).stdout(full()).stderr(full()).kill_on_drop(true);
    let mut child = command.spawn().expect("the program starts");
    let begun = Instant::now();
    while tokio::net::TcpStream::connect(address).await.is_err() {
        assert!(begun.elapsed() < PATIENCE, "the program does not serve");
        assert!(child.try_wait().expect("it can be waited for").is_none(), "the program ended");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    (child, format!("http://{address}"))
}

/// A port that is free now; the program cannot tell which one it took.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address")
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
