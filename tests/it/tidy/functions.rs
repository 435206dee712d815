//! A function has the same name and the same routes everywhere it is told of: in its folder, its `//!`, its API
//! description, `template.yaml`, and the router of `cargo lambda watch`. A function that queues and schedules call has
//! a folder and a block of the template, and no routes anywhere.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use utoipa::openapi::OpenApi;

use super::{Source, names_in, read, settle, sources};

/// Whether a function answers HTTP; otherwise it takes events.
fn answers_http(function: &str) -> bool {
    read(&format!("functions/{function}/src/lib.rs")).contains("\npub fn router(")
}

/// What each function that answers HTTP says of itself, in the order of the folders.
pub(super) fn descriptions() -> Vec<(&'static str, OpenApi)> {
    vec![
        ("auth", auth::openapi()),
        ("changes", changes::openapi()),
        ("chat", chat::openapi()),
        ("clerk-webhook", clerk_webhook::openapi()),
        ("conversation", conversation::openapi()),
        ("conversations", conversations::openapi()),
        ("health", health::openapi()),
        ("history", history::openapi()),
        ("notes", notes::openapi()),
        ("planning", planning::openapi()),
        ("tasks", tasks::openapi()),
        ("users", users::openapi()),
    ]
}

/// Methods and paths, such as `GET /api/health`.
type Routes = BTreeSet<String>;

/// The routes of an API description.
pub(super) fn routes_of(api: &OpenApi) -> Routes {
    let api = serde_json::to_value(api).expect("a description is JSON");
    let paths = api["paths"].as_object().expect("paths").iter();
    paths.flat_map(|(path, item)| methods_of(item).map(move |method| format!("{method} {path}"))).collect()
}

fn methods_of(item: &Value) -> impl Iterator<Item = String> {
    let methods = ["get", "post", "put", "patch", "delete"].into_iter();
    methods.filter(|method| item[*method].is_object()).map(str::to_uppercase)
}

/// The rows of the table in a function's `//!`: the route, and the handler it links to.
pub(super) fn table_of(function: &str) -> Vec<(String, String)> {
    let text = read(&format!("functions/{function}/src/lib.rs"));
    let rows = text.lines().filter_map(|line| line.strip_prefix("//! | `"));
    let row = |row: &str| {
        let (route, rest) = row.split_once("` | [`")?;
        Some((route.to_owned(), rest.split_once("`]")?.0.to_owned()))
    };
    rows.map(|text| row(text).unwrap_or_else(|| panic!("functions/{function}/src/lib.rs: the row {text:?}"))).collect()
}

/// The functions of `template.yaml` in their order, with their routes; preflights are left out.
fn template() -> Vec<(String, Routes)> {
    let mut functions: Vec<(String, Routes)> = Vec::new();
    for line in read("template.yaml").lines() {
        if let Some((_, folder)) = line.split_once("CodeUri: functions/") {
            functions.push((folder.trim().to_owned(), Routes::new()));
        }
        let route = line.split_once("Path: ").and_then(|(_, rest)| rest.split_once(", Method: "));
        if let (Some((path, rest)), Some((_, routes))) = (route, functions.last_mut()) {
            let method = rest.split(',').next().unwrap_or_default();
            if method != "OPTIONS" {
                routes.insert(format!("{method} {}", path.trim_matches('"')));
            }
        }
    }
    functions
}

/// The routes with any method as those that the description has of the path; one whose path it lacks stays as it is.
fn spelt_out(deployed: &Routes, described: &Routes) -> Routes {
    let of_path = |path: &str| -> Vec<String> {
        described.iter().filter(|route| route.split_once(' ').is_some_and(|(_, of)| of == path)).cloned().collect()
    };
    let routes = deployed.iter().flat_map(|route| match route.strip_prefix("ANY ").map(of_path) {
        Some(routes) if !routes.is_empty() => routes,
        _ => vec![route.clone()],
    });
    routes.collect()
}

/// Which functions answer a path under `cargo lambda watch`, each path with each of them. The table gives one by its
/// name, several as a list on one line that says which method is whose.
fn watch_router() -> BTreeSet<(String, String)> {
    let manifest = read("Cargo.toml");
    let (_, table) = manifest.split_once("[workspace.metadata.lambda.watch.router]\n").expect("the router's table");
    let lines = table.lines().take_while(|line| !line.starts_with('['));
    let pairs = lines.filter_map(|line| line.split_once(" = "));
    let functions_of = |told: &str| -> Vec<String> {
        let named = told.split("function = \"").skip(1).filter_map(|rest| Some(rest.split_once('"')?.0.to_owned()));
        if told.starts_with('[') { named.collect() } else { vec![told.trim_matches('"').to_owned()] }
    };
    pairs
        .flat_map(|(path, told)| {
            functions_of(told).into_iter().map(move |function| (path.trim_matches('"').to_owned(), function))
        })
        .collect()
}

