//! Lambda binaries from their start to their first answers, beside one that has nothing but the runtime.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::almanac::{Almanac, User};
use crate::process::{self, Running};
use crate::report::Report;
use crate::runtime_api::{RuntimeApi, event};
use crate::sample::{median, ms, now_us, quantile};
use crate::upstream::{self, STAMPED};

/// The peer's name.
const BARE: &str = "bare";
/// How long after its first poll a process has settled.
const SETTLING: Duration = Duration::from_millis(50);
/// Linux acknowledges a connection's first packets at once and delays only later, so several answers are looked at.
const ANSWERS: usize = 5;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The functions to start.
    #[arg(long, value_delimiter = ',', default_value = "health,conversation,chat")]
    functions: Vec<String>,
    /// Where they are.
    #[arg(long, default_value = "../target/release")]
    binaries: PathBuf,
    /// The peer: `cargo build --release` in `bench/bare`.
    #[arg(long, default_value = "../target/bench/release/bare")]
    bare: PathBuf,
    /// Where the functions find a database and an issuer of tokens.
    #[arg(long, default_value = "../target/release/almanac")]
    almanac: PathBuf,
    /// How often each is started.
    #[arg(long, default_value_t = 40)]
    starts: usize,
    /// In how many of these it is also asked.
    #[arg(long, default_value_t = 5)]
    asked: usize,
    /// A further setting of the functions, `NAME=VALUE`.
    #[arg(long = "set", value_parser = setting)]
    settings: Vec<(String, String)>,
    /// Where files of the run are kept.
    #[arg(long, default_value = "../target/bench/run/coldstart")]
    folder: PathBuf,
}

/// One program with what it is asked, and what it showed.
struct Candidate {
    name: String,
    program: PathBuf,
    event: Value,
    init_ms: Vec<f64>,
    init_cpu_ms: Vec<f64>,
    resident_mib: Vec<f64>,
    resident_after_mib: Vec<f64>,
    /// From handing out the event to the first byte of the answer, for the first and the last.
    first_answer_ms: Vec<f64>,
    last_answer_ms: Vec<f64>,
    delays_ms: Vec<f64>,
}

pub(crate) async fn run(arguments: &Arguments, report: Report) -> Result<()> {
    let folder = std::path::absolute(&arguments.folder)?;
    let _absent = fs::remove_dir_all(&folder);
    let upstream = upstream::spawn().await?;
    let almanac = Almanac::start(&std::path::absolute(&arguments.almanac)?, &folder, upstream).await?;
    let users = almanac.register(1).await?;
    let mut candidates = vec![Candidate::new(BARE, &arguments.bare, &users[0])?];
    for name in &arguments.functions {
        candidates.push(Candidate::new(name, &arguments.binaries.join(name), &users[0])?);
    }
    let mut settings = settings(&almanac, upstream);
    settings.extend(arguments.settings.iter().cloned());
    let log = folder.join("functions.log");
    for start in 0..=arguments.starts {
        for candidate in &mut candidates {
            let is_asked = (1..=arguments.asked).contains(&start);
            let started = candidate.start(&settings, &log, is_asked).await;
            started.with_context(|| format!("{}, see {}", candidate.name, log.display()))?;
        }
        if start == 0 {
            // The first start of all reads the program from the disk.
            candidates.iter_mut().for_each(Candidate::forget);
        }
    }
    tell(report, arguments, &candidates)
}

