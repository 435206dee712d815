//! The words of notes: what is found, by whom, and by which plan.

use serde_json::{Value, json};
use tokio_postgres::Client;

use super::{PATH, address, create, delete, paragraph, titles};
use crate::app::{Actor, TestApp};

fn encoded(words: &str) -> String {
    words.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat()
}

async fn check(actor: &Actor, words: &str, expected: &[&str]) {
    let page = actor.get(&format!("{PATH}?q={}", encoded(words))).await;
    assert_eq!(titles(&page), expected, "{words:?}");
}

#[tokio::test]
async fn finds_the_text_of_every_kind_of_block() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let mut outer = paragraph("p", "outer");
    outer["children"] = json!([paragraph("q", "inner")]);
    let text = |text: &str| json!({"type": "text", "text": text, "styles": {}});
    let content = json!([
        outer,
        {"type": "heading", "content": [text("un"), {"type": "text", "text": "believable", "styles": {"bold": true}},
            text(" see "), {"type": "link", "href": "https://hidden.example", "content": [text("the manual")]},
            {"type": "mention", "props": {"user": "Ada"}}]},
        {"type": "table", "content": {"type": "tableContent", "rows": [
            {"cells": [{"type": "tableCell", "content": [text("left")]}, [text("middle")], "right"]}]}},
        {"type": "image", "props": {"caption": "sunset", "name": "beach.png", "url": "https://hidden.example"}},
        {"type": "codeBlock", "props": {"language": "hidden"}, "content": "plain"},
        {"type": "my-own", "content": {"rows": 7}},
    ]);
    create(&alice, &json!({"title": "Kinds", "content": content})).await;
    create(&alice, &json!({"title": "Other unbelievable thing"})).await;
    for words in [
        "kinds",
        "outer",
        "inner",
        "UNBELIEVABLE kinds",
        "\"see the manual\"",
        "ada",
        "left middle right",
        "sunset",
        "beach.png",
        "plain",
    ] {
        check(&alice, words, &["Kinds"]).await;
    }
    check(&alice, "unbelievable", &["Other unbelievable thing", "Kinds"]).await;
    check(&alice, "unbelievable -kinds", &["Other unbelievable thing"]).await;
    for words in ["hidden", "believable", "default", "paragraph", "kinds nowhere", "nul\0nul"] {
        check(&alice, words, &[]).await;
    }
    // The word that says whose a note is finds nobody's.
    for words in [format!("={}", alice.id()), format!("'={}'", alice.id()), alice.id()] {
        check(&alice, &words, &[]).await;
    }
    let excerpt = &alice.get(&format!("{PATH}?q=kinds")).await.json()[0]["excerpt"];
    insta::assert_snapshot!(excerpt.as_str().expect("a text"));
}

#[tokio::test]
async fn follows_what_is_written() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let note = create(&alice, &json!({"title": "Plans", "content": [paragraph("a", "monday")]})).await;
    alice.put(&address(&note), &json!({"title": "Wishes", "content": [paragraph("a", "tuesday")]})).await;
    check(&alice, "monday", &[]).await;
    check(&alice, "plans", &[]).await;
    check(&alice, "wishes tuesday", &["Wishes"]).await;
    delete(&alice, &note).await;
    check(&alice, "tuesday", &[]).await;
}

/// What a role sees when it calls the function itself, as clients of `PostgREST` can.
async fn called_as(client: &Client, role: &str, claims: &Value) -> Result<usize, tokio_postgres::Error> {
    let settings = format!(
        "begin; set local role {role}; select set_config('request.jwt.claims', '{claims}', true),
         set_config('request.jwt.claim.sub', '', true)"
    );
    client.batch_execute(&settings).await.expect("the role is there");
    let call = "select id from public.search_notes('secret or x', null, null, null, null, null, false, null)";
    let found = client.query(call, &[]).await.map(|rows| rows.len());
    client.batch_execute("rollback").await.expect("it ends");
    found
}

#[tokio::test]
async fn the_function_that_searches_names_the_callers_notes_only() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    for title in ["secret one", "secret two"] {
        create(&alice, &json!({"title": title})).await;
    }
    create(&bob, &json!({"title": "secret of bob"})).await;
    let client = app.superuser().await;
    for (actor, count) in [(&alice, 2), (&bob, 1)] {
        let found = called_as(&client, "authenticated", &json!({"sub": actor.id()})).await;
        assert_eq!(found.expect("it may be called"), count);
    }
    assert_eq!(called_as(&client, "authenticated", &json!({})).await.expect("it may be called"), 0);
    for role in ["anon", "almanac_app", "almanac_service"] {
        assert!(called_as(&client, role, &json!({"sub": alice.id()})).await.is_err(), "{role} may search");
    }
}

#[tokio::test]
async fn rare_words_are_looked_up_in_the_index() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let client = app.superuser().await;
    for actor in [&alice, &bob] {
        let arrange = format!(
            "insert into notes (id, user_id, title, content, created_at, updated_at)
             select gen_random_uuid(), '{}', 'Note ' || n, jsonb_build_array(jsonb_build_object('id', 'a', 'type',
                 'paragraph', 'content', 'word' || (n % 500) || ' ' || repeat('some more text to read ', 20))), now(), now()
             from generate_series(1, 3000) n",
            actor.id()
        );
        client.batch_execute(&arrange).await.expect("arranged");
    }
    client.batch_execute("vacuum analyze notes").await.expect("the planner knows the notes");
    assert_eq!(titles(&alice.get(&format!("{PATH}?q=word77")).await).len(), 6);
    let claims = json!({"sub": alice.id()});
    let before = "select idx_scan from pg_stat_user_indexes where indexrelname = 'notes_search'";
    client.batch_execute("select pg_stat_force_next_flush()").await.expect("the numbers are written");
    let scans: i64 = client.query_one(before, &[]).await.expect("the index is there").get(0);
    let call = format!(
        "begin; set local role authenticated; select set_config('request.jwt.claims', '{claims}', true);
         select id from public.search_notes('word77', null, null, false, null, null, false, 21); commit"
    );
    client.batch_execute(&call).await.expect("it is searched");
    client.batch_execute("select pg_stat_force_next_flush()").await.expect("the numbers are written");
    let now: i64 = client.query_one(before, &[]).await.expect("the index is there").get(0);
    assert!(now > scans, "the index of words was not used");
}
