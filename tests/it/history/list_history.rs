use reqwest::{Method, StatusCode};
use serde_json::json;
use uuid::Uuid;

use super::{arrange, ids, next};
use crate::app::{Actor, Answer, TestApp};

const PATH: &str = "/api/chat/history";
const NONE: [Uuid; 0] = [];

async fn app_and_alice() -> (TestApp, Actor) {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    (app, alice)
}

/// `count` messages, one each second, and their ids, newest first.
async fn arrange_many(app: &TestApp, owner: &Actor, count: u8) -> Vec<Uuid> {
    let clock = base::Clock::system();
    let rows: Vec<_> = (0..count).map(|second| (clock.new_id(), f64::from(second), "words")).collect();
    arrange(&app.superuser().await, owner, &rows).await;
    rows.iter().rev().map(|row| row.0).collect()
}

#[tokio::test]
async fn shows_what_was_said_newest_first() {
    let (_app, alice) = app_and_alice().await;
    let send = alice.request(Method::POST, "/api/chat").header("accept", "application/json");
    let reply = Answer::of(send.json(&json!({"content": "Plan my morning"}))).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let page = alice.get(PATH).await;
    assert_eq!(next(&page), None);
    insta::assert_json_snapshot!(page.json(), {
        "[].id" => "[id]", "[].conversation_id" => "[id]", "[].parent_id" => "[id]",
        "[].created_at" => "[time]", "[].updated_at" => "[time]",
    });
    assert_eq!(page.json()[0]["id"], reply.json()["id"]);
    assert_eq!(page.json()[0]["parent_id"], page.json()[1]["id"]);
}

#[tokio::test]
async fn gives_twenty_unless_told_and_a_hundred_at_most() {
    let (app, alice) = app_and_alice().await;
    let all = arrange_many(&app, &alice, 101).await;
    assert_eq!(ids(&alice.get(PATH).await), all[..20]);
    assert_eq!(ids(&alice.get("/api/chat/history?limit=1").await), all[..1]);
    let largest = alice.get("/api/chat/history?limit=100").await;
    assert_eq!(ids(&largest), all[..100]);
    assert_eq!(next(&largest), Some(format!("{PATH}?limit=100&before={}", all[99])));
    for limit in ["0", "101", "-1", "many"] {
        alice.get(&format!("{PATH}?limit={limit}")).await.assert_invalid("limit");
    }
}

#[tokio::test]
async fn goes_on_before_an_id_or_a_time() {
    let (app, alice) = app_and_alice().await;
    let all = arrange_many(&app, &alice, 6).await;
    let before = async |before: &str| ids(&alice.get(&format!("{PATH}?before={before}")).await);
    assert_eq!(before(&all[1].to_string()).await, all[2..]);
    assert_eq!(before("2026-01-01T00:00:03Z").await, all[3..]);
    assert_eq!(before("2026-01-01T00:00:03.000001Z").await, all[2..]);
    assert_eq!(before("2026-01-01T01:00:03%2B01:00").await, all[3..]);
    assert_eq!(before("2026-01-01T01:00:03+01:00").await, all[3..], "a plus sign that nobody escaped");
    assert_eq!(before("2025-12-31T23:59:59Z").await, NONE);
    alice.get("/api/chat/history?before=yesterday").await.assert_invalid("before");
}

#[tokio::test]
async fn the_times_it_shows_are_times_it_takes() {
    let (app, alice) = app_and_alice().await;
    let clock = base::Clock::system();
    let rows = [0.0, 0.000_001, 0.000_002].map(|second| (clock.new_id(), second, ""));
    arrange(&app.superuser().await, &alice, &rows).await;
    let shown = alice.get(PATH).await.json();
    let time = shown[1]["created_at"].as_str().expect("a time");
    assert_eq!(ids(&alice.get(&format!("{PATH}?before={time}")).await), [rows[0].0]);
}

#[tokio::test]
async fn keeps_to_a_conversation_and_to_words() {
    let (app, alice) = app_and_alice().await;
    let superuser = app.superuser().await;
    let clock = base::Clock::system();
    let [tea, late, coffee] = [(1.0, "green tea at noon"), (2.0, "tea, green as it is"), (3.0, "coffee at noon")]
        .map(|(second, text)| (clock.new_id(), second, text));
    let first = arrange(&superuser, &alice, &[tea, late]).await;
    let second = arrange(&superuser, &alice, &[coffee]).await;
    let found = async |query: String| ids(&alice.get(&format!("{PATH}?{query}")).await);
    assert_eq!(found(format!("conversation_id={first}")).await, [late.0, tea.0]);
    assert_eq!(found(format!("conversation_id={second}&q=tea")).await, NONE);
    assert_eq!(found("q=TEA".to_owned()).await, [late.0, tea.0]);
    assert_eq!(found("q=%22green%20tea%22".to_owned()).await, [tea.0]);
    assert_eq!(found("q=noon%20-coffee".to_owned()).await, [tea.0]);
    assert_eq!(found("q=it's%20%27%22%26!%3A*".to_owned()).await, NONE, "what is no query finds nothing");
    let page = alice.get(&format!("{PATH}?q=tea&conversation_id={first}&limit=1")).await;
    let address = next(&page).expect("another page");
    assert_eq!(address, format!("{PATH}?q=tea&conversation_id={first}&limit=1&before={}", late.0));
    assert_eq!(ids(&alice.get(&address).await), [tea.0]);
}

#[tokio::test]
async fn takes_any_text_for_words() {
    let (_app, alice) = app_and_alice().await;
    for text in ["%00", "%22", "%F0%9F%8D%B5", "a%00b"] {
        assert_eq!(ids(&alice.get(&format!("{PATH}?q={text}")).await), NONE, "{text}");
        let conversations = alice.get(&format!("/api/conversations?q={text}")).await;
        assert_eq!(conversations.json(), json!([]), "{text}");
    }
}

#[tokio::test]
async fn is_for_oneself() {
    let (app, alice) = app_and_alice().await;
    let all = arrange_many(&app, &alice, 3).await;
    let bob = app.register("bob").await;
    assert_eq!(ids(&bob.get(PATH).await), NONE);
    assert_eq!(ids(&bob.get("/api/chat/history?q=words").await), NONE);
    arrange_many(&app, &bob, 3).await;
    assert_eq!(
        ids(&bob.get(&format!("{PATH}?before={}", all[0])).await),
        NONE,
        "another's message is no place in the list"
    );
    app.anon().get(PATH).await.assert_problem(401, "token_missing");
}

#[tokio::test]
async fn is_sent_once_until_it_changes() {
    let (app, alice) = app_and_alice().await;
    arrange_many(&app, &alice, 3).await;
    let page = alice.get(PATH).await;
    assert_eq!(page.header("cache-control"), "private, no-cache");
    let again = async |tag: &str| Answer::of(alice.request(Method::GET, PATH).header("if-none-match", tag)).await;
    let same = again(page.header("etag")).await;
    assert_eq!((same.status, same.text.as_str()), (StatusCode::NOT_MODIFIED, ""));
    arrange_many(&app, &alice, 1).await;
    let changed = again(page.header("etag")).await;
    assert_eq!(ids(&changed).len(), 4);
    assert_ne!(changed.header("etag"), page.header("etag"));
}
