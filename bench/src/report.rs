//! Results as a small Markdown file: the command, the machine's state, the figures.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

/// Where results are kept.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("results")
}

/// A report as it grows.
#[derive(Debug)]
pub(crate) struct Report {
    name: &'static str,
    text: String,
    load_at_start: String,
    is_kept: bool,
}

impl Report {
    /// Begins a report on one measurement, which takes the place of the last one when it `is_kept`.
    pub(crate) fn new(name: &'static str, is_kept: bool) -> Self {
        Self { name, text: String::new(), load_at_start: load_average(), is_kept }
    }

    /// Adds a line, and shows it.
    pub(crate) fn line(&mut self, line: &str) {
        println!("{line}");
        let _infallible = writeln!(self.text, "{line}");
    }

    /// Adds a row of a table.
    pub(crate) fn row(&mut self, cells: &[String]) {
        self.line(&format!("| {} |", cells.join(" | ")));
    }

    /// Adds a table's head.
    pub(crate) fn head(&mut self, cells: &[&str]) {
        self.line("");
        self.line(&format!("| {} |", cells.join(" | ")));
        self.line(&format!("|{}", "---|".repeat(cells.len())));
    }

    /// Writes `results/<name>.md`.
    #[expect(clippy::disallowed_methods, reason = "a result carries its true date")]
    pub(crate) fn save(self) -> Result<()> {
        if !self.is_kept {
            return Ok(());
        }
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let date = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC");
        let text = format!(
            "# {}\n\n`cargo run --release -- {}`\n\n{date}; {}; {} cores; load average {} at the start, {} at the end.\n\n{}",
            self.name,
            arguments.join(" "),
            commit(),
            std::thread::available_parallelism().map_or(0, usize::from),
            self.load_at_start,
            load_average(),
            self.text
        );
        fs::create_dir_all(folder())?;
        let path = folder().join(self.name).with_extension("md");
        fs::write(&path, text)?;
        println!("\nkept in {}", path.display());
        Ok(())
    }
}

/// The commit of the working tree, and whether the tree has changed since; results are no change.
fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short", "HEAD"]) else { return "no commit".to_owned() };
    let is_changed = git(&["status", "--porcelain", "--", ":/", ":!results"]).is_none_or(|changes| !changes.is_empty());
    if is_changed { format!("commit {commit} with changes") } else { format!("commit {commit}") }
}

/// The mean number of runnable processes over the last minute.
fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("unknown").to_owned()
}
