use std::collections::BTreeSet;

use domain::change::ENTITIES;
use serde_json::{Value, json};

use super::plenty::furnish;
use super::{EXPORT, export};
use crate::app::{Actor, TestApp};

/// All changes of a user, page by page.
async fn changes(actor: &Actor) -> Vec<Value> {
    let mut changes: Vec<Value> = Vec::new();
    loop {
        let page = actor.get(&format!("/api/changes?after={}&limit=500", changes.len())).await.json();
        let Value::Array(page) = page else { panic!("not a list: {page}") };
        if page.is_empty() {
            return changes;
        }
        changes.extend(page);
    }
}

#[tokio::test]
async fn has_everything_as_the_log_has_it() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    furnish(&alice, "alices").await;
    furnish(&bob, "bobs").await;
    let document = export(&alice).await;
    assert!(!document.to_string().contains("bobs"), "nothing of anybody else");
    let kinds: BTreeSet<&str> = document["entities"].as_object().expect("kinds").keys().map(String::as_str).collect();
    let known = ENTITIES.iter().map(|entity| entity.name).filter(|name| *name != "user");
    assert_eq!(kinds, known.collect(), "every kind that the log follows");
    for (kind, rows) in document["entities"].as_object().expect("kinds") {
        assert!(!rows.as_array().expect("rows").is_empty(), "furnish makes no {kind}");
    }
    // The newest image of each thing is its row, and each row has one.
    let mut newest = std::collections::BTreeMap::new();
    for change in changes(&alice).await {
        newest.insert((change["entity"].to_string(), change["entity_id"].to_string()), change["after"].clone());
    }
    let mut count = 0;
    for (kind, rows) in document["entities"].as_object().expect("kinds") {
        for row in rows.as_array().expect("rows") {
            let image = newest.get(&(json!(kind).to_string(), row["id"].to_string()));
            assert_eq!(image, Some(row), "{kind}");
            count += 1;
        }
    }
    assert_eq!(count, newest.values().filter(|image| !image.is_null()).count() - 1, "all but the user");
}

#[tokio::test]
async fn says_whose_it_is_and_can_be_saved() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    assert_eq!(alice.put("/api/users/preferences", &json!({"theme": "dark"})).await.status, 200);
    let answer = alice.get(EXPORT).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "no-store");
    let day = app.clock.now().strftime("%Y-%m-%d").to_string();
    assert_eq!(answer.header("content-disposition"), format!("attachment; filename=\"almanac-export-{day}.json\""));
    let mut document = answer.json();
    document["entities"].as_object_mut().expect("kinds").retain(|_, rows| rows != &json!([]));
    insta::assert_json_snapshot!(document, {
        ".exported_at" => "[time]", ".account.id" => "[id]",
        ".account.created_at" => "[time]", ".account.updated_at" => "[time]",
    });
}

#[tokio::test]
async fn has_the_change_log_when_asked_for_it() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    furnish(&alice, "word").await;
    assert_eq!(export(&alice).await["changes"], Value::Null);
    let answer = alice.get(&format!("{EXPORT}?changes=true")).await;
    let (logged, listed) = (answer.json()["changes"].clone(), changes(&alice).await);
    let without_time = |changes: &[Value]| -> Vec<Value> {
        // One writes moments with an offset, the other with a Z.
        changes
            .iter()
            .map(|change| json!([change["seq"], change["entity_id"], change["before"], change["after"]]))
            .collect()
    };
    assert_eq!(without_time(logged.as_array().expect("changes")), without_time(&listed));
    alice.get(&format!("{EXPORT}?changes=maybe")).await.assert_invalid("changes");
}

#[tokio::test]
async fn is_one_moment_of_many_rows() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let owner: uuid::Uuid = alice.id().parse().expect("an id");
    let sql = "insert into tasks (id, user_id, title, description, created_at, updated_at)
               select gen_random_uuid(), $1, 'task ' || n, repeat('x', 2000), now(), now() from generate_series(1, 2000) n";
    app.superuser().await.execute(sql, &[&owner]).await.expect("arranged");
    let request = alice.request(reqwest::Method::GET, EXPORT);
    let mut response = request.send().await.expect("an answer");
    let mut text = response.chunk().await.expect("a piece").expect("there is one").to_vec();
    // Only one at a time holds a connection; the rest of this one waits to be taken.
    alice.get(EXPORT).await.assert_problem(409, "export_running");
    let sql = "with gone as (delete from tasks where user_id = $1) update users set preferences = '{\"new\": 1}' where id = $1";
    app.superuser().await.execute(sql, &[&owner]).await.expect("arranged");
    while let Some(piece) = response.chunk().await.expect("a piece") {
        text.extend(piece);
    }
    let document: Value = serde_json::from_slice(&text).expect("it is whole");
    let tasks = document["entities"]["task"].as_array().expect("tasks");
    assert_eq!(tasks.len(), 2000, "as it was when it began");
    assert_eq!(export(&alice).await["entities"]["task"], json!([]));
}

#[tokio::test]
async fn a_reply_that_is_being_written_is_as_if_it_stopped() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    furnish(&alice, "word").await;
    let sql =
        "update messages set status = 'streaming', alive_until = now() + interval '1 hour' where role = 'assistant'";
    assert_eq!(app.superuser().await.execute(sql, &[]).await.expect("arranged"), 1);
    let document = export(&alice).await;
    let mut statuses: Vec<_> =
        document["entities"]["message"].as_array().expect("messages").iter().map(|m| m["status"].to_string()).collect();
    statuses.sort();
    assert_eq!(statuses, ["\"complete\"", "\"interrupted\""]);
}

#[tokio::test]
async fn needs_a_token() {
    let app = TestApp::start().await;
    app.anon().get(EXPORT).await.assert_problem(401, "token_missing");
}
