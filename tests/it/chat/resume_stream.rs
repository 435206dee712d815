use serde_json::json;

use super::reading::{Reading, app_with_model, parts, text};

#[tokio::test]
async fn a_resumed_stream_equals_an_uncut_one() {
    let (app, fake) = app_with_model().await;
    let alice = app.register("alice").await;
    let gate = fake.gated(["One ", "two ", "three."]);
    let mut uncut = Reading::of_send(&alice, &json!({"content": "Count"})).await;
    let conversation = uncut.conversation();
    gate.release(1);
    uncut.until("One ").await;
    let early = Reading::of_resume(&alice, &conversation).await;
    gate.release(1);
    uncut.until("two ").await;
    let late = Reading::of_resume(&alice, &conversation).await;
    gate.finish();
    let uncut = uncut.rest().await;
    assert_eq!(early.rest().await, uncut);
    assert_eq!(late.rest().await, uncut);
}

#[tokio::test]
async fn there_is_nothing_to_resume_once_it_has_ended() {
    let (app, _fake) = app_with_model().await;
    let alice = app.register("alice").await;
    let reading = Reading::of_send(&alice, &json!({"content": "Hello"})).await;
    let conversation = reading.conversation();
    reading.rest().await;
    assert_eq!(alice.get(&format!("/api/chat/{conversation}/stream")).await.status, 204);
    assert_eq!(alice.get("/api/chat/never-was/stream").await.status, 204);
    app.anon().get("/api/chat/never-was/stream").await.assert_problem(401, "token_missing");
}

#[tokio::test]
async fn another_process_follows_a_reply_through_the_database() {
    let (app, fake) = app_with_model().await;
    let alice = app.register("alice").await;
    let gate = fake.gated(["One ", "two ", "three."]);
    let mut here = Reading::of_send(&alice, &json!({"content": "Count"})).await;
    let conversation = here.conversation();
    gate.release(1);
    here.until("One ").await;
    let elsewhere = app.second_process().await;
    let there = Reading::of_resume(&elsewhere.seen_by(&alice), &conversation).await;
    gate.finish();
    let (here, there) = (parts(&here.rest().await), parts(&there.rest().await));
    assert_eq!(text(&there), text(&here));
    assert_eq!(there[0]["messageId"], here[0]["messageId"]);
    assert_eq!(there.last(), here.last());
}
