//! Finds the programs of an installed PostgreSQL.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::account::Account;

/// The oldest major version that the migrations support.
pub(super) const MAJOR_MIN: u32 = 15;

/// PostgreSQL's programs, as found.
#[derive(Debug, Clone)]
pub struct Programs {
    /// The folder with `postgres` and `initdb`.
    pub bin: PathBuf,
    /// As the server tells it, such as `15.13`.
    pub version: String,
    /// The first number of the version: data of one major version is unreadable to the others.
    pub major: u32,
}

impl Programs {
    /// Looks at one folder. The error is a clause that says why it will not do.
    pub fn at(bin: &Path, account: &Account) -> Result<Self, String> {
        for program in ["postgres", "initdb"] {
            if !bin.join(program).is_file() {
                return Err(format!("{} has no program {program}", bin.display()));
            }
        }
        let bin = bin.canonicalize().map_err(|error| format!("{} cannot be read: {error}", bin.display()))?;
        if let Some(folder) = account.blocked_at(&bin) {
            return Err(format!(
                "{} cannot be entered by the account PostgreSQL runs as (number {})",
                folder.display(),
                account.uid()
            ));
        }
        let output = Command::new(bin.join("postgres")).arg("--version").output();
        let output = output.map_err(|error| format!("{} does not start: {error}", bin.join("postgres").display()))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let Some((version, major)) = parse_version(&text) else {
            let complaint = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{} does not tell its version: {}", bin.display(), complaint.trim()));
        };
        if major < MAJOR_MIN {
            return Err(format!("{} holds PostgreSQL {version}, and {MAJOR_MIN} or newer is needed", bin.display()));
        }
        Ok(Self { bin, version, major })
    }
}

/// Every usable installed server, in the order of preference.
pub(super) fn installed(account: &Account) -> Vec<Programs> {
    let mut found: Vec<Programs> = Vec::new();
    for bin in installed_folders() {
        if let Ok(programs) = Programs::at(&bin, account)
            && found.iter().all(|known| known.bin != programs.bin)
        {
            found.push(programs);
        }
    }
    found
}

fn installed_folders() -> Vec<PathBuf> {
    let configured = Command::new("pg_config").arg("--bindir").output().ok().filter(|output| output.status.success());
    let mut folders: Vec<PathBuf> =
        configured.map(|output| String::from_utf8_lossy(&output.stdout).trim().into()).into_iter().collect();
    // Debian, Red Hat, Homebrew on three systems, Postgres.app.
    folders.extend(newest_first("/usr/lib/postgresql", ""));
    folders.extend(newest_first("/usr", "pgsql-"));
    for brew in ["/opt/homebrew/opt", "/usr/local/opt", "/home/linuxbrew/.linuxbrew/opt"] {
        folders.extend(newest_first(brew, "postgresql@"));
    }
    folders.extend(newest_first("/Applications/Postgres.app/Contents/Versions", ""));
    folders
}

/// The `bin` folders of `parent/<prefix><number>`, the highest number first.
fn newest_first(parent: &str, prefix: &str) -> Vec<PathBuf> {
    let entries = Path::new(parent).read_dir().into_iter().flatten().flatten();
    let mut numbered: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let number = entry.file_name().to_str()?.strip_prefix(prefix)?.parse().ok()?;
            Some((number, entry.path().join("bin")))
        })
        .collect();
    numbered.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
    numbered.into_iter().map(|(_, bin)| bin).collect()
}

/// Reads `postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)`, also `18beta1`.
fn parse_version(text: &str) -> Option<(String, u32)> {
    let version = text.split_once("(PostgreSQL) ")?.1.split_whitespace().next()?;
    let digits = version.find(|c: char| !c.is_ascii_digit()).unwrap_or(version.len());
    Some((version.to_owned(), version[..digits].parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_versions_of_every_packager() {
        let check = |text: &str, expected: Option<(&str, u32)>| {
            assert_eq!(parse_version(text), expected.map(|(version, major)| (version.to_owned(), major)), "{text}");
        };
        check("postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)\n", Some(("15.13", 15)));
        check("postgres (PostgreSQL) 18.6\n", Some(("18.6", 18)));
        check("postgres (PostgreSQL) 19beta2\n", Some(("19beta2", 19)));
        check("postgres: not found", None);
        check("", None);
    }
}
