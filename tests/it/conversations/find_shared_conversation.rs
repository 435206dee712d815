use std::time::Duration;

use serde_json::{Value, json};

use super::{address, contents, link_of, say, say_after, send, share};
use crate::app::{Answer, TestApp};

#[tokio::test]
async fn shows_the_branch_to_anybody() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let first = say(&alice, "Plan my morning").await;
    say_after(&alice, &first, "Shorter").await;
    let link = link_of(&share(&alice, &address(&first), &json!({})).await);
    let shown = app.anon().get(&link).await;
    assert_eq!(shown.status, 200, "{}", shown.text);
    insta::assert_json_snapshot!(shown.json(), {".shared_at" => "[time]", ".messages[].created_at" => "[time]"});
    assert_eq!(shown.header("cache-control"), "no-store");
    assert_eq!(shown.header("x-robots-tag"), "noindex, nofollow");
    assert_eq!(shown.header("referrer-policy"), "no-referrer");
    for private in [&alice.id(), "alice", first["id"].as_str().unwrap(), first["conversation_id"].as_str().unwrap()] {
        assert!(!shown.text.contains(private), "{private} is told: {}", shown.text);
    }
    let bob = app.register("bob").await;
    assert_eq!(bob.get(&link).await.json(), shown.json(), "who asks makes no difference");
}

#[tokio::test]
async fn what_comes_later_stays_private() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let first = say(&alice, "Plan my morning").await;
    let address = address(&first);
    let link = link_of(&share(&alice, &address, &json!({})).await);
    let before = app.anon().get(&link).await.json();
    say_after(&alice, &first, "My secret wish").await;
    let anew = json!({"regenerate": first["id"], "conversation_id": first["conversation_id"]});
    send(&alice, &anew).await;
    let edited = json!({"title": "My secret title", "metadata": {"note": "My secret note"}});
    assert_eq!(alice.patch(&address, &edited).await.status, 200);
    assert_eq!(app.anon().get(&link).await.json(), before);
    let earlier = link_of(&share(&alice, &address, &json!({"message_id": first["parent_id"]})).await);
    let earlier = app.anon().get(&earlier).await.json();
    assert_eq!(contents(earlier["messages"].as_array().expect("messages")), ["Plan my morning"]);
}

#[tokio::test]
async fn links_that_end_and_links_that_never_were_look_the_same() {
    let app = TestApp::start().await;
    let (alice, anon) = (app.register("alice").await, app.anon());
    let address = address(&say(&alice, "Plan").await);
    let soon = app.clock.now().checked_add(Duration::from_mins(10)).expect("a time");
    let share = share(&alice, &address, &json!({"expires_at": soon})).await;
    let (link, token) = (link_of(&share), share["token"].as_str().expect("a token"));
    assert_eq!(anon.get(&link).await.json()["expires_at"], share["expires_at"]);
    app.clock.advance(Duration::from_mins(11));
    let ended = without_id(anon.get(&link).await.assert_problem(404, "not_found"));
    let turned: String = token.chars().rev().collect();
    let hash = "0".repeat(64);
    for guess in [turned.as_str(), "", "x", &"A".repeat(43), &token[..42], &hash, "%00", "..%2Fusers"] {
        let answer = anon.get(&format!("/api/shared/{guess}")).await;
        if !guess.is_empty() {
            assert_eq!(without_id(answer.assert_problem(404, "not_found")), ended, "{guess}");
        }
    }
}

fn without_id(mut problem: Value) -> Value {
    problem["request_id"] = Value::Null;
    problem
}

#[tokio::test]
async fn a_user_who_is_deactivated_shares_nothing() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let link = link_of(&share(&alice, &address(&say(&alice, "Plan").await), &json!({})).await);
    let deactivated = "update users set is_active = false";
    app.superuser().await.batch_execute(deactivated).await.expect("arranged");
    app.anon().get(&link).await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn an_address_that_tries_much_waits() {
    let app = TestApp::start().await;
    let anon = app.anon();
    let guess = format!("/api/shared/{}", "A".repeat(43));
    // Two come back in a second, so a slow machine is let through a few more often.
    let mut answers = Vec::new();
    while answers.last().is_none_or(|answer: &Answer| answer.status == 404) && answers.len() < 1_000 {
        answers.push(anon.get(&guess).await);
    }
    let late = answers.pop().expect("an answer");
    late.assert_problem(429, "rate_limited");
    assert_eq!(late.header("ratelimit-policy"), "\"shared\";q=120;w=60");
    assert!(answers.len() >= 120, "{} were let through", answers.len());
    answers[0].assert_problem(404, "not_found");
}
