use reqwest::Method;
use serde_json::{Value, json};

use super::{address, contents, messages, say, say_after, send, twice};
use crate::app::{Answer, TestApp};

#[tokio::test]
async fn changes_what_is_sent() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let address = address(&say(&alice, "Plan my morning").await);
    let before = alice.get(&address).await.json();
    let renamed = alice.patch(&address, &json!({"title": "Mornings"})).await;
    assert_eq!(renamed.status, 200, "{}", renamed.text);
    let expected = json!({"title": "Mornings", "updated_at": renamed.json()["updated_at"]});
    assert_eq!(renamed.json(), merged(&before, &expected));
    assert!(renamed.json()["updated_at"].as_str() > before["updated_at"].as_str());
    assert_eq!(alice.get(&address).await.json(), renamed.json());
    let kept = alice.patch(&address, &json!({"metadata": {"pinned": true}})).await.json();
    assert_eq!((&kept["title"], &kept["metadata"]), (&json!("Mornings"), &json!({"pinned": true})));
    let same = alice.patch(&address, &json!({})).await;
    assert_eq!(same.json(), kept, "nothing to change changes nothing");
}

fn merged(one: &Value, other: &Value) -> Value {
    let (mut all, other) = (one.as_object().expect("an object").clone(), other.as_object().expect("an object"));
    all.extend(other.clone());
    Value::Object(all)
}

#[tokio::test]
async fn archiving_takes_it_off_the_list() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let address = address(&say(&alice, "Old plans").await);
    say(&alice, "New plans").await;
    let titles = async |path: &str| -> Vec<String> {
        let page = alice.get(path).await.json();
        let titles = page.as_array().expect("a list").iter().map(|one| one["title"].as_str().expect("a title"));
        titles.map(str::to_owned).collect()
    };
    let archived = alice.patch(&address, &json!({"is_archived": true})).await.json();
    assert!(archived["archived_at"].is_string());
    let again = alice.patch(&address, &json!({"is_archived": true})).await.json();
    assert_eq!(again["archived_at"], archived["archived_at"], "it was put away when it was put away");
    assert_eq!(titles("/api/conversations").await, ["New plans"]);
    assert_eq!(titles("/api/conversations?archived=true").await, ["Old plans"]);
    assert_eq!(titles("/api/conversations?archived=true&q=plans").await, ["Old plans"]);
    assert_eq!(titles("/api/conversations?q=plans").await, ["New plans"]);
    assert_eq!(alice.get(&address).await.json(), again, "it can still be found");
    let back = alice.patch(&address, &json!({"is_archived": false})).await.json();
    assert_eq!(back["archived_at"], Value::Null);
    assert_eq!(titles("/api/conversations?archived=false").await, ["New plans", "Old plans"]);
}

#[tokio::test]
async fn another_head_switches_the_branch() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let first = say(&alice, "One").await;
    let address = address(&first);
    say_after(&alice, &first, "Two").await;
    let switched = alice.patch(&address, &json!({"head_id": first["id"]})).await;
    assert_eq!((switched.status.as_u16(), &switched.json()["head_id"]), (200, &first["id"]));
    let third = say_after(&alice, &first, "Three").await;
    let all = messages(&alice, &address).await;
    let question = all.iter().find(|message| message["id"] == third["parent_id"]).expect("its question");
    assert_eq!((&question["content"], &question["parent_id"]), (&json!("Three"), &first["id"]));
    assert_eq!(all.len(), 6, "the other branch is still there");
    assert_eq!(contents(&all)[2], "Two");

    let elsewhere = say(&alice, "Elsewhere").await;
    for head_id in [&elsewhere["id"], &json!("nothing"), &json!(app.clock.new_id())] {
        alice.patch(&address, &json!({"head_id": head_id})).await.assert_invalid("/head_id");
    }
}

#[tokio::test]
async fn the_newest_message_stands_in_for_a_head_that_is_gone() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let first = say(&alice, "One").await;
    let second = say_after(&alice, &first, "Two").await;
    let gone =
        "delete from messages where content = 'Two' or parent_id = (select id from messages where content = 'Two')";
    app.superuser().await.batch_execute(gone).await.expect("arranged");
    let found = alice.get(&address(&first)).await.json();
    assert_eq!(found["head_id"], first["id"]);
    let third = send(&alice, &json!({"content": "Three", "conversation_id": first["conversation_id"]})).await;
    assert_ne!(third["id"], second["id"]);
    assert_eq!(messages(&alice, &address(&first)).await.len(), 4);
}

#[tokio::test]
async fn an_older_state_changes_nothing() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let address = address(&say(&alice, "Plan").await);
    let tag = alice.get(&address).await.header("etag").to_owned();
    let patch = |title: &str| {
        let request = alice.request(Method::PATCH, &address).header("if-match", &tag);
        Answer::of(request.json(&json!({"title": title})))
    };
    assert_eq!(patch("First").await.status, 200);
    patch("Second").await.assert_problem(412, "precondition_failed");
    assert_eq!(alice.get(&address).await.json()["title"], "First");
}

#[tokio::test]
async fn bad_input_and_strangers_are_refused() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let address = address(&say(&alice, "Plan").await);
    for (body, pointer) in [
        (json!({"title": null}), "/title"),
        (json!({"title": ""}), "/title"),
        (json!({"is_archived": null}), "/is_archived"),
        (json!({"metadata": null}), "/metadata"),
        (json!({"head_id": null}), "/head_id"),
        (json!({"archived_at": null}), "/archived_at"),
    ] {
        alice.patch(&address, &body).await.assert_invalid(pointer);
    }
    bob.patch(&address, &json!({"title": "Mine"})).await.assert_problem(404, "not_found");
    app.anon().patch(&address, &json!({})).await.assert_problem(401, "token_missing");
    let [first, second] = twice(&alice, Method::PATCH, &address, &json!({"title": "Once"})).await;
    assert_eq!(first.json(), second.json());
}
