use reqwest::Method;
use serde_json::{Value, json};

use super::{GOALS, NOBODY, assert_happens_once, goal_at, id_of, make_goal};
use crate::app::TestApp;

#[tokio::test]
async fn makes_one() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let parent = make_goal(&alice, "A healthy year", "year", Value::Null).await;
    let body = json!({
        "title": "  Run a half marathon ", "description": "Slowly.", "timeframe": "quarter", "starts_on": "2026-11-21",
        "parent_goal_id": parent["id"], "priority": "high", "due_date": "2026-12-20", "metadata": {"color": "green"},
    });
    let made = alice.post(GOALS, &body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    insta::assert_json_snapshot!(made.json(), {
        ".id" => "[id]", ".parent_goal_id" => "[id]", ".created_at" => "[time]", ".updated_at" => "[time]",
    });
    let found = alice.get(&goal_at(&made.json())).await;
    assert_eq!(found.json(), made.json());
    assert_eq!(found.header("etag"), made.header("etag"));
}

#[tokio::test]
async fn keeps_the_period_by_its_first_day() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    for (timeframe, first, last) in [
        ("year", "2026-01-01", "2026-12-31"),
        ("quarter", "2026-10-01", "2026-12-31"),
        ("month", "2026-11-01", "2026-11-30"),
        ("week", "2026-11-16", "2026-11-22"),
        ("day", "2026-11-21", "2026-11-21"),
    ] {
        let goal = make_goal(&alice, timeframe, timeframe, Value::Null).await;
        assert_eq!((goal["starts_on"].as_str(), goal["ends_on"].as_str()), (Some(first), Some(last)), "{timeframe}");
    }
    let by_due_date = alice.post(GOALS, &json!({"title": "t", "timeframe": "month", "due_date": "2027-02-10"})).await;
    assert_eq!(by_due_date.json()["starts_on"], "2027-02-01");
}

#[tokio::test]
async fn begins_today_where_the_user_lives() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    // 26 hours lie between these two, so it is never the same day in both.
    let mut days = Vec::new();
    for zone in ["Etc/GMT+12", "Pacific/Kiritimati"] {
        assert_eq!(alice.put("/api/users/preferences", &json!({"time_zone": zone})).await.status, 200);
        days.push(alice.post(GOALS, &json!({"title": zone, "timeframe": "day"})).await.json()["starts_on"].clone());
    }
    assert_ne!(days[0], days[1]);
}

#[tokio::test]
async fn takes_an_id_of_the_client_once() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let goal = make_goal(&alice, "mine", "week", json!({"id": NOBODY})).await;
    assert_eq!(id_of(&goal), NOBODY);
    let body = json!({"title": "again", "timeframe": "week", "id": NOBODY});
    alice.post(GOALS, &body).await.assert_problem(409, "id_taken");
    bob.post(GOALS, &body).await.assert_problem(409, "id_taken");
}

#[tokio::test]
async fn happens_once() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let (body, other) = (json!({"title": "a", "timeframe": "week"}), json!({"title": "b", "timeframe": "week"}));
    assert_happens_once(&alice, Method::POST, GOALS, &body, (GOALS, &other)).await;
    assert_eq!(alice.get(GOALS).await.json().as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn names_the_field_at_fault() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let month = make_goal(&alice, "month", "month", Value::Null).await;
    let foreign = make_goal(&bob, "month", "month", Value::Null).await;
    for (pointer, body) in [
        ("/title", json!({"timeframe": "week"})),
        ("/title", json!({"title": " ", "timeframe": "week"})),
        ("/timeframe", json!({"title": "t"})),
        ("/timeframe", json!({"title": "t", "timeframe": "decade"})),
        ("/starts_on", json!({"title": "t", "timeframe": "week", "starts_on": "2026-02-29"})),
        ("/due_date", json!({"title": "t", "timeframe": "week", "due_date": "12026-01-01"})),
        ("/progress", json!({"title": "t", "timeframe": "week", "progress": 101})),
        ("/progress", json!({"title": "t", "timeframe": "week", "progress": -1})),
        ("/status", json!({"title": "t", "timeframe": "week", "status": "pending"})),
        ("/priority", json!({"title": "t", "timeframe": "week", "priority": "most"})),
        ("/metadata", json!({"title": "t", "timeframe": "week", "metadata": []})),
        ("/color", json!({"title": "t", "timeframe": "week", "color": "green"})),
        ("/parent_goal_id", json!({"title": "t", "timeframe": "week", "parent_goal_id": NOBODY})),
        ("/parent_goal_id", json!({"title": "t", "timeframe": "week", "parent_goal_id": foreign["id"]})),
        ("/timeframe", json!({"title": "t", "timeframe": "quarter", "parent_goal_id": month["id"]})),
    ] {
        alice.post(GOALS, &body).await.assert_invalid(pointer);
    }
    app.anon().post(GOALS, &json!({"title": "t", "timeframe": "week"})).await.assert_problem(401, "token_missing");
    assert_eq!(alice.get(GOALS).await.json().as_array().map(Vec::len), Some(1));
}
