//! The signing key is replaced while people are signed in.

use auth::SigningKey;
use secrecy::ExposeSecret;

use super::{refresh, refresh_token};
use crate::app::{Actor, TestApp};

/// Whether the access token is taken.
async fn is_taken(process: &TestApp, token: &str) -> bool {
    process.anon().with_token(token).get("/api/users/me").await.status == 200
}

/// The next session of one that this process is shown.
async fn go_on(process: &TestApp, actor: &Actor) -> Actor {
    let answer = refresh(&process.anon(), refresh_token(&actor.session)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let mut next = process.seen_by(actor);
    next.session = answer.json();
    next.token = next.session["access_token"].as_str().map(str::to_owned);
    next
}

#[tokio::test]
async fn nobody_notices_when_the_next_key_is_accepted_before_it_signs() {
    let last = TestApp::start().await;
    let (last_key, next_key) = (last.signing_key().to_owned(), SigningKey::generate_pem());
    let next_key = next_key.expose_secret();
    let preparing = last.second_process_with([("AUTH_ACCEPTED_KEY", next_key)]).await;
    let rotated = last.second_process_with([("AUTH_SIGNING_KEY", next_key), ("AUTH_ACCEPTED_KEY", &last_key)]).await;
    let mut alice = last.register("alice").await;
    // While one version takes the place of the other, requests reach both.
    for process in [&last, &preparing, &preparing, &rotated, &preparing, &rotated, &rotated] {
        alice = go_on(process, &alice).await;
        let token = alice.token.as_deref().expect("a token");
        assert!(is_taken(&preparing, token).await && is_taken(&rotated, token).await);
    }
    let next = last.second_process_with([("AUTH_SIGNING_KEY", next_key)]).await;
    go_on(&next, &alice).await;
}

#[tokio::test]
async fn a_key_that_is_not_accepted_any_more_ends_its_sessions() {
    let last = TestApp::start().await;
    let alice = last.register("alice").await;
    let next_key = SigningKey::generate_pem();
    let next = last.second_process_with([("AUTH_SIGNING_KEY", next_key.expose_secret())]).await;
    assert!(!is_taken(&next, alice.token.as_deref().expect("a token")).await);
    refresh(&next.anon(), refresh_token(&alice.session)).await.assert_problem(401, "refresh_token_invalid");
    super::sign_in(&next.anon(), "alice@example.com").await;
}
