//! The program `almanac serve` in a process of its own, on a test's database, with all that it writes.

use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use crate::app::{Actor, TestApp};

/// Longer than anything that does not hang.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running program. It is killed when dropped.
pub(crate) struct Process {
    child: Child,
    url: String,
    written: Arc<Mutex<String>>,
    lines: watch::Receiver<usize>,
}

impl Process {
    /// Starts it on the database of `app`, with the same signing key and these settings, and waits until it serves.
    pub(crate) async fn start<const N: usize>(app: &TestApp, settings: [(&str, &str); N]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_almanac"));
        command.arg("serve");
        let mut command = Self::on(app, command);
        command.envs(settings);
        Self::spawn(command).await
    }

    /// The same command with what leads to the database of `app`, and nothing else from the environment.
    pub(crate) fn on(app: &TestApp, mut command: Command) -> Command {
        command.env_clear().envs(Self::settings(app));
        command
    }

    /// What leads to the database of `app`.
    pub(crate) fn settings(app: &TestApp) -> [(&'static str, String); 5] {
        [
            ("PORT", "0".to_owned()),
            ("DATABASE_URL", app.database.url("almanac_app")),
            ("DATABASE_SERVICE_URL", app.database.url("almanac_service")),
            ("AUTH_SIGNING_KEY", app.signing_key().to_owned()),
            ("PUBLIC_URL", app.base_url.clone()),
        ]
    }

    /// Starts it by a command that is it or becomes it, and waits until it serves.
    pub(crate) async fn spawn(mut command: Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("the program starts");
        let (count, lines) = watch::channel(0);
        let (written, count) = (Arc::<Mutex<String>>::default(), Arc::new(count));
        tokio::spawn(keep(child.stdout.take().expect("a pipe"), Arc::clone(&written), Arc::clone(&count)));
        tokio::spawn(keep(child.stderr.take().expect("a pipe"), Arc::clone(&written), count));
        let mut process = Self { child, url: String::new(), written, lines };
        process.url = process.wait_for(url_of).await;
        process
    }

    /// Somebody who has never been here.
    pub(crate) fn visitor(&self) -> Actor {
        Actor::of(&self.url)
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id().expect("it was not waited for")
    }

    /// Somebody who comes to this program.
    pub(crate) fn seen_by(&self, actor: &Actor) -> Actor {
        let visitor = Actor::of(&self.url);
        actor.token.as_deref().map_or_else(|| visitor.clone(), |token| visitor.with_token(token))
    }

    /// All that was written so far, standard output and error mixed.
    pub(crate) fn written(&self) -> String {
        self.written.lock().expect("no holder panics").clone()
    }

    /// Waits for the log line of the request with this id.
    pub(crate) async fn line_of(&self, request_id: &str) -> Value {
        self.wait_for(|written| {
            let lines = written.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            lines.into_iter().find(|line| line["message"] == "request" && line["request_id"] == request_id)
        })
        .await
    }

    /// Waits until this was written.
    pub(crate) async fn until_written(&self, text: &str) {
        self.wait_for(|written| written.contains(text).then_some(())).await;
    }

    /// Waits until something can be found in what was written.
    async fn wait_for<T>(&self, find: impl Fn(&str) -> Option<T>) -> T {
        let mut lines = self.lines.clone();
        let found = async {
            loop {
                lines.borrow_and_update();
                if let Some(found) = find(&self.written()) {
                    return found;
                }
                lines.changed().await.expect("the program writes on");
            }
        };
        tokio::time::timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("it never came: {}", self.written()))
    }

    /// Asks the program to end (`SIGTERM`).
    pub(crate) fn terminate(&self) {
        let pid = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        kill_process(pid.expect("it runs"), Signal::TERM).expect("the signal is sent");
    }

    /// Waits until the program has ended by itself, and gives its exit code.
    pub(crate) async fn exited(&mut self) -> Option<i32> {
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        let ended = ended.unwrap_or_else(|_| panic!("it does not end: {}", self.written()));
        ended.expect("it can be waited for").code()
    }

    /// The address and port it listens on.
    pub(crate) fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// Kills the program (`SIGKILL`), and gives all that it wrote.
    pub(crate) async fn end(mut self) -> String {
        self.child.kill().await.expect("the program is killed");
        let closed = async { while self.lines.changed().await.is_ok() {} };
        tokio::time::timeout(PATIENCE, closed).await.expect("the pipes close");
        self.written()
    }
}

/// The address that the program says it serves at, once the line is whole.
fn url_of(written: &str) -> Option<String> {
    let (line, _) = written.split_once(" serves at ")?.1.split_once('\n')?;
    line.split(' ').next().map(str::to_owned)
}

/// Reads to the end, so that the program never waits for a reader.
async fn keep(pipe: impl AsyncRead + Unpin, written: Arc<Mutex<String>>, count: Arc<watch::Sender<usize>>) {
    let mut reader = BufReader::new(pipe);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).await.is_ok_and(|bytes| bytes > 0) {
        written.lock().expect("no holder panics").push_str(&String::from_utf8_lossy(&line));
        count.send_modify(|count| *count += 1);
        line.clear();
    }
}
