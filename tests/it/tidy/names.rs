//! Names: files, folders, and what Rust declares.

use super::functions::endpoints;
use super::{names_in, product, settle, sources, top};

/// How an endpoint's name may begin. A new verb is added here when none of these says it.
const VERBS: [&str; 24] = [
    "accept",
    "create",
    "deactivate",
    "delete",
    "export",
    "find",
    "fork",
    "hold",
    "import",
    "list",
    "login",
    "logout",
    "receive",
    "refresh",
    "register",
    "report",
    "resume",
    "send",
    "show",
    "stop",
    "sync",
    "undo",
    "update",
    "upload",
];
/// Verbs that say enough without a noun.
const LONELY_VERBS: [&str; 4] = ["login", "logout", "refresh", "register"];
/// Names that say nothing of what is inside.
const EMPTY_NAMES: [&str; 9] = ["common", "core", "helper", "helpers", "misc", "prelude", "util", "utils", "utilities"];
/// Endings that say nothing of what a type is.
const EMPTY_ENDINGS: [&str; 3] = ["Helper", "Manager", "Service"];
/// What declares a name in Rust.
const DECLARATIONS: [&str; 7] = ["struct ", "enum ", "trait ", "type ", "mod ", "fn ", "union "];

/// The names that a line declares.
fn declared(line: &str) -> Option<&str> {
    let code = line.trim_start().trim_start_matches("pub(crate) ").trim_start_matches("pub(super) ");
    let code = code.trim_start_matches("pub ").trim_start_matches("async ").trim_start_matches("const ");
    let rest = DECLARATIONS.iter().find_map(|word| code.strip_prefix(word))?;
    rest.split(|c: char| !c.is_alphanumeric() && c != '_').next()
}

fn is_empty_name(name: &str) -> bool {
    EMPTY_NAMES.contains(&name) || EMPTY_ENDINGS.iter().any(|ending| name.ends_with(ending))
}

#[test]
fn an_endpoint_is_a_verb_and_a_noun() {
    let mut breaches = Vec::new();
    for function in names_in("functions") {
        for file in endpoints(&function) {
            let (verb, noun) = file.stem().split_once('_').unwrap_or((file.stem(), ""));
            if !VERBS.contains(&verb) || (noun.is_empty() && !LONELY_VERBS.contains(&verb)) {
                breaches.push(format!("{}: {verb:?} and {noun:?}", file.path));
            }
        }
    }
    settle("An endpoint's file is called verb_noun, with a verb of the list in tests/it/tidy/names.rs.", &breaches);
}

#[test]
fn an_endpoints_test_has_its_name() {
    let mut breaches = Vec::new();
    for function in names_in("functions") {
        let folder = format!("tests/it/{}", function.replace('-', "_"));
        for file in endpoints(&function) {
            let test = format!("{folder}/{}.rs", file.stem());
            if !top().join(&test).is_file() {
                breaches.push(format!("{} has no {test}", file.path));
            }
        }
    }
    settle("tests/it/<function>/<verb_noun>.rs mirrors functions/.", &breaches);
}

#[test]
fn names_say_what_is_inside() {
    let mut breaches = Vec::new();
    for file in sources(&["functions", "shared", "server", "tests", "bench", "migrations"]) {
        let parts = file.path.split('/').map(|part| part.split_once('.').map_or(part, |(stem, _)| stem));
        breaches.extend(parts.filter(|part| is_empty_name(part)).map(|part| format!("{}: {part}", file.path)));
        let lines = (1..).zip(file.text.lines()).filter(|_| file.is_rust());
        let names = lines.filter_map(|(number, line)| Some((number, declared(line)?)));
        let empty = names.filter(|(_, name)| is_empty_name(name));
        breaches.extend(empty.map(|(number, name)| format!("{}:{number}: {name}", file.path)));
    }
    settle("Nothing is called utils, helpers, common, core, a Manager or a Service.", &breaches);
}

#[test]
fn every_file_says_what_it_is() {
    let files = product().into_iter().filter(|file| !file.is_test() && !file.text.starts_with("//! "));
    let breaches: Vec<String> = files.map(|file| file.path).collect();
    settle("A file of the product begins with //! and a sentence.", &breaches);
}

#[test]
fn knows_declarations() {
    for (line, name) in [
        ("pub(crate) async fn find_me(", Some("find_me")),
        ("    mod helpers;", Some("helpers")),
        ("pub struct TaskManager<T> {", Some("TaskManager")),
        ("let struct_like = 1;", None),
    ] {
        assert_eq!(declared(line), name, "{line}");
    }
    assert!(is_empty_name("TaskManager") && is_empty_name("utils") && !is_empty_name("Services"));
}
