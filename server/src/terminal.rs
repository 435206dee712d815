//! The program's own words: results on standard output, progress on standard error.
//!
//! A terminal that has gone away must not stop the program, so failures to write are dropped.

use std::io::Write;

/// Where progress is told, one line at a time.
pub type Progress = fn(&str);

/// Writes a line of the program's result.
pub fn say(line: &str) {
    drop(writeln!(std::io::stdout(), "{line}"));
}

/// Tells of something that takes a while, or of something a person should know.
pub fn progress(line: &str) {
    drop(writeln!(std::io::stderr(), "{line}"));
}

/// Tells nobody, for tests.
pub fn silent(_line: &str) {}
