use reqwest::Method;
use serde_json::{Value, json};

use super::{assert_guarded, assert_happens_once, assert_private, goal_at, make_goal, make_task};
use crate::app::TestApp;

#[tokio::test]
async fn changes_what_is_sent() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let parent = make_goal(&alice, "parent", "year", Value::Null).await;
    let more =
        json!({"description": "d", "due_date": "2026-11-20", "parent_goal_id": parent["id"], "metadata": {"a": 1}});
    let goal = make_goal(&alice, "goal", "week", more).await;
    let address = goal_at(&goal);
    let body = json!({"title": "renamed", "priority": "urgent", "status": "done", "metadata": {"b": 2}});
    let changed = alice.put(&address, &body).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    insta::assert_json_snapshot!(changed.json(), {
        ".id" => "[id]", ".parent_goal_id" => "[id]", ".created_at" => "[time]", ".updated_at" => "[time]",
    });
    assert_eq!(alice.get(&address).await.json(), changed.json());
    let emptied = alice.put(&address, &json!({"description": null, "due_date": null, "parent_goal_id": null})).await;
    for field in ["description", "due_date", "parent_goal_id"] {
        assert_eq!(emptied.json()[field], Value::Null, "{field}");
    }
    assert_eq!(emptied.json()["title"], "renamed");
}

#[tokio::test]
async fn leaves_no_trace_when_nothing_changes() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let goal = make_goal(&alice, "goal", "week", Value::Null).await;
    for body in [json!({}), json!({"title": "goal", "starts_on": "2026-11-18", "progress": null})] {
        assert_eq!(alice.put(&goal_at(&goal), &body).await.json(), goal);
    }
}

#[tokio::test]
async fn moves_the_period_along() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let goal = make_goal(&alice, "goal", "week", Value::Null).await;
    let period = async |body: Value| {
        let goal = alice.put(&goal_at(&goal), &body).await.json();
        [goal["starts_on"].clone(), goal["ends_on"].clone()]
    };
    assert_eq!(period(json!({"starts_on": "2026-12-31"})).await, ["2026-12-28", "2027-01-03"]);
    assert_eq!(period(json!({"timeframe": "month"})).await, ["2026-12-01", "2026-12-31"]);
    assert_eq!(period(json!({"timeframe": "quarter", "starts_on": "2027-05-05"})).await, ["2027-04-01", "2027-06-30"]);
}

#[tokio::test]
async fn takes_progress_by_hand_and_gives_it_back() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let goal = make_goal(&alice, "goal", "week", Value::Null).await;
    for status in ["done", "done", "pending"] {
        make_task(&alice, status, json!({"goal_id": goal["id"], "status": status})).await;
    }
    let progress = async |body: Value| {
        let goal = alice.put(&goal_at(&goal), &body).await.json();
        (goal["progress"].as_i64(), goal["progress_source"].as_str().map(str::to_owned))
    };
    let is = |percent, source: &str| (Some(percent), Some(source.to_owned()));
    assert_eq!(progress(json!({})).await, is(66, "derived"));
    assert_eq!(progress(json!({"progress": 10})).await, is(10, "manual"));
    assert_eq!(progress(json!({"status": "done"})).await, is(10, "manual"));
    assert_eq!(progress(json!({"progress": null})).await, is(100, "derived"));
    assert_eq!(progress(json!({"status": "active"})).await, is(66, "derived"));
    assert_eq!(progress(json!({"progress": 0})).await, is(0, "manual"));
}

#[tokio::test]
async fn names_the_field_at_fault() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let month = make_goal(&alice, "month", "month", Value::Null).await;
    let week = make_goal(&alice, "week", "week", json!({"parent_goal_id": month["id"]})).await;
    let foreign = make_goal(&bob, "year", "year", Value::Null).await;
    for (goal, pointer, body) in [
        (&week, "/title", json!({"title": null})),
        (&week, "/title", json!({"title": "x".repeat(501)})),
        (&week, "/timeframe", json!({"timeframe": null})),
        (&week, "/timeframe", json!({"timeframe": "year"})),
        (&month, "/timeframe", json!({"timeframe": "day"})),
        (&week, "/description", json!({"description": "\u{0}"})),
        (&week, "/progress", json!({"progress": 1.5})),
        (&week, "/progress", json!({"progress": 101})),
        (&week, "/due_date", json!({"due_date": "tomorrow"})),
        (&week, "/created_at", json!({"created_at": "2026-11-21T00:00:00Z"})),
        (&week, "/parent_goal_id", json!({"parent_goal_id": foreign["id"]})),
    ] {
        alice.put(&goal_at(goal), &body).await.assert_invalid(pointer);
        assert_eq!(&alice.get(&goal_at(goal)).await.json(), goal, "{body}");
    }
}

#[tokio::test]
async fn refuses_circles_and_towers() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let mut tower = vec![make_goal(&alice, "1", "week", Value::Null).await];
    for level in 2..=16 {
        let below = json!({"parent_goal_id": tower.last().expect("one")["id"]});
        tower.push(make_goal(&alice, &level.to_string(), "week", below).await);
    }
    for below in [0, 1, 15] {
        let circle = alice.put(&goal_at(&tower[0]), &json!({"parent_goal_id": tower[below]["id"]})).await;
        circle.assert_problem(409, "cycle");
    }
    let top = make_goal(&alice, "0", "week", Value::Null).await;
    alice.put(&goal_at(&tower[0]), &json!({"parent_goal_id": top["id"]})).await.assert_invalid("/parent_goal_id");
    alice.put(&goal_at(&top), &json!({"parent_goal_id": tower[15]["id"]})).await.assert_invalid("/parent_goal_id");
    assert_eq!(alice.put(&goal_at(&top), &json!({"parent_goal_id": tower[14]["id"]})).await.status, 200);
}

#[tokio::test]
async fn happens_once_and_from_the_state_that_was_seen() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let goal = make_goal(&alice, "goal", "week", Value::Null).await;
    let address = goal_at(&goal);
    assert_happens_once(&alice, Method::PUT, &address, &json!({"title": "a"}), (&address, &json!({"title": "b"})))
        .await;
    assert_guarded(&alice, Method::PUT, &address, &json!({"title": "c"})).await;
}

#[tokio::test]
async fn is_for_oneself() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let goal = make_goal(&alice, "goal", "week", Value::Null).await;
    assert_private(&alice, &bob, &app.anon(), Method::PUT, &goal_at(&goal), &json!({"title": "t"})).await;
}
