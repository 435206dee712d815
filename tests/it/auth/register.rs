use futures_util::future::join_all;
use serde_json::json;

use super::{login, sign_in};
use crate::app::{PASSWORD, TestApp};

#[tokio::test]
async fn makes_an_account_and_signs_it_in() {
    let app = TestApp::start().await;
    let body = json!({"email": " Alice@Example.com ", "password": PASSWORD, "full_name": " Alice Liddell "});
    let answer = app.anon().post("/api/auth/register", &body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("ratelimit-policy"), "\"register\";q=60;w=3600");
    assert_eq!(answer.header("ratelimit"), "\"register\";r=59;t=60");
    insta::assert_json_snapshot!(answer.json(), {
        ".access_token" => "[access token]",
        ".refresh_token" => "[refresh token]",
        ".user.id" => "[id]",
        ".user.created_at" => "[time]",
        ".user.updated_at" => "[time]",
    });
    let session = answer.json();
    let alice = app.anon().with_token(session["access_token"].as_str().expect("a token"));
    assert_eq!(alice.get("/api/users/me").await.json(), session["user"]);
}

#[tokio::test]
async fn needs_no_name() {
    let app = TestApp::start().await;
    let body = json!({"email": "bob@example.com", "password": PASSWORD});
    let answer = app.anon().post("/api/auth/register", &body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(answer.json()["user"]["full_name"], json!(null));
}

#[tokio::test]
async fn refuses_an_address_that_has_an_account() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let body = json!({"email": "ALICE@example.com", "password": "another password"});
    app.anon().post("/api/auth/register", &body).await.assert_problem(409, "email_taken");
    assert_eq!(sign_in(&app.anon(), "alice@example.com").await["user"]["id"], alice.id());
}

#[tokio::test]
async fn of_many_at_once_one_gets_the_address() {
    let app = TestApp::start().await;
    let anon = app.anon();
    let body = json!({"email": "alice@example.com", "password": PASSWORD});
    let answers = join_all((0..8).map(|_| anon.post("/api/auth/register", &body))).await;
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(made, 1);
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        answer.assert_problem(409, "email_taken");
    }
    let rows = app.superuser().await.query_one("select count(*) from users", &[]).await.expect("counts");
    assert_eq!(rows.get::<_, i64>(0), 1, "nothing is left of the others");
}

#[tokio::test]
async fn names_the_field_at_fault() {
    let app = TestApp::start().await;
    let anon = app.anon();
    let good = json!({"email": "alice@example.com", "password": PASSWORD, "full_name": "Alice"});
    for (field, value) in [
        ("email", json!("alice")),
        ("email", json!("a\u{0}@example.com")),
        ("email", json!(7)),
        ("password", json!("1234567")),
        ("password", json!("x".repeat(257))),
        ("full_name", json!("")),
        ("full_name", json!("a\u{0}b")),
        ("role", json!("admin")),
    ] {
        let mut body = good.clone();
        body[field] = value;
        anon.post("/api/auth/register", &body).await.assert_invalid(&format!("/{field}"));
    }
    anon.post("/api/auth/register", &json!({"email": "alice@example.com"})).await.assert_invalid("/password");
    let long = json!({"email": "alice@example.com", "password": "x".repeat(17 * 1024)});
    anon.post("/api/auth/register", &long).await.assert_problem(413, "too_large");
}

#[tokio::test]
async fn keeps_the_password_as_a_hash_only() {
    let app = TestApp::start().await;
    app.register("alice").await;
    let admin = app.superuser().await;
    let row = admin.query_one("select password_hash from credentials", &[]).await.expect("one account");
    let hash: String = row.get(0);
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
}

#[tokio::test]
async fn says_how_long_to_wait_when_an_address_registers_too_often() {
    let app = TestApp::start().await;
    let anon = app.anon();
    let body = json!({"email": "alice@example.com", "password": PASSWORD});
    let answers = join_all((0..61).map(|_| anon.post("/api/auth/register", &body))).await;
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status == 429).collect();
    assert_eq!(refused.len(), 1);
    let problem = refused[0].assert_problem(429, "rate_limited");
    let wait = problem["retry_after_seconds"].as_u64().expect("the wait");
    assert_eq!(refused[0].header("retry-after"), wait.to_string());
    app.clock.advance(std::time::Duration::from_secs(wait));
    anon.post("/api/auth/register", &body).await.assert_problem(409, "email_taken");
    assert_eq!(login(&anon, "alice@example.com", PASSWORD).await.status, 200, "signing in has its own limit");
}
