use serde_json::{Value, json};

use super::{GOALS, NOBODY, id_of, listed, make_goal, make_task, walked};
use crate::app::TestApp;

#[tokio::test]
async fn shows_them_newest_first_with_their_progress() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    for title in ["first", "second", "third"] {
        let goal = make_goal(&alice, title, "week", Value::Null).await;
        make_task(&alice, "a", json!({"goal_id": goal["id"], "status": "done"})).await;
        make_task(&alice, "b", json!({"goal_id": goal["id"]})).await;
    }
    let page = alice.get(GOALS).await;
    insta::assert_json_snapshot!(page.json(), {
        "[].id" => "[id]", "[].created_at" => "[time]", "[].updated_at" => "[time]",
    });
}

#[tokio::test]
async fn filters() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let year = make_goal(&alice, "year", "year", json!({"description": "the long run"})).await;
    let month =
        make_goal(&alice, "month", "month", json!({"parent_goal_id": year["id"], "due_date": "2026-11-25"})).await;
    make_goal(&alice, "week", "week", json!({"parent_goal_id": month["id"], "due_date": "2026-11-20"})).await;
    make_goal(&alice, "old week", "week", json!({"starts_on": "2026-11-01", "status": "done"})).await;
    for (query, expected) in [
        ("timeframe=week", vec!["old week", "week"]),
        ("timeframe=week&status=active", vec!["week"]),
        ("status=done", vec!["old week"]),
        ("parent_goal_id=none", vec!["old week", "year"]),
        (&format!("parent_goal_id={}", id_of(&year)), vec!["month"]),
        (&format!("parent_goal_id={NOBODY}"), vec![]),
        ("on=2026-11-18", vec!["week", "month", "year"]),
        ("on=2026-11-01", vec!["old week", "month", "year"]),
        ("on=2025-12-31", vec![]),
        ("due_from=2026-11-21", vec!["month"]),
        ("due_to=2026-11-20", vec!["week"]),
        ("due_from=2026-11-20&due_to=2026-11-25", vec!["week", "month"]),
        ("q=week", vec!["old week", "week"]),
        ("q=long%20run", vec!["year"]),
        ("q=%00", vec![]),
    ] {
        assert_eq!(listed(&alice, &format!("{GOALS}?{query}"), "title").await, expected, "{query}");
    }
    for (name, value) in [
        ("timeframe", "decade"),
        ("status", "pending"),
        ("parent_goal_id", "nothing"),
        ("on", "today"),
        ("due_from", "2026-13-01"),
        ("due_to", "x"),
        ("limit", "0"),
        ("before", "x"),
    ] {
        alice.get(&format!("{GOALS}?{name}={value}")).await.assert_invalid(name);
    }
}

#[tokio::test]
async fn pages_through_ties() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let titles = ["a", "b", "c", "d", "e"];
    for title in titles {
        make_goal(&alice, title, "week", Value::Null).await;
    }
    make_goal(&alice, "another", "month", Value::Null).await;
    app.superuser().await.batch_execute("update goals set created_at = '2026-01-01'").await.expect("arranged");
    let mut seen = walked(&alice, &format!("{GOALS}?limit=2&timeframe=week"), "title").await;
    seen.sort();
    assert_eq!(seen, titles);
}

#[tokio::test]
async fn is_for_oneself() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let goal = make_goal(&alice, "mine", "week", Value::Null).await;
    assert_eq!(listed(&bob, GOALS, "title").await, [""; 0]);
    assert_eq!(listed(&bob, &format!("{GOALS}?q=mine"), "title").await, [""; 0]);
    assert_eq!(listed(&bob, &format!("{GOALS}?parent_goal_id={}", id_of(&goal)), "title").await, [""; 0]);
    app.anon().get(GOALS).await.assert_problem(401, "token_missing");
}
