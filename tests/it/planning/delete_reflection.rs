use reqwest::Method;
use serde_json::Value;

use super::{
    NOBODY, REFLECTIONS, assert_guarded, assert_happens_once, assert_private, delete, make_reflection, reflection_at,
};
use crate::app::TestApp;

#[tokio::test]
async fn deletes_and_can_be_undone() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let made = make_reflection(&alice, "daily", "2026-11-21", "text").await;
    let deleted = delete(&alice, &reflection_at(&made)).await;
    assert_eq!((deleted.status.as_u16(), deleted.text.as_str()), (204, ""));
    alice.get(&reflection_at(&made)).await.assert_problem(404, "not_found");
    let undone = alice.post(&format!("/api/undo/{}", deleted.header("action-group")), &Value::Null).await;
    assert_eq!(undone.status, 200, "{}", undone.text);
    assert_eq!(alice.get(&reflection_at(&made)).await.json(), made);
    assert_eq!(super::listed(&alice, &format!("{REFLECTIONS}?q=text"), "content").await, ["text"]);
}

#[tokio::test]
async fn happens_once_and_from_the_state_that_was_seen() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let one = reflection_at(&make_reflection(&alice, "daily", "2026-11-21", "one").await);
    let two = reflection_at(&make_reflection(&alice, "daily", "2026-11-21", "two").await);
    let other = format!("{REFLECTIONS}/{NOBODY}");
    assert_happens_once(&alice, Method::DELETE, &one, &Value::Null, (&other, &Value::Null)).await;
    assert_guarded(&alice, Method::DELETE, &two, &Value::Null).await;
    assert_eq!(alice.get(REFLECTIONS).await.text, "[]");
}

#[tokio::test]
async fn is_for_oneself() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let address = reflection_at(&make_reflection(&alice, "daily", "2026-11-21", "text").await);
    assert_private(&alice, &bob, &app.anon(), Method::DELETE, &address, &Value::Null).await;
    assert_eq!(alice.get(&address).await.status, 200);
}
