use serde_json::{Value, json};

use super::{address, contents, messages, say, say_after, send};
use crate::app::{Actor, TestApp};

/// A conversation with two branches. Returns its address.
async fn branching(alice: &Actor) -> String {
    let first = say(alice, "Plan \"my\" week 字").await;
    say_after(alice, &first, "Shorter").await;
    send(alice, &json!({"regenerate": first["id"], "conversation_id": first["conversation_id"]})).await;
    address(&first)
}

#[tokio::test]
async fn json_has_the_whole_tree() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let address = branching(&alice).await;
    let file = alice.get(&format!("{address}/export")).await;
    assert_eq!((file.status.as_u16(), file.header("content-type")), (200, "application/json"));
    assert_eq!(
        file.header("content-disposition"),
        "attachment; filename=\"Plan-my-week.json\"; filename*=UTF-8''Plan%20%22my%22%20week%20%E5%AD%97.json"
    );
    let exported = file.json();
    assert_eq!((&exported["format"], &exported["version"]), (&json!("almanac.conversation"), &json!(1)));
    assert_eq!(exported["conversation"], alice.get(&address).await.json());
    assert_eq!(exported["messages"], Value::Array(messages(&alice, &address).await));
    assert_eq!(exported["messages"].as_array().map(Vec::len), Some(5));
    assert_eq!(alice.get(&format!("{address}/export?format=json")).await.json(), exported);
}

#[tokio::test]
async fn markdown_has_the_current_branch() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let address = branching(&alice).await;
    let arranged = "update messages set created_at = '2026-11-21T09:00:00.5Z';
                    update messages set status = 'stopped' where id = (select head_id from conversations)";
    app.superuser().await.batch_execute(arranged).await.expect("arranged");
    let file = alice.get(&format!("{address}/export?format=markdown")).await;
    assert_eq!(file.header("content-type"), "text/markdown; charset=utf-8");
    assert!(file.header("content-disposition").starts_with("attachment; filename=\"Plan-my-week.md\";"));
    insta::assert_snapshot!(file.text);
}

#[tokio::test]
async fn long_and_empty_ones_are_whole() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let reply = say(&alice, "Count").await;
    let arranged = format!(
        "insert into messages (id, conversation_id, user_id, parent_id, role, content, model, created_at, updated_at)
         select ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, '{}', '{}', '{}', 'user', n::text,
                'local/demo', '2030-01-01'::timestamptz + n * interval '1 second', now()
         from generate_series(1, 100) n",
        reply["conversation_id"].as_str().expect("an id"),
        alice.id(),
        reply["id"].as_str().expect("an id"),
    );
    app.superuser().await.batch_execute(&arranged).await.expect("arranged");
    let exported = alice.get(&format!("{}/export", address(&reply))).await.json();
    let numbers: Vec<String> = (1..=100).map(|number| number.to_string()).collect();
    assert_eq!(contents(exported["messages"].as_array().expect("messages"))[2..], numbers);

    alice.post("/api/conversations", &json!({"id": "empty", "title": "///"})).await;
    let empty = alice.get("/api/conversations/empty/export").await;
    assert_eq!(empty.json()["messages"], json!([]));
    assert!(empty.header("content-disposition").contains("filename=\"conversation.json\""));
    let empty = alice.get("/api/conversations/empty/export?format=markdown").await;
    assert_eq!(empty.text, "# ///\n");
}

#[tokio::test]
async fn bad_input_and_strangers_are_refused() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let path = format!("{}/export", address(&say(&alice, "Plan").await));
    alice.get(&format!("{path}?format=pdf")).await.assert_invalid("format");
    bob.get(&path).await.assert_problem(404, "not_found");
    app.anon().get(&path).await.assert_problem(401, "token_missing");
}
