//! A year of a thousand recurrence rules, from their text to instants, beside python-dateutil; and occurrences as
//! rows, beside a plain insert.

mod rows;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use domain::recurrence::Series;
use jiff::Timestamp;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};

use crate::report::Report;
use crate::sample::median;

/// How many series there are; of those that began long before, which cost the peer much, a fifth.
const SERIES: usize = 1000;
/// The span that is asked for.
const FROM: &str = "2026-01-01T00:00:00Z";
const TO: &str = "2027-01-01T00:00:00Z";
/// What assistants and calendars make; the peer and Almanac read the same text.
const RULES: [&str; 10] = [
    "FREQ=DAILY",
    "FREQ=WEEKLY;BYDAY=MO,WE,FR",
    "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR",
    "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU",
    "FREQ=DAILY;INTERVAL=3",
    "FREQ=MONTHLY;BYMONTHDAY=15",
    "FREQ=MONTHLY;BYDAY=-1FR",
    "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
    "FREQ=YEARLY;BYMONTH=3,9;BYDAY=1SU",
    "FREQ=DAILY;BYHOUR=8,13,20",
];
const ZONES: [&str; 4] = ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Sydney"];
const PEER: &str = include_str!("recurrence/peer.py");
const PEER_VERSION: &str = "python-dateutil==2.9.0.post0";

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The program that makes rows of occurrences.
    #[arg(long, default_value = "../target/release/almanac")]
    almanac: PathBuf,
    /// How often each has its turn.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Where the peer is installed, and the files of the run are kept.
    #[arg(long, default_value = "../target/bench/run/recurrence")]
    folder: PathBuf,
}

pub(crate) async fn run(arguments: &Arguments, mut report: Report) -> Result<()> {
    let folder = std::path::absolute(&arguments.folder)?;
    let python = install(&folder)?;
    report.line(&format!(
        "Series read and expanded to the instants of 2026, on one core; {} rounds; {PEER_VERSION} on {}.",
        arguments.rounds,
        output(Command::new(&python).arg("--version"))?.trim()
    ));
    report.head(&[
        "series",
        "begin",
        "occurrences",
        "Almanac, ms",
        "occurrences per second",
        "dateutil, ms",
        "times as fast",
    ]);
    for (what, year, count) in [("in that year", 2026, SERIES), ("five years before", 2021, SERIES / 5)] {
        let series = series(year, count);
        let mut peer = Peer::start(&python, &folder, &series).await?;
        let (mut own_ms, mut peer_ms, mut ratios, mut count) = (vec![], vec![], vec![], 0);
        for round in 0..=arguments.rounds {
            let (own, own_found) = expand(&series)?;
            let (theirs, peer_found) = peer.expand().await?;
            ensure!(own_found == peer_found, "{}", difference(&series, &own_found, &peer_found));
            count = own_found.counts.iter().sum();
            // The first round loads time zones.
            if round > 0 {
                own_ms.push(own * 1000.0);
                peer_ms.push(theirs * 1000.0);
                ratios.push(theirs / own);
            }
        }
        report.row(&[
            series.len().to_string(),
            what.to_owned(),
            count.to_string(),
            format!("{:.1}", median(&own_ms)),
            format!("{:.0}", f64::from(u32::try_from(count)?) / median(&own_ms) * 1000.0),
            format!("{:.0}", median(&peer_ms)),
            format!("{:.0}", median(&ratios)),
        ]);
    }
    rows::run(&mut report, &std::path::absolute(&arguments.almanac)?, &folder.join("almanac"), arguments.rounds)
        .await?;
    report.save()
}

/// What was found, to be the same on both sides.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    /// How many occurrences each series has.
    counts: Vec<usize>,
    /// The sum of all instants, in seconds since 1970.
    sum: i64,
}

/// Series in iCalendar's text, none of which meets a clock change, where dateutil does not follow the RFC.
fn series(year: i32, count: usize) -> Vec<String> {
    let one = |number: usize| {
        let (rule, zone) = (RULES[number % RULES.len()], ZONES[number / RULES.len() % ZONES.len()]);
        let (month, day, hour) = (1 + number % 12, 1 + number % 28, 7 + number % 14);
        format!("DTSTART;TZID={zone}:{year}{month:02}{day:02}T{hour:02}3000\nRRULE:{rule}")
    };
    (0..count).map(one).collect()
}

/// Reads and expands all, and tells how many seconds it took.
fn expand(texts: &[String]) -> Result<(f64, Found)> {
    let (from, to): (Timestamp, Timestamp) = (FROM.parse()?, TO.parse()?);
    let begun = Instant::now();
    let mut found = Vec::with_capacity(texts.len());
    for text in texts {
        let series: Series = text.parse()?;
        let instants: Vec<i64> = series.instances_between(from, to).map(|instance| instance.at.as_second()).collect();
        found.push(instants);
    }
    let seconds = begun.elapsed().as_secs_f64();
    let sum = found.iter().flatten().sum();
    Ok((seconds, Found { counts: found.iter().map(Vec::len).collect(), sum }))
}

fn difference(series: &[String], own: &Found, peer: &Found) -> String {
    let pairs = own.counts.iter().zip(&peer.counts).zip(series);
    let different = pairs.filter(|((own, peer), _)| own != peer).take(3).collect::<Vec<_>>();
    format!("Almanac and dateutil differ: {different:?}, sums {} and {}", own.sum, peer.sum)
}

/// A process that expands when it is told to.
struct Peer {
    _child: Child,
    input: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Peer {
    async fn start(python: &Path, folder: &Path, series: &[String]) -> Result<Self> {
        let script = folder.join("peer.py");
        fs::write(&script, PEER)?;
        let mut command = tokio::process::Command::new(python);
        command.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let (from, to): (Timestamp, Timestamp) = (FROM.parse()?, TO.parse()?);
        let mut input = child.stdin.take().context("no input")?;
        input.write_all(format!("{}\n", json!([series, from.as_second(), to.as_second()])).as_bytes()).await?;
        let lines = BufReader::new(child.stdout.take().context("no output")?).lines();
        Ok(Self { _child: child, input, lines })
    }

    async fn expand(&mut self) -> Result<(f64, Found)> {
        self.input.write_all(b"\n").await?;
        let line = self.lines.next_line().await?.context("the peer ended")?;
        let (seconds, counts, sum) = serde_json::from_str(&line)?;
        Ok((seconds, Found { counts, sum }))
    }
}

/// Installs the peer, unless it is there already, and gives the interpreter.
fn install(folder: &Path) -> Result<PathBuf> {
    let environment = folder.join("venv");
    let python = environment.join("bin/python");
    if Command::new(&python).args(["-c", "import dateutil"]).output().is_ok_and(|output| output.status.success()) {
        return Ok(python);
    }
    fs::create_dir_all(folder)?;
    output(Command::new("python3").args(["-m", "venv"]).arg(&environment))?;
    output(Command::new(&python).args(["-m", "pip", "install", "--quiet", PEER_VERSION]))?;
    Ok(python)
}

/// What a command says; it must succeed.
fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("{} is needed", command.get_program().display()))?;
    ensure!(output.status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}
