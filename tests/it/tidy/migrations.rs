//! Migrations are named right. That an applied one was not edited is checked where they are applied.

use jiff::civil::DateTime;

use super::{names_in, read, settle};

const VERSION_DIGITS: usize = 14;

/// The migrations in their order.
fn files() -> Vec<String> {
    let mut names = names_in("migrations");
    names.retain(|name| name != "README.md");
    names
}

/// What is wrong with a file's name.
fn fault(name: &str) -> Option<&'static str> {
    let Some((version, rest)) = name.strip_suffix(".sql").and_then(|stem| stem.split_once('_')) else {
        return Some("is not named <14 digits>_what_it_does.sql");
    };
    let is_time = version.len() == VERSION_DIGITS && DateTime::strptime("%Y%m%d%H%M%S", version).is_ok();
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if !is_time {
        Some("does not begin with a time of 14 digits")
    } else if rest.is_empty() || !rest.chars().all(is_plain) {
        Some("has more than lower-case words and _ in its name")
    } else {
        None
    }
}

#[test]
fn migrations_have_a_time_and_a_name() {
    let names = files();
    let mut breaches: Vec<String> = names.iter().filter_map(|name| Some(format!("{name} {}", fault(name)?))).collect();
    let versions: Vec<&str> = names.iter().filter_map(|name| Some(name.split_once('_')?.0)).collect();
    breaches.extend(
        versions.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| format!("{} is there twice", pair[0])),
    );
    settle("migrations/README.md says how a migration is named.", &breaches);
}

#[test]
fn a_migration_leaves_transactions_to_the_runner() {
    let mut breaches = Vec::new();
    for name in files() {
        let text = read(&format!("migrations/{name}"));
        let statements = text.lines().map(|line| line.trim().trim_end_matches(';').to_lowercase());
        let own =
            statements.filter(|line| ["begin", "commit", "rollback", "start transaction"].contains(&line.as_str()));
        // Inside a function's body `begin` has no semicolon.
        let own = own.filter(|word| text.to_lowercase().contains(&format!("\n{word};")));
        breaches.extend(own.map(|word| format!("{name} has `{word};`")));
    }
    settle("The runner puts each migration into a transaction.", &breaches);
}

#[test]
fn knows_a_wrong_name() {
    for name in
        ["roles.sql", "20261121_roles.sql", "20261341000000_a.sql", "20261121000000_A.sql", "20261121000000_.sql"]
    {
        assert!(fault(name).is_some(), "{name}");
    }
    assert_eq!(fault("20261121000000_create_users_2.sql"), None);
}
