use reqwest::Method;
use serde_json::json;

use super::{PATH, address, check_box, create, delete, find, id, set_status, states, tasks, titles};
use crate::app::{Answer, TestApp};

#[tokio::test]
async fn takes_the_notes_below_along_and_leaves_the_tasks() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let kept = create(&alice, &json!({"title": "kept"})).await;
    let top = create(&alice, &json!({"title": "top", "parent_id": id(&kept)})).await;
    let below = json!({"title": "below", "parent_id": id(&top), "content": [check_box("a", "Call", false)]});
    let below = create(&alice, &below).await;
    let task = tasks(&alice, &below).await.remove(0);
    let deleted = delete(&alice, &top).await;
    assert_eq!((deleted.status.as_u16(), deleted.text.as_str()), (204, ""));
    assert_eq!(titles(&alice.get(PATH).await), ["kept"]);
    alice.get(&address(&below)).await.assert_problem(404, "not_found");
    set_status(&alice, &task, "done").await;
    assert_eq!(alice.get(&format!("/api/tasks/{}", id(&task))).await.json()["status"], "done");

    let undone = alice.post(&format!("/api/undo/{}", deleted.header("action-group")), &json!({})).await;
    assert_eq!(undone.status, 200, "{}", undone.text);
    assert_eq!(titles(&alice.get(PATH).await), ["below", "top", "kept"]);
    // The text to search in is back too, without anybody writing it.
    assert_eq!(titles(&alice.get(&format!("{PATH}?q=call")).await), ["below"]);
    let excerpt = &alice.get(&format!("{PATH}?q=call")).await.json()[0]["excerpt"];
    assert_eq!(excerpt, "Call");
    // The next save finds the box behind its task, and lets it follow.
    let mut restored = find(&alice, &below).await["content"].clone();
    restored.as_array_mut().expect("blocks").push(super::paragraph("p", "Saved."));
    let saved = super::save(&alice, &below, &restored).await;
    assert_eq!(saved["content"][0]["props"]["checked"], true);
    assert_eq!(states(&alice, &below).await, [("Call".to_owned(), "done".to_owned())]);
}

#[tokio::test]
async fn the_same_key_deletes_once() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let (one, other) = (create(&alice, &json!({})).await, create(&alice, &json!({})).await);
    let send =
        async |note| Answer::of(alice.request(Method::DELETE, &address(note)).header("idempotency-key", "k1")).await;
    assert_eq!(send(&one).await.status, 204);
    let again = send(&one).await;
    assert_eq!((again.status.as_u16(), again.header("idempotency-replayed")), (204, "true"));
    send(&other).await.assert_problem(422, "idempotency_key_reused");
    delete(&alice, &one).await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn is_for_oneself() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let note = create(&alice, &json!({})).await;
    delete(&bob, &note).await.assert_problem(404, "not_found");
    delete(&app.anon(), &note).await.assert_problem(401, "token_missing");
    assert_eq!(find(&alice, &note).await, note);
}
