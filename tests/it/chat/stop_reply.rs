use serde_json::json;

use super::reading::{Reading, app_with_model, messages, parts, types};

#[tokio::test]
async fn stopping_keeps_what_there_is() {
    let (app, fake) = app_with_model().await;
    let alice = app.register("alice").await;
    let gate = fake.gated(["One ", "two ", "three."]);
    let mut reading = Reading::of_send(&alice, &json!({"content": "Count"})).await;
    let conversation = reading.conversation();
    gate.release(2);
    reading.until("two ").await;
    let stopped = alice.post(&format!("/api/chat/{conversation}/stop"), &json!({})).await;
    assert_eq!(stopped.status, 200, "{}", stopped.text);
    let stopped = stopped.json();
    assert_eq!((&stopped["status"], &stopped["content"]), (&json!("stopped"), &json!("One two ")));
    assert_eq!(stopped["usage"]["estimated"], true);
    let parts = parts(&reading.rest().await);
    assert_eq!(types(&parts).last(), Some(&"abort"));
    assert_eq!(messages(&alice, &conversation).await[1], stopped);
    fake.wait_for_closed(1).await;
    assert_eq!(alice.post(&format!("/api/chat/{conversation}/stop"), &json!({})).await.status, 204);
}

#[tokio::test]
async fn a_reply_that_has_not_begun_can_be_stopped() {
    let (app, fake) = app_with_model().await;
    let alice = app.register("alice").await;
    let _gate = fake.gated(["One."]);
    let reading = Reading::of_send(&alice, &json!({"content": "Count"})).await;
    let conversation = reading.conversation();
    fake.wait_for_requests(1).await;
    let stopped = alice.post(&format!("/api/chat/{conversation}/stop"), &json!({})).await.json();
    assert_eq!((&stopped["status"], &stopped["content"]), (&json!("stopped"), &json!("")));
    reading.rest().await;
}

#[tokio::test]
async fn another_process_can_stop_it() {
    let (app, fake) = app_with_model().await;
    let alice = app.register("alice").await;
    let gate = fake.gated(["One ", "two."]);
    let mut reading = Reading::of_send(&alice, &json!({"content": "Count"})).await;
    let conversation = reading.conversation();
    gate.release(1);
    reading.until("One ").await;
    let elsewhere = app.second_process().await;
    let stopped = elsewhere.seen_by(&alice).post(&format!("/api/chat/{conversation}/stop"), &json!({})).await;
    assert_eq!(stopped.status, 200, "{}", stopped.text);
    assert_eq!(stopped.json()["content"], "One ");
    let parts = parts(&reading.rest().await);
    assert_eq!(types(&parts).last(), Some(&"abort"));
}
