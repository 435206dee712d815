use reqwest::Method;
use serde_json::{Value, json};

use super::{address, contents, delete, messages, say, say_after, send, twice};
use crate::app::{Actor, Answer, TestApp};

const PATH: &str = "/api/conversations/import";
/// What ChatGPT exports, made by hand: branches, hidden messages, thinking, tools, code, pictures, voice, two of
/// one title, one without, a deleted parent, half a character, unknown kinds, and one in which nobody said anything.
const FILE: &str = include_str!("chatgpt_export.json");

async fn import(actor: &Actor, file: impl Into<String>) -> Answer {
    Answer::of(actor.request(Method::POST, PATH).body(file.into())).await
}

/// All conversations with their messages, as the user sees them.
async fn everything(actor: &Actor) -> Vec<Value> {
    let mut all = Vec::new();
    for path in ["/api/conversations", "/api/conversations?archived=true"] {
        for mut conversation in actor.get(path).await.json().as_array().expect("a list").clone() {
            let address = format!("/api/conversations/{}", conversation["id"].as_str().expect("an id"));
            conversation["messages"] = Value::Array(messages(actor, &address).await);
            all.push(conversation);
        }
    }
    all
}

/// Messages as lines: where each hangs, who said it, how it ended, and what.
fn tree(conversation: &Value) -> Vec<String> {
    let messages = conversation["messages"].as_array().expect("messages");
    let place = |id: &Value| messages.iter().position(|message| message["id"] == *id);
    let line = |message: &Value| {
        let under = place(&message["parent_id"]).map_or("-".to_owned(), |place| place.to_string());
        let head = if message["id"] == conversation["head_id"] { " <-" } else { "" };
        let text = |key: &str| message[key].as_str().unwrap_or_default();
        let ending = message["finish_reason"].as_str().unwrap_or(text("status"));
        format!("{under} {} {} {ending}: {}{head}", text("role"), text("model"), text("content"))
    };
    messages.iter().map(line).collect()
}

#[tokio::test]
async fn takes_in_a_chatgpt_export() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let report = import(&alice, FILE).await;
    assert_eq!(report.status, 200, "{}", report.text);
    insta::assert_json_snapshot!("report", report.json());
    let all = everything(&alice).await;
    let shown: Vec<Value> = all
        .iter()
        .map(|conversation| {
            let fields = ["title", "metadata", "archived_at", "created_at", "updated_at"];
            let mut shown: Value = fields.iter().map(|key| ((*key).to_owned(), conversation[*key].clone())).collect();
            shown["messages"] = json!(tree(conversation));
            shown
        })
        .collect();
    insta::assert_json_snapshot!("imported", shown);
    let found = alice.get("/api/conversations?q=armoury").await.json();
    assert_eq!(found[0]["title"], "Weekend in Graz", "what is imported can be searched");
    let reply = say_after(&alice, &json!({"conversation_id": found[0]["id"]}), "And on Monday?").await;
    assert_eq!(reply["status"], "complete", "what is imported goes on");
}

#[tokio::test]
async fn the_same_file_twice_adds_nothing() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    import(&alice, FILE).await;
    let before = everything(&alice).await;
    let again = import(&alice, FILE).await.json();
    assert_eq!((&again["imported"], &again["extended"], &again["skipped"]), (&json!(0), &json!(0), &json!(4)));
    assert_eq!(everything(&alice).await, before);
    let theirs = import(&bob, FILE).await.json();
    assert_eq!(theirs["imported"], 4, "another user's import is their own");
    let ids = |all: &[Value]| all.iter().map(|one| one["id"].to_string()).collect::<Vec<_>>();
    let (alices, bobs) = (ids(&before), ids(&everything(&bob).await));
    assert!(alices.iter().all(|id| !bobs.contains(id)));

    delete(&alice, &format!("/api/conversations/{}", before[0]["id"].as_str().expect("an id"))).await;
    assert_eq!(import(&alice, FILE).await.json()["imported"], 1, "what was deleted comes back");
    assert_eq!(everything(&alice).await, before);
}

#[tokio::test]
async fn a_later_export_adds_what_was_said_since() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let mut file: Vec<Value> = serde_json::from_str(&FILE.replace("\\ud83d", "")).expect("JSON");
    import(&alice, json!(file[..1]).to_string()).await;
    let said = |id: &str, parent: &str, role: &str, text: &str| {
        json!({"id": id, "parent": parent, "children": [], "message": {
            "id": id, "author": {"role": role}, "create_time": 1_750_000_000.0,
            "content": {"content_type": "text", "parts": [text]}, "recipient": "all", "weight": 1.0}})
    };
    file[0]["mapping"]["n1"] = said("n1", "aaa1-r3", "user", "And by train?");
    file[0]["mapping"]["n2"] = said("n2", "n1", "assistant", "At nine.");
    file[0]["current_node"] = json!("n2");
    let report = import(&alice, json!(file[..1]).to_string()).await.json();
    assert_eq!((&report["extended"], &report["imported"]), (&json!(1), &json!(0)), "{report}");
    let all = everything(&alice).await;
    assert_eq!(tree(&all[0])[8], "7 assistant openai/gpt-4o stop: At nine. <-");

    // Whoever has gone on here stays where they are.
    let reply = say_after(&alice, &json!({"conversation_id": all[0]["id"]}), "Thank you").await;
    file[0]["mapping"]["n3"] = said("n3", "n2", "user", "Thanks");
    file[0]["current_node"] = json!("n3");
    assert_eq!(import(&alice, json!(file[..1]).to_string()).await.json()["extended"], 1);
    let all = everything(&alice).await;
    assert_eq!((&all[0]["head_id"], all[0]["messages"].as_array().map(Vec::len)), (&reply["id"], Some(12)));
}

