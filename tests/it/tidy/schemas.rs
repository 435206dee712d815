//! Schemas of one name are one schema.

use std::collections::BTreeMap;

use serde_json::Value;

use super::functions::descriptions;
use super::settle;

/// The parts of an API description that are merged by name.
const MERGED: [&str; 3] = ["schemas", "responses", "securitySchemes"];

#[test]
fn functions_do_not_use_one_name_for_two_things() {
    let mut first: BTreeMap<String, (&str, Value)> = BTreeMap::new();
    let mut breaches = Vec::new();
    for (function, api) in descriptions() {
        let api = serde_json::to_value(&api).expect("a description is JSON");
        for part in MERGED {
            for (name, content) in api["components"][part].as_object().into_iter().flatten() {
                let name = format!("{part}/{name}");
                let (other, known) = first.entry(name.clone()).or_insert_with(|| (function, content.clone()));
                if known != content {
                    breaches
                        .push(format!("{name} differs in {other} and {function}: rename one with #[schema(as = …)]"));
                }
            }
        }
    }
    settle("When the descriptions are merged, the first schema of a name hides the others.", &breaches);
}