/// What is in one set and not in the other.
fn differences(what: &str, one: (&str, &Routes), other: (&str, &Routes)) -> Vec<String> {
    let missing = |(has, all): (&str, &Routes), (lacks, some): (&str, &Routes)| {
        let missing: Vec<String> =
            all.difference(some).map(|route| format!("{what}: {route} is in {has}, not in {lacks}")).collect();
        missing
    };
    [missing(one, other), missing(other, one)].concat()
}

#[test]
fn the_same_functions_in_the_same_order_everywhere() {
    let folders = names_in("functions");
    let in_template: Vec<String> = template().into_iter().map(|(function, _)| function).collect();
    assert_eq!(in_template, folders, "the blocks of template.yaml and the folders of functions/");
    let (routers, handlers): (Vec<String>, Vec<String>) =
        folders.into_iter().partition(|function| answers_http(function));
    let described: Vec<&str> = descriptions().into_iter().map(|(function, _)| function).collect();
    assert_eq!(described, routers, "the list in tests/it/tidy/functions.rs and the folders of functions/");
    let routed: BTreeSet<String> = watch_router().into_iter().map(|(_, function)| function).collect();
    assert_eq!(routed.into_iter().collect::<Vec<_>>(), routers, "the watch router of Cargo.toml and functions/");
    let with_routes = template().into_iter().filter(|(_, routes)| !routes.is_empty()).map(|(function, _)| function);
    assert_eq!(with_routes.collect::<Vec<_>>(), routers, "the functions with routes in template.yaml");
    for (functions, start) in [(routers, "base::run::start("), (handlers, "base::run::start_events(")] {
        for function in functions {
            let main = read(&format!("functions/{function}/src/main.rs"));
            assert!(main.contains(start), "functions/{function}/src/main.rs does not call {start}…)");
        }
    }
}

#[test]
fn the_same_routes_everywhere() {
    let template: BTreeMap<String, Routes> = template().into_iter().collect();
    let router = watch_router();
    let mut breaches = Vec::new();
    for (function, api) in descriptions() {
        let described = routes_of(&api);
        let told: Routes = table_of(function).into_iter().map(|(route, _)| route).collect();
        let deployed = template.get(function).map(|routes| spelt_out(routes, &described)).unwrap_or_default();
        breaches.extend(differences(function, ("openapi()", &described), ("the table of lib.rs", &told)));
        breaches.extend(differences(function, ("openapi()", &described), ("template.yaml", &deployed)));
        let paths = described.iter().filter_map(|route| Some(route.split_once(' ')?.1.to_owned())).collect();
        let watched = router.iter().filter(|(_, to)| *to == function).map(|(path, _)| path.clone()).collect();
        breaches.extend(differences(function, ("openapi()", &paths), ("the watch router", &watched)));
    }
    settle("A function's routes are the same wherever they are told.", &breaches);
}

#[test]
fn the_document_has_every_function() {
    let all: Routes = descriptions().iter().flat_map(|(_, api)| routes_of(api)).collect();
    let served = routes_of(&server::description::document());
    settle(
        "The served document is that of all functions.",
        &differences("all", ("functions", &all), ("document", &served)),
    );
}

/// The files of a function that hold an endpoint.
pub(super) fn endpoints(function: &str) -> Vec<Source> {
    let mut files = sources(&[&format!("functions/{function}/src")]);
    files.retain(|file| file.is_rust() && file.text.contains("#[utoipa::path("));
    files
}

#[test]
fn an_endpoint_is_a_file_that_begins_with_its_route() {
    let mut breaches = Vec::new();
    for function in names_in("functions") {
        let table: BTreeMap<String, String> =
            table_of(&function).into_iter().map(|(route, handler)| (handler, route)).collect();
        let files = endpoints(&function);
        for file in &files {
            let Some(route) = table.get(file.stem()) else {
                breaches.push(format!("{}: the table of lib.rs does not link to it", file.path));
                continue;
            };
            // After the path a query or what it is about may follow.
            let begins =
                file.text.strip_prefix(&format!("//! `{route}")).is_some_and(|rest| rest.starts_with(['`', '?']));
            if !begins {
                breaches.push(format!("{}: the first line is not //! `{route}`: …", file.path));
            }
            if !file.text.contains(&format!("pub(crate) async fn {}(", file.stem())) {
                breaches.push(format!("{}: its handler is not called {}", file.path, file.stem()));
            }
        }
        let stems: Vec<&str> = files.iter().map(Source::stem).collect();
        let missing = table.keys().filter(|handler| !stems.contains(&handler.as_str()));
        breaches.extend(missing.map(|handler| format!("functions/{function}: there is no endpoint {handler}.rs")));
    }
    settle("One endpoint per file; its //! begins with method and path, its handler has its name.", &breaches);
}
