//! The rules of the house that a machine can check. Each test reads the tree and lists every breach of one rule.

mod functions;
mod imports;
mod migrations;
mod names;
mod routes;
mod schemas;
mod text;

use std::fs;
use std::path::{Path, PathBuf};

/// Folders that hold nothing written by hand.
const SKIPPED_FOLDERS: [&str; 7] =
    [".git", "target", "node_modules", "__pycache__", ".venv", ".aws-sam", ".pytest_cache"];
/// Files that programs write.
const SKIPPED_FILES: [&str; 2] = ["Cargo.lock", "package-lock.json"];

/// A file of the tree.
struct Source {
    /// From the top, with `/`.
    path: String,
    text: String,
}

impl Source {
    fn is_rust(&self) -> bool {
        Path::new(&self.path).extension().is_some_and(|ending| ending == "rs")
    }

    /// The file's name without folder and ending.
    fn stem(&self) -> &str {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        name.split_once('.').map_or(name, |(stem, _)| stem)
    }

    /// Whether only tests read it.
    fn is_test(&self) -> bool {
        self.path.starts_with("tests/") || self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }

    /// The lines that are in the product: all but the unit tests at the end of the file.
    fn product_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = (1..).zip(self.text.lines());
        lines.take_while(|(_, line)| *line != "#[cfg(test)]")
    }
}

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the server has a folder above it").to_owned()
}

/// One file's text.
fn read(path: &str) -> String {
    fs::read_to_string(top().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The names in a folder, sorted.
fn names_in(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(top().join(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a plain name")).collect();
    names.sort();
    names
}

/// The text files under some folders or files of the top.
fn sources(under: &[&str]) -> Vec<Source> {
    let top = top();
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = under.iter().map(|path| top.join(path)).collect();
    while let Some(path) = open.pop() {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() {
            if !SKIPPED_FOLDERS.contains(&name) {
                open.extend(fs::read_dir(&path).expect("a folder").map(|entry| entry.expect("an entry").path()));
            }
        } else if !SKIPPED_FILES.contains(&name)
            && let Ok(text) = fs::read_to_string(&path)
        {
            let path = path.strip_prefix(&top).expect("below the top").to_str().expect("a plain name").to_owned();
            found.push(Source { path, text });
        }
    }
    assert!(!found.is_empty(), "nothing is at {under:?}");
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

/// The Rust files of the product.
fn product() -> Vec<Source> {
    let mut files = sources(&["functions", "shared", "server"]);
    files.retain(Source::is_rust);
    files
}

/// Everything that was written by hand.
fn everything() -> Vec<Source> {
    sources(&["."])
}

/// Fails with all breaches of a rule at once.
#[track_caller]
fn settle(rule: &str, breaches: &[String]) {
    assert!(breaches.is_empty(), "{rule}\n  {}\n", breaches.join("\n  "));
}
