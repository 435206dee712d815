use reqwest::Method;
use serde_json::{Value, json};

use super::{assert_guarded, assert_happens_once, assert_private, make_reflection, reflection_at};
use crate::app::TestApp;

#[tokio::test]
async fn changes_what_is_sent() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let made = make_reflection(&alice, "weekly", "2026-11-21", "text").await;
    let address = reflection_at(&made);
    let changed = alice.put(&address, &json!({"content": "better", "metadata": {"mood": 5}})).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    insta::assert_json_snapshot!(changed.json(), {
        ".id" => "[id]", ".created_at" => "[time]", ".updated_at" => "[time]",
    });
    assert_eq!(alice.get(&address).await.json(), changed.json());
    assert_eq!(alice.put(&address, &json!({"content": "better"})).await.json(), changed.json(), "nothing changed");
}

#[tokio::test]
async fn moves_the_period_along() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let made = make_reflection(&alice, "weekly", "2026-11-21", "text").await;
    let period = async |body: Value| {
        let changed = alice.put(&reflection_at(&made), &body).await.json();
        [changed["starts_on"].clone(), changed["ends_on"].clone()]
    };
    assert_eq!(period(json!({"reflection_type": "monthly"})).await, ["2026-11-01", "2026-11-30"]);
    assert_eq!(period(json!({"reflection_type": "custom"})).await, ["2026-11-01", "2026-11-30"]);
    assert_eq!(period(json!({"ends_on": "2026-12-24"})).await, ["2026-11-01", "2026-12-24"]);
    assert_eq!(period(json!({"reflection_type": "daily"})).await, ["2026-11-01", "2026-11-01"]);
    let moved = json!({"starts_on": "2026-11-03", "ends_on": "2026-11-03"});
    assert_eq!(period(moved).await, ["2026-11-03", "2026-11-03"]);
}

#[tokio::test]
async fn names_the_field_at_fault() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let made = make_reflection(&alice, "weekly", "2026-11-21", "text").await;
    for (pointer, body) in [
        ("/content", json!({"content": null})),
        ("/content", json!({"content": ""})),
        ("/reflection_type", json!({"reflection_type": "x"})),
        ("/ends_on", json!({"ends_on": "2026-11-23"})),
        ("/ends_on", json!({"starts_on": "2026-11-15"})),
        ("/date", json!({"date": "2026-11-15"})),
        ("/metadata", json!({"metadata": null})),
    ] {
        alice.put(&reflection_at(&made), &body).await.assert_invalid(pointer);
    }
    assert_eq!(alice.get(&reflection_at(&made)).await.json(), made);
}

#[tokio::test]
async fn happens_once_and_from_the_state_that_was_seen() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let address = reflection_at(&make_reflection(&alice, "daily", "2026-11-21", "text").await);
    let (one, other) = (json!({"content": "a"}), json!({"content": "b"}));
    assert_happens_once(&alice, Method::PUT, &address, &one, (&address, &other)).await;
    assert_guarded(&alice, Method::PUT, &address, &json!({"content": "c"})).await;
}

#[tokio::test]
async fn is_for_oneself() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let address = reflection_at(&make_reflection(&alice, "daily", "2026-11-21", "text").await);
    assert_private(&alice, &bob, &app.anon(), Method::PUT, &address, &json!({"content": "x"})).await;
}