fn setting(text: &str) -> Result<(String, String)> {
    let (name, value) = text.split_once('=').context("write NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// As `template.yaml` gives them, but for the addresses.
fn settings(almanac: &Almanac, upstream: SocketAddr) -> Vec<(String, String)> {
    let issuer = format!("http://{}", almanac.address);
    let issuers = json!([{"issuer": issuer, "jwks_url": format!("{issuer}/.well-known/jwks.json"), "built_in": true}]);
    [
        ("AWS_LAMBDA_FUNCTION_NAME", "bench".to_owned()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256".to_owned()),
        ("AUTH_ISSUERS", issuers.to_string()),
        ("DATABASE_URL", almanac.database_url("almanac_app")),
        ("OPENAI_API_KEY", "bench".to_owned()),
        ("OPENAI_BASE_URL", format!("http://{upstream}/v1")),
        ("RATE_LIMIT_SCALE", "1000000".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

impl Candidate {
    fn new(name: &str, program: &Path, user: &User) -> Result<Self> {
        let program = std::path::absolute(program)?;
        ensure!(program.exists(), "{} is needed, see README.md", program.display());
        let bearer = format!("Bearer {}", user.token);
        let question = "Plan my Monday, please.";
        let event = match name {
            "chat" => {
                event("POST", "/api/chat", &bearer, &json!({"content": question, "model": format!("openai/{STAMPED}")}))
            }
            "conversation" => {
                let body = json!({"apiKey": "bench", "message": question, "model": STAMPED, "stream": true});
                event("POST", "/api/conversation", "", &body)
            }
            other => event("GET", &format!("/api/{other}"), &bearer, &Value::Null),
        };
        Ok(Self {
            name: name.to_owned(),
            program,
            event,
            init_ms: vec![],
            init_cpu_ms: vec![],
            resident_mib: vec![],
            resident_after_mib: vec![],
            first_answer_ms: vec![],
            last_answer_ms: vec![],
            delays_ms: vec![],
        })
    }

    fn forget(&mut self) {
        for figures in [
            &mut self.init_ms,
            &mut self.init_cpu_ms,
            &mut self.resident_mib,
            &mut self.resident_after_mib,
            &mut self.first_answer_ms,
            &mut self.last_answer_ms,
            &mut self.delays_ms,
        ] {
            figures.clear();
        }
    }

    /// One life of the program.
    async fn start(&mut self, settings: &[(String, String)], log: &Path, is_asked: bool) -> Result<()> {
        let mut api = RuntimeApi::listen().await?;
        let output = File::options().create(true).append(true).open(log)?;
        let mut command = Command::new(&self.program);
        command.env_clear().envs(settings.iter().cloned()).env("AWS_LAMBDA_RUNTIME_API", api.address.to_string());
        command.stdin(Stdio::null()).stderr(output.try_clone()?).stdout(output);
        let begun = Instant::now();
        let process = Running::start(&mut command)?;
        self.init_ms.push(ms(api.polled().await?.duration_since(begun)));
        tokio::time::sleep(SETTLING).await;
        self.init_cpu_ms.push(process::first_thread_cpu(process.pid()).map_or(f64::NAN, ms));
        self.resident_mib.push(process::resident_mib(&[process.pid()]));
        if !is_asked {
            return Ok(());
        }
        for number in 1..=ANSWERS {
            let asked_us = now_us();
            let answer = api.invoke(&self.event).await?;
            if self.name != BARE {
                let text = String::from_utf8_lossy(&answer.body);
                ensure!(text.starts_with(r#"{"statusCode":200"#), "the function answers {text}");
            }
            let first_ms = ms(Duration::from_micros(answer.first_us().saturating_sub(asked_us)));
            if number == 1 {
                self.first_answer_ms.push(first_ms);
            } else if number == ANSWERS {
                self.last_answer_ms.push(first_ms);
                // The voice proxy holds words back until they make a sentence, so their way says nothing.
                if self.name != "conversation" {
                    self.delays_ms.extend(answer.delays_ms());
                }
            }
        }
        self.resident_after_mib.push(process::resident_mib(&[process.pid()]));
        Ok(())
    }
}

fn tell(mut report: Report, arguments: &Arguments, candidates: &[Candidate]) -> Result<()> {
    report.line(&format!("{} starts each, {} of them with {ANSWERS} events.", arguments.starts, arguments.asked));
    report.head(&[
        "",
        "size, MB",
        "start to first poll, ms (median, p10 to p90)",
        "× bare",
        "CPU until then, ms",
        "× bare",
        "resident then, MiB",
        "resident after answers, MiB",
        "first event to first byte, ms",
        "a later event to first byte, ms",
        "a chunk's way, ms (median / p95 / longest)",
    ]);
    let times_bare = |own: &[f64], bare: &[f64]| {
        let ratios: Vec<f64> = own.iter().zip(bare).map(|(own, bare)| own / bare).collect();
        format!("{:.2}", median(&ratios))
    };
    let bare = &candidates[0];
    for candidate in candidates {
        let init = |part| quantile(&candidate.init_ms, part);
        let way = |part| quantile(&candidate.delays_ms, part);
        report.row(&[
            candidate.name.clone(),
            format!("{:.1}", megabytes(&candidate.program)),
            format!("{:.2}, {:.2} to {:.2}", init(0.5), init(0.1), init(0.9)),
            times_bare(&candidate.init_ms, &bare.init_ms),
            format!("{:.2}", median(&candidate.init_cpu_ms)),
            times_bare(&candidate.init_cpu_ms, &bare.init_cpu_ms),
            format!("{:.1}", median(&candidate.resident_mib)),
            format!("{:.1}", median(&candidate.resident_after_mib)),
            format!("{:.2}", median(&candidate.first_answer_ms)),
            format!("{:.2}", median(&candidate.last_answer_ms)),
            if candidate.delays_ms.is_empty() {
                String::new()
            } else {
                format!("{:.2} / {:.2} / {:.2}", way(0.5), way(0.95), way(1.0))
            },
        ]);
    }
    report.save()
}

#[expect(clippy::cast_precision_loss, reason = "a size to one decimal")]
fn megabytes(program: &Path) -> f64 {
    fs::metadata(program).map_or(0.0, |metadata| metadata.len() as f64 / 1e6)
}