#[tokio::test]
async fn our_own_export_comes_back() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let first = say(&alice, "Plan").await;
    send(&alice, &json!({"regenerate": first["id"], "conversation_id": first["conversation_id"]})).await;
    say_after(&alice, &first, "Shorter").await;
    let changed = json!({"metadata": {"pinned": true}, "is_archived": true, "title": "Mine"});
    alice.patch(&address(&first), &changed).await;
    let file = alice.get(&format!("{}/export", address(&first))).await.text;
    let known = import(&alice, &file).await.json();
    assert_eq!((&known["skipped"], &known["imported"]), (&json!(1), &json!(0)), "it is still here");
    let original = everything(&alice).await.remove(0);

    assert_eq!(import(&bob, format!("[{file}]")).await.json()["imported"], 1);
    let copy = everything(&bob).await.remove(0);
    assert_eq!(tree(&copy), tree(&original));
    for key in ["title", "metadata", "archived_at", "created_at"] {
        assert_eq!(copy[key], original[key], "{key}");
    }
    assert_ne!(copy["id"], original["id"]);

    delete(&alice, &address(&first)).await;
    assert_eq!(import(&alice, &file).await.json()["imported"], 1);
    assert_eq!(import(&alice, &file).await.json()["skipped"], 1);
    assert_eq!(tree(&everything(&alice).await[0]), tree(&original));
}

#[tokio::test]
async fn one_that_cannot_be_read_does_not_hold_up_the_others() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let mut file: Vec<Value> = serde_json::from_str(&FILE.replace("\\ud83d", "")).expect("JSON");
    file[0]["mapping"]["aaa1-r3"]["message"]["content"]["parts"] = json!(["a".repeat(1024 * 1024 + 1)]);
    file[1] = json!({"hello": "world"});
    file[2] = json!(7);
    let report = import(&alice, json!(file).to_string()).await.json();
    assert_eq!((&report["imported"], &report["failed"]), (&json!(1), &json!(4)));
    let problems = report["problems"].as_array().expect("problems");
    assert_eq!(problems.iter().map(|problem| &problem["index"]).collect::<Vec<_>>(), [0, 1, 2, 4]);
    assert_eq!(problems[0]["detail"], "A message is longer than 1 MiB.");
    let all = everything(&alice).await;
    assert_eq!((all.len(), &all[0]["title"]), (1, &json!("Translate \"Guten Morgen\"")), "whole or not at all");
    assert_eq!(contents(all[0]["messages"].as_array().expect("messages")).len(), 3);
}

#[tokio::test]
async fn one_that_the_database_refuses_does_not_hold_up_the_others() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let refusal = "alter table messages add constraint refused check (content <> 'Refused')";
    app.superuser().await.batch_execute(refusal).await.expect("arranged");
    let said = |id: &str, text: &str| {
        let message = json!({"author": {"role": "user"}, "content": {"content_type": "text", "parts": [text]}});
        json!({"id": id, "mapping": {"a": {"message": message}}})
    };
    let file = json!([said("1", "Refused"), said("2", "Taken")]);
    let report = import(&alice, file.to_string()).await.json();
    assert_eq!((&report["imported"], &report["failed"]), (&json!(1), &json!(1)), "{report}");
    assert_eq!(report["problems"][0], json!({"index": 0, "detail": "It could not be stored."}));
    assert_eq!(everything(&alice).await.len(), 1, "nothing is left of the other");
}

#[tokio::test]
async fn a_key_answers_again() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let file: Value = json!([serde_json::from_str::<Vec<Value>>(&FILE.replace("\\ud83d", "")).expect("JSON")[0]]);
    let [first, second] = twice(&alice, Method::POST, PATH, &file).await;
    assert_eq!((&first.json()["imported"], first.text), (&json!(1), second.text));
    let other = alice.request(Method::POST, PATH).header("idempotency-key", "once").body("[]");
    Answer::of(other).await.assert_problem(422, "idempotency_key_reused");
}

#[tokio::test]
async fn files_of_another_kind_are_refused() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    for file in ["", "[{}", "hello", "[{}] {}"] {
        import(&alice, file).await.assert_problem(400, "malformed");
    }
    for file in ["{}", "[{}]", "7", "[1,2]", r#"{"mapping":[]}"#] {
        import(&alice, file).await.assert_problem(422, "invalid");
    }
    assert_eq!(import(&alice, "[]").await.json()["imported"], 0);
    let newer = r#"{"format":"almanac.conversation","version":2}"#;
    assert_eq!(import(&alice, newer).await.json()["problems"][0]["index"], 0);
    let large = format!("[{}]", " ".repeat(32 * 1024 * 1024));
    import(&alice, large).await.assert_problem(413, "too_large");
    import(&app.anon(), FILE).await.assert_problem(401, "token_missing");
    assert_eq!(everything(&alice).await, [Value::Null; 0]);
}
