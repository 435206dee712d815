use std::time::{Duration, Instant};

use serde_json::json;

use super::{action_of, changes_after};
use crate::app::TestApp;

#[tokio::test]
async fn tells_what_happened_in_order() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let renamed = alice.put("/api/users/me", &json!({"full_name": "Alice B"})).await;
    let changes = changes_after(&alice, 0).await;
    assert_eq!(changes.iter().map(|change| change["seq"].as_i64()).collect::<Vec<_>>(), [Some(1), Some(2)]);
    let [made, renaming] = &changes[..] else { panic!("{changes:?}") };
    assert_eq!(
        (&made["entity"], &made["operation"], &made["before"]),
        (&json!("user"), &json!("insert"), &json!(null))
    );
    assert_eq!(made["after"]["full_name"], "alice");
    assert_eq!(renaming["operation"], "update");
    assert_eq!(renaming["before"], made["after"]);
    assert_eq!(renaming["after"]["full_name"], "Alice B");
    assert_eq!(renaming["actor"], "user");
    assert_eq!(renaming["action_group"], action_of(&renamed));
    assert_eq!(renaming["entity_id"], alice.id());
}

#[tokio::test]
async fn a_write_that_changes_nothing_is_no_change_and_names_can_be_shared() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let group = "0190a0a0-0000-7000-8000-00000000000a";
    for name in ["B", "C"] {
        let write = alice.request(reqwest::Method::PUT, "/api/users/me").header("action-group", group);
        let answer = crate::app::Answer::of(write.json(&json!({"full_name": name}))).await;
        assert_eq!(action_of(&answer), group);
    }
    let changes = changes_after(&alice, 1).await;
    assert_eq!(changes.iter().filter(|change| change["action_group"] == group).count(), 2, "{changes:?}");
    let write = alice.request(reqwest::Method::PUT, "/api/users/me").header("action-group", "mine");
    let answer = crate::app::Answer::of(write.json(&json!({"full_name": "D"}))).await;
    answer.assert_invalid("Action-Group");
}

#[tokio::test]
async fn pages_and_says_where_to_go_on() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    for name in ["B", "C", "D"] {
        assert_eq!(alice.put("/api/users/me", &json!({"full_name": name})).await.status, 200);
    }
    let first = alice.get("/api/changes?limit=3").await;
    assert_eq!(first.json().as_array().map(Vec::len), Some(3));
    assert_eq!(first.header("link"), "</api/changes?after=3&limit=3&wait=0>; rel=\"next\"");
    let rest = alice.get("/api/changes?after=3&limit=3").await.json();
    assert_eq!(rest[0]["after"]["full_name"], "D");
    let none = alice.get("/api/changes?after=4").await;
    assert_eq!(none.text, "[]");
    assert_eq!(none.header("link"), "</api/changes?after=4&limit=100&wait=0>; rel=\"next\"");
}

#[tokio::test]
async fn waits_for_what_is_not_there_yet() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let asked = Instant::now();
    let waiting = {
        let alice = alice.clone();
        tokio::spawn(async move { alice.get("/api/changes?after=1&wait=25").await })
    };
    // Somebody else's change wakes nobody.
    app.register("bob").await;
    assert_eq!(alice.put("/api/users/me", &json!({"full_name": "B"})).await.status, 200);
    let answer = waiting.await.expect("it answers");
    assert_eq!(answer.json()[0]["after"]["full_name"], "B");
    assert!(asked.elapsed() < Duration::from_secs(20), "it answers when there is something");
    let asked = Instant::now();
    assert_eq!(alice.get("/api/changes?after=2&wait=1").await.text, "[]");
    assert!(asked.elapsed() >= Duration::from_secs(1), "it waits when there is nothing");
}

#[tokio::test]
async fn is_the_users_own() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    assert!(changes_after(&bob, 0).await.iter().all(|change| change["entity_id"] == bob.id()));
    app.anon().get("/api/changes").await.assert_problem(401, "token_missing");
    for (query, field) in
        [("limit=0", "limit"), ("limit=501", "limit"), ("after=-1", "after"), ("after=x", "after"), ("wait=26", "wait")]
    {
        alice.get(&format!("/api/changes?{query}")).await.assert_invalid(field);
    }
}
