//! One program with what it is asked, and what it showed.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::deployment::Deployment;
use super::encrypted::Roots;
use super::{BARE, zipped};
use crate::almanac::User;
use crate::process::{self, Running};
use crate::runtime_api::{ANSWERS, Answer, RuntimeApi, event};
use crate::sample::{ms, now_us};
use crate::upstream::STAMPED;

/// How long after its first poll a process has settled.
const SETTLING: Duration = Duration::from_millis(50);

pub(super) struct Candidate {
    pub(super) name: String,
    pub(super) roots: Roots,
    pub(super) zip_mb: f64,
    pub(super) unpacked_mb: f64,
    pub(super) figures: Figures,
    program: PathBuf,
    event: Value,
    /// How an answer begins that is the expected one.
    expected: &'static str,
}

#[derive(Default)]
pub(super) struct Figures {
    pub(super) init_ms: Vec<f64>,
    pub(super) init_cpu_ms: Vec<f64>,
    pub(super) resident_mib: Vec<f64>,
    pub(super) resident_after_mib: Vec<f64>,
    /// From handing out the event to the first byte of the answer, for the first and the last.
    pub(super) first_answer_ms: Vec<f64>,
    pub(super) last_answer_ms: Vec<f64>,
    /// Of every chunk, and of the first chunk of each answer.
    pub(super) delays_ms: Vec<f64>,
    pub(super) first_delay_ms: Vec<f64>,
}

impl Candidate {
    /// The peer.
    pub(super) fn bare(zip: &Path, folder: &Path) -> Result<Self> {
        Self::new(BARE, zip, folder, Roots::OneByOne, (Value::Null, ""))
    }

    /// A function, asked something of its own.
    pub(super) fn function(name: &str, zip: &Path, folder: &Path, user: &User, roots: Roots) -> Result<Self> {
        Self::new(name, zip, folder, roots, question(name, &user.bearer()))
    }

    fn new(
        name: &str,
        zip: &Path,
        folder: &Path,
        roots: Roots,
        (event, expected): (Value, &'static str),
    ) -> Result<Self> {
        let unpacked = zipped::unpack(zip, &folder.join("programs"), name)?;
        Ok(Self {
            name: name.to_owned(),
            roots,
            zip_mb: unpacked.zip_mb,
            unpacked_mb: unpacked.mb,
            figures: Figures::default(),
            program: unpacked.program,
            event,
            expected,
        })
    }

    pub(super) fn forget(&mut self) {
        self.figures = Figures::default();
    }

    /// One life of the program.
    pub(super) async fn live(&mut self, deployment: &Deployment, output: File, is_asked: bool) -> Result<()> {
        let mut api = RuntimeApi::listen().await?;
        let mut command = Command::new(&self.program);
        command.env_clear().envs(deployment.settings(self.roots));
        command.env("AWS_LAMBDA_FUNCTION_NAME", &self.name).env("AWS_LAMBDA_RUNTIME_API", api.address.to_string());
        command.stdin(Stdio::null()).stderr(output.try_clone()?).stdout(output);
        let begun = Instant::now();
        let process = Running::start(&mut command)?;
        self.figures.init_ms.push(ms(api.polled().await?.duration_since(begun)));
        tokio::time::sleep(SETTLING).await;
        self.figures.init_cpu_ms.push(process::first_thread_cpu(process.pid()).map_or(f64::NAN, ms));
        self.figures.resident_mib.push(process::resident_mib(&[process.pid()]));
        if is_asked {
            for number in 1..=ANSWERS {
                let asked_us = now_us();
                let answer = api.invoke(&self.event).await?;
                self.note(number, asked_us, &answer)?;
            }
            self.figures.resident_after_mib.push(process::resident_mib(&[process.pid()]));
        }
        Ok(())
    }

    fn note(&mut self, number: usize, asked_us: u64, answer: &Answer) -> Result<()> {
        let text = String::from_utf8_lossy(&answer.body);
        ensure!(text.starts_with(self.expected), "the function answers {text}");
        let first_ms = ms(Duration::from_micros(answer.first_us().saturating_sub(asked_us)));
        if number == 1 {
            self.figures.first_answer_ms.push(first_ms);
            return Ok(());
        }
        if number == ANSWERS {
            self.figures.last_answer_ms.push(first_ms);
        }
        // The voice proxy holds words back until they make a sentence, and others tell what was said long ago.
        if [BARE, "chat"].contains(&self.name.as_str()) {
            let delays = answer.delays_ms();
            self.figures.first_delay_ms.extend(delays.first());
            self.figures.delays_ms.extend(delays);
        }
        Ok(())
    }
}

/// What a function is asked, and how its answer begins.
fn question(function: &str, bearer: &str) -> (Value, &'static str) {
    const OK: &str = r#"{"statusCode":200"#;
    let get = |path: &str| (event("GET", path, bearer, &Value::Null), OK);
    match function {
        "auth" => get("/.well-known/jwks.json"),
        "chat" => {
            let body = json!({"content": "Plan my Monday, please.", "model": format!("openai/{STAMPED}")});
            (event("POST", "/api/chat", bearer, &body), OK)
        }
        // Unsigned, so refused: the bench holds no key of Clerk's.
        "clerk-webhook" => (event("POST", "/api/webhooks/clerk", "", &json!({})), r#"{"statusCode":40"#),
        "conversation" => {
            let body =
                json!({"apiKey": "bench", "message": "Plan my Monday, please.", "model": STAMPED, "stream": true});
            (event("POST", "/api/conversation", "", &body), OK)
        }
        "history" => get("/api/chat/history"),
        "jobs" => (json!({"job": "drain"}), r#"{"count":"#),
        "planning" => get("/api/goals"),
        "users" => get("/api/users/me"),
        other => get(&format!("/api/{other}")),
    }
}
