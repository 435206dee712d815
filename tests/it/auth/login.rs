use std::time::Duration;

use serde_json::json;

use super::{login, sign_in};
use crate::app::{PASSWORD, TestApp};

/// [`PASSWORD`], hashed with far weaker parameters than today's.
const OUTDATED_HASH: &str =
    "$argon2id$v=19$m=64,t=1,p=1$fFJc4cXj4JHeWAg32DfOoA$scnZY+X25cQ48pNtQgwBZwt6n1iwd5u9vjDMtXBiGdc";

#[tokio::test]
async fn signs_in() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let answer = login(&app.anon(), " ALICE@example.com", PASSWORD).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("ratelimit"), "\"login\";r=59;t=10");
    insta::assert_json_snapshot!(answer.json(), {
        ".access_token" => "[access token]",
        ".refresh_token" => "[refresh token]",
        ".user.id" => "[id]",
        ".user.created_at" => "[time]",
        ".user.updated_at" => "[time]",
    });
    let session = answer.json();
    assert_eq!(session["user"]["id"], alice.id());
    let token = session["access_token"].as_str().expect("a token");
    assert_eq!(app.anon().with_token(token).get("/api/users/me").await.status, 200);
    assert_ne!(session["refresh_token"], alice.session["refresh_token"], "each sign-in is a session of its own");
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_look_the_same() {
    let app = TestApp::start().await;
    app.register("alice").await;
    let mut wrong = login(&app.anon(), "alice@example.com", "wrong password").await;
    let mut unknown = login(&app.anon(), "nobody@example.com", PASSWORD).await;
    let [wrong, unknown] = [&mut wrong, &mut unknown].map(|answer| {
        let mut problem = answer.assert_problem(401, "credentials_invalid");
        problem["request_id"].take();
        problem
    });
    assert_eq!(wrong, unknown);
    login(&app.anon(), "alice@example.com", "").await.assert_problem(401, "credentials_invalid");
}

#[tokio::test]
async fn only_the_right_password_learns_that_an_account_is_deactivated() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    assert_eq!(alice.post("/api/users/me/deactivate", &json!({})).await.status, 204);
    login(&app.anon(), "alice@example.com", PASSWORD).await.assert_problem(403, "user_deactivated");
    login(&app.anon(), "alice@example.com", "wrong password").await.assert_problem(401, "credentials_invalid");
}

#[tokio::test]
async fn renews_a_hash_with_outdated_parameters() {
    let app = TestApp::start().await;
    app.register("alice").await;
    let admin = app.superuser().await;
    admin.execute("update credentials set password_hash = $1", &[&OUTDATED_HASH]).await.expect("arranged");
    login(&app.anon(), "alice@example.com", "wrong password").await.assert_problem(401, "credentials_invalid");
    let hash = || async {
        let row = admin.query_one("select password_hash from credentials", &[]).await.expect("one account");
        row.get::<_, String>(0)
    };
    assert_eq!(hash().await, OUTDATED_HASH);
    sign_in(&app.anon(), "alice@example.com").await;
    let renewed = hash().await;
    assert!(renewed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{renewed}");
    sign_in(&app.anon(), "alice@example.com").await;
    assert_eq!(hash().await, renewed);
}

#[tokio::test]
async fn an_account_can_be_tried_a_few_times_only() {
    let app = TestApp::start().await;
    app.register("alice").await;
    app.register("bob").await;
    for _ in 0..20 {
        login(&app.anon(), "alice@example.com", "wrong password").await.assert_problem(401, "credentials_invalid");
    }
    let answer = login(&app.anon(), "Alice@example.com", PASSWORD).await;
    answer.assert_problem(429, "rate_limited");
    assert_eq!(answer.header("ratelimit-policy"), "\"login-account\";q=20;w=600");
    sign_in(&app.anon(), "bob@example.com").await;
    app.clock.advance(Duration::from_secs(30));
    sign_in(&app.anon(), "alice@example.com").await;
}

#[tokio::test]
async fn an_address_can_try_a_few_accounts_only() {
    let app = TestApp::start().await;
    let anon = app.anon();
    let tries = (0..60).map(|n| {
        let anon = anon.clone();
        async move { login(&anon, &format!("nobody{n}@example.com"), PASSWORD).await }
    });
    for answer in futures_util::future::join_all(tries).await {
        answer.assert_problem(401, "credentials_invalid");
    }
    let answer = login(&anon, "nobody@example.com", PASSWORD).await;
    answer.assert_problem(429, "rate_limited");
    assert_eq!(answer.header("ratelimit-policy"), "\"login\";q=60;w=600");
}

#[tokio::test]
async fn names_the_field_at_fault() {
    let app = TestApp::start().await;
    let anon = app.anon();
    login(&anon, "alice", PASSWORD).await.assert_invalid("/email");
    let numeric = json!({"email": "alice@example.com", "password": 7});
    anon.post("/api/auth/login", &numeric).await.assert_invalid("/password");
    let unknown = json!({"email": "alice@example.com", "password": PASSWORD, "remember": true});
    anon.post("/api/auth/login", &unknown).await.assert_invalid("/remember");
}
