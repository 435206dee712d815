//! Every function as it is deployed, from its start to its answers, beside a program that has nothing but the runtime.

mod candidate;
mod deployment;
mod encrypted;
mod table;
mod zipped;

use std::fs::{self, File};
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::almanac::Almanac;
use crate::report::Report;
use crate::runtime_api::ANSWERS;
use crate::sample::{median, quantile};
use crate::upstream;
use candidate::Candidate;
use deployment::Deployment;
use encrypted::Roots;

/// The peer's name.
const BARE: &str = "bare";
/// Functions whose first answer needs connections out, to their database, to a model, or to both.
const CONNECTING: [&str; 3] = ["chat", "conversation", "tasks"];

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The functions to start; all of `functions/` when none is named.
    #[arg(long, value_delimiter = ',')]
    functions: Vec<String>,
    /// Where `cargo lambda build` put them.
    #[arg(long, default_value = "../target/lambda")]
    zips: PathBuf,
    /// The peer, likewise.
    #[arg(long, default_value = "../target/bench/lambda/bare/bootstrap.zip")]
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

pub(crate) async fn run(arguments: &Arguments, report: Report) -> Result<()> {
    let folder = std::path::absolute(&arguments.folder)?;
    let _absent = fs::remove_dir_all(&folder);
    let upstream = upstream::spawn().await?;
    let almanac = Almanac::start(&std::path::absolute(&arguments.almanac)?, &folder, upstream).await?;
    let user = almanac.register(1).await?.remove(0);
    let mut deployment = Deployment::start(&folder, &almanac, upstream).await?;
    deployment.set(&arguments.settings);

    let names = if arguments.functions.is_empty() { functions()? } else { arguments.functions.clone() };
    let mut candidates = vec![Candidate::bare(&arguments.bare, &folder)?];
    for name in &names {
        let zip = arguments.zips.join(name).join("bootstrap.zip");
        candidates.push(Candidate::function(name, &zip, &folder, &user, Roots::OneByOne)?);
    }
    for name in CONNECTING.into_iter().filter(|name| names.iter().any(|measured| measured == name)) {
        let zip = arguments.zips.join(name).join("bootstrap.zip");
        candidates.push(Candidate::function(name, &zip, &folder, &user, Roots::Bundle)?);
    }
    let log = folder.join("functions.log");
    for start in 0..=arguments.starts {
        for candidate in &mut candidates {
            let is_asked = (1..=arguments.asked).contains(&start);
            let output = File::options().create(true).append(true).open(&log)?;
            let lived = candidate.live(&deployment, output, is_asked).await;
            lived.with_context(|| format!("{}, see {}", candidate.name, log.display()))?;
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

/// All functions there are.
fn functions() -> Result<Vec<String>> {
    let folders = fs::read_dir("../functions").context("run this in bench/")?;
    let mut names = Vec::new();
    for folder in folders {
        names.push(folder?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

fn tell(mut report: Report, arguments: &Arguments, candidates: &[Candidate]) -> Result<()> {
    report.line(&format!("{} starts each, {} of them with {ANSWERS} events.", arguments.starts, arguments.asked));
    let (connecting, all): (Vec<_>, Vec<_>) = candidates.iter().partition(|candidate| candidate.roots == Roots::Bundle);
    tell_starts(&mut report, &all);
    tell_streams(&mut report, &all);
    tell_roots(&mut report, &all, &connecting);
    report.save()
}

fn tell_starts(report: &mut Report, candidates: &[&Candidate]) {
    report.head(&[
        "",
        "zip, MB",
        "unpacked, MB",
        "start to first poll, ms (median, p10 to p90)",
        "× bare",
        "CPU until then, ms",
        "× bare",
        "resident then, MiB",
        "first event to first byte, ms",
        "a later event to first byte, ms",
        "resident after answers, MiB",
    ]);
    let times_bare = |own: &[f64], bare: &[f64]| {
        let ratios: Vec<f64> = own.iter().zip(bare).map(|(own, bare)| own / bare).collect();
        format!("{:.2}", median(&ratios))
    };
    let bare = &candidates[0].figures;
    for candidate in candidates {
        let figures = &candidate.figures;
        let init = |part| quantile(&figures.init_ms, part);
        report.row(&[
            candidate.name.clone(),
            format!("{:.1}", candidate.zip_mb),
            format!("{:.1}", candidate.unpacked_mb),
            format!("{:.2}, {:.2} to {:.2}", init(0.5), init(0.1), init(0.9)),
            times_bare(&figures.init_ms, &bare.init_ms),
            format!("{:.2}", median(&figures.init_cpu_ms)),
            times_bare(&figures.init_cpu_ms, &bare.init_cpu_ms),
            format!("{:.1}", median(&figures.resident_mib)),
            format!("{:.2}", median(&figures.first_answer_ms)),
            format!("{:.2}", median(&figures.last_answer_ms)),
            format!("{:.1}", median(&figures.resident_after_mib)),
        ]);
    }
}

/// The way of a streamed chunk from its making to Lambda.
fn tell_streams(report: &mut Report, candidates: &[&Candidate]) {
    report.head(&["a chunk's way, ms", "chunks", "median", "p95", "longest", "an answer's first: median", "longest"]);
    for candidate in candidates {
        let (all, first) = (&candidate.figures.delays_ms, &candidate.figures.first_delay_ms);
        if !all.is_empty() {
            let cell = |figures: &[f64], part| format!("{:.2}", quantile(figures, part));
            report.row(&[
                candidate.name.clone(),
                all.len().to_string(),
                cell(all, 0.5),
                cell(all, 0.95),
                cell(all, 1.0),
                cell(first, 0.5),
                cell(first, 1.0),
            ]);
        }
    }
}

/// The first answer with its connections, by how OpenSSL finds the roots.
fn tell_roots(report: &mut Report, all: &[&Candidate], with_bundle: &[&Candidate]) {
    report.head(&["first event to first byte, ms", "roots looked up one by one", "roots parsed from one bundle"]);
    for bundled in with_bundle {
        let Some(one_by_one) = all.iter().find(|candidate| candidate.name == bundled.name) else { continue };
        report.row(&[
            bundled.name.clone(),
            format!("{:.2}", median(&one_by_one.figures.first_answer_ms)),
            format!("{:.2}", median(&bundled.figures.first_answer_ms)),
        ]);
    }
}
