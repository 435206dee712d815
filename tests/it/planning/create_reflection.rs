use reqwest::Method;
use serde_json::{Value, json};

use super::{NOBODY, REFLECTIONS, assert_happens_once, id_of, make_reflection, reflection_at};
use crate::app::TestApp;

#[tokio::test]
async fn keeps_one() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let body = json!({
        "reflection_type": "weekly", "date": "2026-11-21", "content": "# A good week\n\nMostly.\n", "metadata": {"mood": 4},
    });
    let made = alice.post(REFLECTIONS, &body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    insta::assert_json_snapshot!(made.json(), {
        ".id" => "[id]", ".created_at" => "[time]", ".updated_at" => "[time]",
    });
    let found = alice.get(&reflection_at(&made.json())).await;
    assert_eq!(found.json(), made.json());
    assert_eq!(found.header("etag"), made.header("etag"));
}

#[tokio::test]
async fn derives_the_period() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    for (kind, first, last) in [
        ("daily", "2026-11-21", "2026-11-21"),
        ("weekly", "2026-11-16", "2026-11-22"),
        ("monthly", "2026-11-01", "2026-11-30"),
        ("quarterly", "2026-10-01", "2026-12-31"),
        ("yearly", "2026-01-01", "2026-12-31"),
    ] {
        let made = make_reflection(&alice, kind, "2026-11-21", "text").await;
        assert_eq!((made["starts_on"].as_str(), made["ends_on"].as_str()), (Some(first), Some(last)), "{kind}");
    }
    let from_sunday =
        json!({"reflection_type": "weekly", "content": "text", "starts_on": "2026-11-15", "ends_on": "2026-11-21"});
    assert_eq!(alice.post(REFLECTIONS, &from_sunday).await.json()["starts_on"], "2026-11-15");
    let trip =
        json!({"reflection_type": "custom", "content": "text", "starts_on": "2026-11-02", "ends_on": "2026-11-11"});
    assert_eq!(alice.post(REFLECTIONS, &trip).await.json()["ends_on"], "2026-11-11");
    // Without any day it is today, wherever that is; 26 hours lie between these two.
    let mut days = Vec::new();
    for zone in ["Etc/GMT+12", "Pacific/Kiritimati"] {
        assert_eq!(alice.put("/api/users/preferences", &json!({"time_zone": zone})).await.status, 200);
        let today = alice.post(REFLECTIONS, &json!({"reflection_type": "daily", "content": zone})).await;
        days.push(today.json()["starts_on"].clone());
    }
    assert_ne!(days[0], days[1]);
}

#[tokio::test]
async fn takes_an_id_of_the_client_once() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let body = json!({"id": NOBODY, "reflection_type": "daily", "content": "text"});
    assert_eq!(id_of(&alice.post(REFLECTIONS, &body).await.json()), NOBODY);
    alice.post(REFLECTIONS, &body).await.assert_problem(409, "id_taken");
    bob.post(REFLECTIONS, &body).await.assert_problem(409, "id_taken");
}

#[tokio::test]
async fn happens_once() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let body = |content: &str| json!({"reflection_type": "daily", "content": content});
    assert_happens_once(&alice, Method::POST, REFLECTIONS, &body("a"), (REFLECTIONS, &body("b"))).await;
    assert_eq!(alice.get(REFLECTIONS).await.json().as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn names_the_field_at_fault() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let with = |kind: &str, more: Value| super::merged(json!({"reflection_type": kind, "content": "text"}), more);
    for (pointer, body) in [
        ("/content", json!({"reflection_type": "daily"})),
        ("/content", with("daily", json!({"content": " \n"}))),
        ("/content", with("daily", json!({"content": "x".repeat(100_001)}))),
        ("/content", with("daily", json!({"content": "nul \u{0}"}))),
        ("/reflection_type", json!({"content": "text"})),
        ("/reflection_type", with("hourly", Value::Null)),
        ("/date", with("daily", json!({"date": "yesterday"}))),
        ("/date", with("daily", json!({"date": "2026-11-21", "starts_on": "2026-11-21", "ends_on": "2026-11-21"}))),
        ("/starts_on", with("custom", Value::Null)),
        ("/starts_on", with("custom", json!({"date": "2026-11-21"}))),
        ("/starts_on", with("daily", json!({"ends_on": "2026-11-21"}))),
        ("/ends_on", with("daily", json!({"starts_on": "2026-11-21"}))),
        ("/ends_on", with("daily", json!({"starts_on": "2026-11-21", "ends_on": "2026-11-22"}))),
        ("/ends_on", with("weekly", json!({"starts_on": "2026-11-16", "ends_on": "2026-11-21"}))),
        ("/ends_on", with("custom", json!({"starts_on": "2026-11-21", "ends_on": "2026-11-20"}))),
        ("/ends_on", with("custom", json!({"starts_on": "2026-11-21", "ends_on": "2046-11-20"}))),
        ("/metadata", with("daily", json!({"metadata": 1}))),
        ("/mood", with("daily", json!({"mood": 4}))),
    ] {
        alice.post(REFLECTIONS, &body).await.assert_invalid(pointer);
    }
    let anon = app.anon().post(REFLECTIONS, &with("daily", Value::Null)).await;
    anon.assert_problem(401, "token_missing");
    assert_eq!(alice.get(REFLECTIONS).await.text, "[]");
    let longest = with("daily", json!({"content": "字".repeat(100_000)}));
    assert_eq!(alice.post(REFLECTIONS, &longest).await.status, 201);
}
