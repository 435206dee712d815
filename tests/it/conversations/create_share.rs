use reqwest::Method;
use serde_json::{Value, json};

use super::{address, link_of, say, say_after, share, twice};
use crate::app::TestApp;
use crate::fakes::model::{ModelFake, Script};

#[tokio::test]
async fn tells_the_secret_once() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let address = address(&say(&alice, "Plan my morning").await);
    let shared = alice.post(&format!("{address}/shares"), &json!({})).await;
    assert_eq!((shared.status.as_u16(), shared.header("cache-control")), (201, "no-store"));
    let shared = shared.json();
    insta::assert_json_snapshot!(shared, {
        ".id" => "[id]", ".conversation_id" => "[id]", ".until_message_id" => "[id]", ".created_at" => "[time]",
        ".token" => "[token]", ".url" => "[url]",
    });
    let token = shared["token"].as_str().expect("a token");
    assert_eq!(token.len(), 43, "256 bits");
    assert_eq!(shared["url"], format!("{}/api/shared/{token}", app.base_url));
    let (head, known) = (&alice.get(&address).await.json()["head_id"], &shared["until_message_id"]);
    assert_eq!(head, known);
    assert_ne!(share(&alice, &address, &json!({})).await["token"], shared["token"]);
}

#[tokio::test]
async fn the_secret_is_nowhere_in_the_database() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let path = format!("{}/shares", address(&say(&alice, "Plan").await));
    let [first, second] = twice(&alice, Method::POST, &path, &json!({})).await;
    let token = first.json()["token"].as_str().expect("a token").to_owned();
    assert_eq!((&second.json()["token"], &second.json()["url"]), (&Value::Null, &Value::Null));
    assert_eq!(second.json()["id"], first.json()["id"]);
    let superuser = app.superuser().await;
    let tables = "select relname::text from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'";
    for table in superuser.query(tables, &[]).await.expect("tables") {
        let table: String = table.get(0);
        let sql = format!("select count(*) from public.{table} r where position($1 in r::text) > 0");
        let found: i64 = superuser.query_one(&sql, &[&token]).await.expect("a count").get(0);
        assert_eq!(found, 0, "{table} has the token");
    }
}

#[tokio::test]
async fn a_reply_being_written_is_not_shared() {
    let fake = ModelFake::start().await;
    let app = TestApp::start_with([("OPENAI_API_KEY", "sk-test"), ("OPENAI_BASE_URL", &fake.base_url())]).await;
    let alice = app.register("alice").await;
    fake.enqueue(Script::words("Said."));
    let first = say(&alice, "One").await;
    let gate = fake.gated(["Half", " said."]);
    let body = json!({"content": "Two", "conversation_id": first["conversation_id"]});
    let writing = alice.request(Method::POST, "/api/chat").json(&body).send().await.expect("the reply begins");
    let path = format!("{}/shares", address(&first));
    alice.post(&path, &json!({})).await.assert_problem(409, "reply_in_progress");
    let fork = json!({"message_id": alice.get(&address(&first)).await.json()["head_id"]});
    alice.post(&format!("{}/fork", address(&first)), &fork).await.assert_problem(409, "reply_in_progress");
    let earlier = share(&alice, &address(&first), &json!({"message_id": first["id"]})).await;
    assert_eq!(app.anon().get(&link_of(&earlier)).await.json()["messages"].as_array().map(Vec::len), Some(2));
    gate.finish();
    writing.text().await.expect("the whole reply");
    assert_eq!(alice.post(&path, &json!({})).await.status, 201);
}

#[tokio::test]
async fn links_are_bounded() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let reply = say(&alice, "Plan").await;
    let arranged = format!(
        "insert into conversation_shares (id, user_id, conversation_id, until_message_id, title, token_hash, created_at)
         select gen_random_uuid(), '{}', '{}', '{}', 'x', sha256(n::text::bytea), now() from generate_series(1, 99) n",
        alice.id(),
        reply["conversation_id"].as_str().expect("an id"),
        reply["id"].as_str().expect("an id"),
    );
    app.superuser().await.batch_execute(&arranged).await.expect("arranged");
    share(&alice, &address(&reply), &json!({})).await;
    let path = format!("{}/shares", address(&reply));
    alice.post(&path, &json!({})).await.assert_problem(409, "too_many_shares");
}

#[tokio::test]
async fn bad_input_and_strangers_are_refused() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let (one, other) = (say(&alice, "One").await, say(&alice, "Other").await);
    say_after(&alice, &one, "Two").await;
    let path = format!("{}/shares", address(&one));
    for (body, pointer) in [
        (json!({"message_id": other["id"]}), "/message_id"),
        (json!({"message_id": "nothing"}), "/message_id"),
        (json!({"expires_at": "2020-01-01T00:00:00Z"}), "/expires_at"),
        (json!({"expires_at": "soon"}), "/expires_at"),
        (json!({"title": "x"}), "/title"),
    ] {
        alice.post(&path, &body).await.assert_invalid(pointer);
    }
    let empty = alice.post("/api/conversations", &json!({"id": "empty"})).await;
    assert_eq!(empty.status, 201);
    alice.post("/api/conversations/empty/shares", &json!({})).await.assert_problem(409, "conversation_empty");
    bob.post(&path, &json!({})).await.assert_problem(404, "not_found");
    app.anon().post(&path, &json!({})).await.assert_problem(401, "token_missing");
    assert_eq!(alice.get(&path).await.json(), json!([]), "nothing was shared");
}
