use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{logout, refresh, refresh_token};
use crate::app::{Actor, TestApp};

const DAY: Duration = Duration::from_hours(24);

/// Refreshes and gives the next session.
async fn rotate(anon: &Actor, session: &Value) -> Value {
    let answer = refresh(anon, refresh_token(session)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

#[tokio::test]
async fn gives_the_next_tokens() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let answer = refresh(&app.anon(), refresh_token(&alice.session)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("ratelimit-policy"), "\"refresh\";q=600;w=600");
    let next = answer.json();
    insta::assert_json_snapshot!(next, {
        ".access_token" => "[access token]",
        ".refresh_token" => "[refresh token]",
        ".user.id" => "[id]",
        ".user.created_at" => "[time]",
        ".user.updated_at" => "[time]",
    });
    assert_ne!(next["refresh_token"], alice.session["refresh_token"]);
    assert_eq!(next["user"], alice.session["user"]);
    let token = next["access_token"].as_str().expect("a token");
    assert_eq!(alice.with_token(token).get("/api/users/me").await.status, 200);
}

#[tokio::test]
async fn a_lost_answer_is_given_again() {
    let app = TestApp::start().await;
    let anon = app.anon();
    let first = app.register("alice").await.session;
    let second = rotate(&anon, &first).await;
    app.clock.advance(Duration::from_secs(8));
    let again = rotate(&anon, &first).await;
    assert_eq!(again["refresh_token"], second["refresh_token"], "the current one stands");
    assert_ne!(again["access_token"], second["access_token"], "the access token is fresh");
    rotate(&anon, &second).await;
}

#[tokio::test]
async fn two_tabs_at_once_end_with_the_same_token() {
    let app = TestApp::start().await;
    let anon = app.anon();
    let session = app.register("alice").await.session;
    let (one, two) = tokio::join!(rotate(&anon, &session), rotate(&anon, &session));
    assert_eq!(one["refresh_token"], two["refresh_token"]);
    rotate(&anon, &one).await;
}

#[tokio::test]
async fn a_token_used_after_the_grace_period_ends_the_session() {
    let app = TestApp::start().await;
    let anon = app.anon();
    let first = app.register("alice").await.session;
    let second = rotate(&anon, &first).await;
    app.clock.advance(Duration::from_secs(11));
    refresh(&anon, refresh_token(&first)).await.assert_problem(401, "refresh_token_reused");
    refresh(&anon, refresh_token(&second)).await.assert_problem(401, "session_ended");
}

#[tokio::test]
async fn a_token_before_the_previous_ends_the_session_at_once() {
    let app = TestApp::start().await;
    let anon = app.anon();
    let first = app.register("alice").await.session;
    let second = rotate(&anon, &first).await;
    let third = rotate(&anon, &second).await;
    refresh(&anon, refresh_token(&first)).await.assert_problem(401, "refresh_token_reused");
    refresh(&anon, refresh_token(&third)).await.assert_problem(401, "session_ended");
}

#[tokio::test]
async fn other_sessions_of_the_user_go_on() {
    let app = TestApp::start().await;
    let anon = app.anon();
    let phone = app.register("alice").await.session;
    let laptop = super::sign_in(&anon, "alice@example.com").await;
    rotate(&anon, &phone).await;
    app.clock.advance(Duration::from_secs(11));
    refresh(&anon, refresh_token(&phone)).await.assert_problem(401, "refresh_token_reused");
    rotate(&anon, &laptop).await;
}

#[tokio::test]
async fn a_session_lasts_thirty_days_after_its_last_use() {
    let app = TestApp::start().await;
    let anon = app.anon();
    let mut session = app.register("alice").await.session;
    for _ in 0..3 {
        app.clock.advance(29 * DAY);
        session = rotate(&anon, &session).await;
    }
    app.clock.advance(30 * DAY);
    refresh(&anon, refresh_token(&session)).await.assert_problem(401, "session_ended");
}

#[tokio::test]
async fn an_ended_session_stays_ended() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let token = refresh_token(&alice.session);
    assert_eq!(logout(&app.anon(), token).await.status, 204);
    refresh(&app.anon(), token).await.assert_problem(401, "session_ended");
}

#[tokio::test]
async fn a_deactivated_user_gets_no_tokens() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    assert_eq!(alice.post("/api/users/me/deactivate", &json!({})).await.status, 204);
    refresh(&app.anon(), refresh_token(&alice.session)).await.assert_problem(401, "session_ended");
    // A sign-in that crossed the deactivation left a session behind.
    let admin = app.superuser().await;
    admin.execute("update users set is_active = false where email like 'bob%'", &[]).await.expect("arranged");
    refresh(&app.anon(), refresh_token(&bob.session)).await.assert_problem(403, "user_deactivated");
}

#[tokio::test]
async fn only_what_this_server_signed_is_taken() {
    let (app, other) = (TestApp::start().await, TestApp::start().await);
    let alice = app.register("alice").await;
    let foreign = other.register("alice").await;
    let next = rotate(&app.anon(), &alice.session).await;
    // The first token, its counter moved on to the second's.
    let mut bytes = BASE64_URL_SAFE_NO_PAD.decode(refresh_token(&alice.session)).expect("base64url");
    bytes[19] += 1;
    let forged = BASE64_URL_SAFE_NO_PAD.encode(bytes);
    for wrong in ["", "x", &forged, refresh_token(&foreign.session), alice.token.as_deref().expect("a token")] {
        refresh(&app.anon(), wrong).await.assert_problem(401, "refresh_token_invalid");
    }
    rotate(&app.anon(), &next).await;
}

#[tokio::test]
async fn names_the_field_at_fault() {
    let app = TestApp::start().await;
    app.anon().post("/api/auth/refresh", &json!({"refresh_token": 7})).await.assert_invalid("/refresh_token");
    app.anon().post("/api/auth/refresh", &json!({"token": "x"})).await.assert_invalid("/token");
}
