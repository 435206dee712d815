//! Shells and service managers start programs with a low soft limit of open files; streams need more.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;

use crate::app::TestApp;
use crate::process::Process;

/// More than the program can have with the soft limit that it is started with.
const CONNECTIONS: usize = 120;
const SOFT_LIMIT: usize = 64;
/// Without a descriptor the program would leave a connection waiting.
const PATIENCE: Duration = Duration::from_secs(5);

#[tokio::test]
async fn raises_its_own_limit_of_open_files() {
    let app = TestApp::start().await;
    let mut command = Command::new("sh");
    let lowered = format!("ulimit -Sn {SOFT_LIMIT} && exec \"$0\" serve");
    command.args(["-c", &lowered, env!("CARGO_BIN_EXE_almanac")]);
    let process = Process::spawn(Process::on(&app, command)).await;
    let mut kept = Vec::new();
    for number in 0..CONNECTIONS {
        let mut connection = TcpStream::connect(process.address()).await.expect("a connection");
        let request = b"GET /api/health HTTP/1.1\r\nhost: almanac\r\n\r\n";
        connection.write_all(request).await.expect("the request is sent");
        let mut beginning = [0; 12];
        let read = tokio::time::timeout(PATIENCE, connection.read_exact(&mut beginning)).await;
        read.unwrap_or_else(|_| panic!("connection {number} is not served")).expect("an answer");
        assert_eq!(&beginning, b"HTTP/1.1 200");
        kept.push(connection);
    }
}
