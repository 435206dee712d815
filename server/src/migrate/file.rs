//! One migration, as a file of the folder `migrations`.

use include_dir::{Dir, include_dir};

use crate::failure::{Failure, Result};

/// The folder, inside the program.
static FOLDER: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../migrations");
const VERSION_DIGITS: usize = 14;
/// The first line of a file whose one statement cannot run in a transaction.
const WITHOUT_TRANSACTION: &str = "-- no-transaction";

/// One file: `20261121000000_name.sql`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// The 14 digits, which give the order.
    pub version: String,
    /// What it is about.
    pub name: String,
    /// The file's text.
    pub sql: String,
}

impl Migration {
    /// Reads a file's name and takes its text.
    pub fn new(file_name: &str, sql: impl Into<String>) -> Result<Self> {
        let parts = file_name.strip_suffix(".sql").and_then(|stem| stem.split_once('_'));
        match parts {
            Some((version, name))
                if version.len() == VERSION_DIGITS
                    && version.bytes().all(|byte| byte.is_ascii_digit())
                    && !name.is_empty() =>
            {
                Ok(Self { version: version.to_owned(), name: name.to_owned(), sql: sql.into() })
            }
            _ => {
                Err(Failure::new(format!("The migration {file_name} is not named <{VERSION_DIGITS} digits>_name.sql.")))
            }
        }
    }

    /// The file's name without its ending.
    pub fn title(&self) -> String {
        format!("{}_{}", self.version, self.name)
    }

    /// Whether the file asks to run outside a transaction.
    pub fn is_without_transaction(&self) -> bool {
        self.sql.lines().next().is_some_and(|line| line.trim_end() == WITHOUT_TRANSACTION)
    }

    /// Whether this file is what was recorded as applied.
    ///
    /// This program records the whole text as one element. `supabase db push` records the statements it
    /// split, by its own rules for what counts as one, so a record of several is not held against the file;
    /// a single one lacks only the semicolon and the space around it.
    pub(super) fn matches(&self, recorded: &[String]) -> bool {
        let [recorded] = recorded else { return true };
        let bare = |text: &str| text.chars().filter(|c| !c.is_whitespace() && *c != ';').collect::<String>();
        bare(recorded) == bare(&self.sql)
    }
}

/// The migrations inside the program, in their order.
///
/// # Panics
///
/// When a file is named wrongly or two have one version, which a test of this module rules out.
pub fn embedded() -> Vec<Migration> {
    let files = FOLDER.files().filter(|file| file.path().extension().is_some_and(|ending| ending == "sql"));
    let read = files.map(|file| {
        let name = file.path().file_name().and_then(|name| name.to_str()).unwrap_or_default();
        Migration::new(name, file.contents_utf8().unwrap_or_default())
    });
    let mut migrations = read.collect::<Result<Vec<_>>>().expect("every migration is named by the rules");
    migrations.sort_by(|a, b| a.version.cmp(&b.version));
    let distinct = migrations.windows(2).all(|pair| pair[0].version < pair[1].version);
    assert!(distinct, "every migration has a version of its own");
    migrations
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_files_are_named_by_the_rules_and_hold_something() {
        let migrations = embedded();
        assert!(!migrations.is_empty());
        assert!(migrations.iter().all(|migration| !migration.sql.trim().is_empty()));
    }

    #[test]
    fn reads_file_names() {
        let good = Migration::new("20261121000000_create_users.sql", "select 1;").expect("a good name");
        assert_eq!((good.version.as_str(), good.name.as_str()), ("20261121000000", "create_users"));
        for bad in [
            "2026_create.sql",
            "20261121000000.sql",
            "20261121000000_.sql",
            "2026112100000x_a.sql",
            "20261121000000_a.txt",
        ] {
            assert!(Migration::new(bad, "").is_err(), "{bad}");
        }
    }

    #[test]
    fn compares_with_what_either_tool_recorded() {
        let check = |sql: &str, recorded: &[&str], expected: bool| {
            let migration = Migration::new("20261121000000_a.sql", sql).expect("a good name");
            let recorded: Vec<String> = recorded.iter().map(|&text| text.to_owned()).collect();
            assert_eq!(migration.matches(&recorded), expected, "{sql:?} against {recorded:?}");
        };
        check("select 1;\n", &["select 1;\n"], true);
        check("select 1;\n", &["select 1"], true);
        check("select 1;\r\n", &["select 1;\n"], true);
        check("select 2;\n", &["select 1;\n"], false);
        check("select 1; select 2;", &["select 1", "select 2"], true);
        check("select 1;", &[], true);
    }

    #[test]
    fn only_the_first_line_leaves_the_transaction() {
        let check = |sql: &str, expected: bool| {
            assert_eq!(
                Migration::new("20261121000000_a.sql", sql).expect("a good name").is_without_transaction(),
                expected,
                "{sql:?}"
            );
        };
        check("-- no-transaction\ncreate index concurrently a on b (c);", true);
        check("-- no-transaction\r\ncreate index concurrently a on b (c);", true);
        check("create table a ();\n-- no-transaction\n", false);
        check("", false);
    }
}
