//! Who may import whom.

use super::{names_in, read, settle};

/// A crate of the house.
struct Member {
    name: String,
    folder: String,
    /// What the crate itself needs; tests may need anything.
    dependencies: Vec<String>,
}

/// The folders of crates, and what a crate in each may import: crates by name, `functions` for all of them.
const MAY_IMPORT: [(&str, &[&str]); 5] = [
    ("shared/base", &[]),
    ("shared/domain", &["base"]),
    ("shared/providers", &["base"]),
    ("functions", &["base", "domain", "providers"]),
    ("server", &["base", "functions"]),
];

fn members() -> Vec<Member> {
    let in_folder = |parent: &str| names_in(parent).into_iter().map(|name| format!("{parent}/{name}")).collect();
    let [shared, functions]: [Vec<String>; 2] = ["shared", "functions"].map(in_folder);
    let folders = shared.into_iter().chain(functions).chain(["server".to_owned()]);
    folders.map(member).collect()
}

fn member(folder: String) -> Member {
    let manifest = read(&format!("{folder}/Cargo.toml"));
    let (mut section, mut name, mut dependencies) = ("", String::new(), Vec::new());
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line.trim_matches(['[', ']']);
        } else if let Some((key, value)) = line.split_once('=') {
            let key = key.split('.').next().unwrap_or_default().trim();
            match section {
                "package" if key == "name" => value.trim().trim_matches('"').clone_into(&mut name),
                "dependencies" | "build-dependencies" => dependencies.push(key.to_owned()),
                _ => {}
            }
        }
    }
    Member { name, folder, dependencies }
}

fn may_import(member: &Member) -> &'static [&'static str] {
    let rule = MAY_IMPORT.iter().find(|(folder, _)| member.folder.starts_with(folder));
    rule.unwrap_or_else(|| panic!("{}: say in MAY_IMPORT what it may import", member.folder)).1
}

#[test]
fn crates_import_only_what_lies_below_them() {
    let members = members();
    let mut breaches = Vec::new();
    for member in &members {
        let allowed = may_import(member);
        for other in members.iter().filter(|other| member.dependencies.contains(&other.name)) {
            let is_allowed = allowed.contains(&other.name.as_str())
                || (other.folder.starts_with("functions/") && allowed.contains(&"functions"));
            if !is_allowed {
                breaches.push(format!("{} imports {}; it may import {allowed:?}", member.folder, other.folder));
            }
        }
    }
    settle("Imports go from the server over functions to shared crates, and never sideways.", &breaches);
}

#[test]
fn a_crate_is_named_as_its_folder_and_shares_the_workspaces_rules() {
    let mut breaches = Vec::new();
    for member in members() {
        let manifest = read(&format!("{}/Cargo.toml", member.folder));
        if member.folder.rsplit('/').next() != Some(&member.name) {
            breaches.push(format!("{}: the crate is called {}", member.folder, member.name));
        }
        for line in ["[lints]\nworkspace = true", "publish.workspace = true", "version.workspace = true"] {
            if !manifest.contains(line) {
                breaches.push(format!("{}/Cargo.toml lacks: {}", member.folder, line.replace('\n', " ")));
            }
        }
    }
    settle("Crates take names from folders; lints and shared versions from the workspace.", &breaches);
}

/// `cargo deny check` knows more, but is not everywhere.
#[test]
fn what_deny_toml_forbids_is_not_locked() {
    let (deny, lock) = (read("deny.toml"), read("Cargo.lock"));
    let list = deny.split_once("\ndeny = [\n").and_then(|(_, rest)| rest.split_once("\n]")).expect("a list").0;
    // A crate with wrappers is forbidden to all others only.
    let entries = list.lines().filter(|line| !line.contains("wrappers"));
    let names: Vec<&str> = entries.map(|line| line.split('"').nth(1).expect("a name in quotes")).collect();
    assert!(names.contains(&"rustls"), "{names:?}");
    let locked = |name: &&str| lock.contains(&format!("\nname = \"{name}\"\n"));
    let breaches: Vec<String> = names.into_iter().filter(locked).map(str::to_owned).collect();
    settle("deny.toml says why these may not come in; Cargo.lock has them.", &breaches);
}
