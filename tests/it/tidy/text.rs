//! What no file may contain, and how long it may be.

use super::{Source, everything, product, settle};

/// The most lines of a file. Files aim at 250.
const LINES_MAX: usize = 300;
/// Files that are longer, each with the reason.
const LONGER: [(&str, &str); 1] =
    [("tests/it/fakes/model.rs", "one stateful server, shared with other crates by its path")];

/// Words for what is not done yet. They are put together here so that this file does not have them.
const UNFINISHED: [&str; 6] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X:"),
    concat!("to", "do!"),
    concat!("unimple", "mented!"),
    concat!("db", "g!("),
];
/// Folders of one machine.
const MACHINE_PATHS: [&str; 3] = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/Us", "ers/")];

fn lines_with<'a>(file: &'a Source, words: &[&str]) -> Vec<String> {
    let lines = (1..).zip(file.text.lines());
    let has = |line: &&'a str| words.iter().any(|word| line.contains(word));
    lines
        .filter(|(_, line)| has(line))
        .map(|(number, line)| format!("{}:{number}: {}", file.path, line.trim()))
        .collect()
}

#[test]
fn nothing_is_left_unfinished() {
    let breaches: Vec<String> = everything().iter().flat_map(|file| lines_with(file, &UNFINISHED)).collect();
    settle("What is to be done is not in the code.", &breaches);
}

#[test]
fn no_path_of_one_machine() {
    let breaches: Vec<String> = everything().iter().flat_map(|file| lines_with(file, &MACHINE_PATHS)).collect();
    settle("Nothing depends on where a machine keeps its files.", &breaches);
}

#[test]
fn no_test_is_left_out() {
    let ignore =
        [concat!("#[ig", "nore"), concat!("it.sk", "ip("), concat!("test.sk", "ip("), concat!("mark.sk", "ip")];
    let breaches: Vec<String> = everything().iter().flat_map(|file| lines_with(file, &ignore)).collect();
    settle("Every test runs.", &breaches);
}

#[test]
fn the_product_does_not_unwrap() {
    let files = product();
    let product = files.iter().filter(|file| !file.is_test());
    let lines = product.flat_map(|file| file.product_lines().map(move |(number, line)| (file, number, line)));
    let unwraps = lines.filter(|(_, _, line)| line.contains(concat!(".unw", "rap()")));
    let breaches: Vec<String> =
        unwraps.map(|(file, number, line)| format!("{}:{number}: {}", file.path, line.trim())).collect();
    settle("expect states the invariant; a failure that can happen is an Error.", &breaches);
}

#[test]
fn a_lint_is_switched_off_with_a_reason() {
    let mut breaches = Vec::new();
    for file in everything().iter().filter(|file| file.is_rust()) {
        for begin in
            [concat!("#[al", "low("), concat!("#![al", "low("), concat!("#[ex", "pect("), concat!("#![ex", "pect(")]
        {
            let attributes = file.text.match_indices(begin);
            let bare = attributes.filter(|(at, _)| {
                let rest = &file.text[*at..];
                !rest[..rest.find(")]").unwrap_or(rest.len())].contains("reason = \"")
            });
            breaches.extend(bare.map(|(at, _)| format!("{}:{}", file.path, file.text[..at].lines().count() + 1)));
        }
    }
    settle("The attribute that switches a lint off says why.", &breaches);
}

#[test]
fn files_can_be_read_in_one_go() {
    let mut breaches = Vec::new();
    for file in everything().iter().filter(|file| file.is_rust()) {
        let lines = file.text.lines().count();
        let is_listed = LONGER.iter().any(|(path, _)| *path == file.path);
        if is_listed && lines <= LINES_MAX {
            breaches.push(format!("{}: {lines} lines; take it off the list of longer files", file.path));
        } else if !is_listed && lines > LINES_MAX {
            breaches.push(format!("{}: {lines} lines", file.path));
        }
    }
    settle("A file has at most 300 lines; split it, or list it with a reason in tests/it/tidy/text.rs.", &breaches);
}
