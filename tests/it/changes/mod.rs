//! The change log: complete, in order, and reversible.

mod list_changes;
mod replay;
mod undo_action;

use serde_json::Value;

use crate::app::{Actor, Answer};

/// All changes of a user after a number, page by page.
async fn changes_after(actor: &Actor, mut after: i64) -> Vec<Value> {
    let mut changes = Vec::new();
    loop {
        let answer = actor.get(&format!("/api/changes?after={after}&limit=500")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let Value::Array(page) = answer.json() else { panic!("not a list: {}", answer.text) };
        let Some(last) = page.last() else { return changes };
        after = last["seq"].as_i64().expect("a number");
        changes.extend(page);
    }
}

/// The action that a write was.
fn action_of(answer: &Answer) -> String {
    assert!(answer.status.is_success(), "{}", answer.text);
    answer.header("action-group").to_owned()
}
