//! Tokens of Clerk and of Supabase Auth.

use std::time::Duration;

use futures_util::future::join_all;
use jsonwebtoken::{EncodingKey, Header, encode};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::app::{Actor, Answer, TestApp};
use crate::fakes::issuer::{IssuerFake, Shape, merge};

async fn app_of(shape: Shape) -> (TestApp, IssuerFake) {
    let fake = IssuerFake::start(shape).await;
    let issuers = json!([fake.setting()]).to_string();
    (TestApp::start_with([("AUTH_ISSUERS", issuers.as_str())]).await, fake)
}

async fn show(app: &TestApp, token: &str) -> Answer {
    app.anon().with_token(token).get("/api/users/me").await
}

/// The usual token with these changes; null takes a claim away.
fn changed(app: &TestApp, fake: &IssuerFake, changes: Value) -> String {
    let mut claims = fake.claims(&app.clock, "user_1");
    merge(&mut claims, changes);
    fake.sign(&claims)
}

#[tokio::test]
async fn a_user_of_clerk_is_made_on_first_sight() {
    let (app, fake) = app_of(Shape::Clerk).await;
    let first = show(&app, &fake.token(&app.clock, "user_1")).await;
    assert_eq!(first.status, 200, "{}", first.text);
    insta::assert_json_snapshot!(first.json(), {
        ".id" => "[id]", ".created_at" => "[time]", ".updated_at" => "[time]",
    });
    app.clock.advance(Duration::from_mins(1));
    let again = show(&app, &fake.token(&app.clock, "user_1")).await.json();
    assert_eq!(again["id"], first.json()["id"]);
    let other = show(&app, &fake.token(&app.clock, "user_2")).await.json();
    assert_ne!(other["id"], again["id"]);
    assert_eq!(fake.fetches(), 1, "the keys are kept");
}

#[tokio::test]
async fn a_user_of_supabase_is_made_on_first_sight() {
    let (app, fake) = app_of(Shape::Supabase).await;
    let answer = show(&app, &fake.token(&app.clock, "8a0f6a4e-0000-4000-8000-000000000001")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let user = answer.json();
    assert_eq!(user["email"], "8a0f6a4e-0000-4000-8000-000000000001@example.com");
    assert_eq!(user["role"], "user", "user_metadata is written by users");
    assert_ne!(user["id"], "8a0f6a4e-0000-4000-8000-000000000001", "ids are the product's own");
}

#[tokio::test]
async fn two_first_sights_at_once_make_one_user() {
    let (app, fake) = app_of(Shape::Clerk).await;
    let processes = [app.second_process().await, app.second_process().await];
    let token = fake.token(&app.clock, "user_1");
    let sights = (0..12).map(|n| show(&processes[n % 2], &token));
    let ids: Vec<Value> = join_all(sights).await.iter().map(|answer| answer.json()["id"].clone()).collect();
    assert!(ids[0].is_string() && ids.iter().all(|id| id == &ids[0]), "{ids:?}");
    let count = app.superuser().await.query_one("select count(*) from users", &[]).await.expect("counts");
    assert_eq!(count.get::<_, i64>(0), 1);
}

#[tokio::test]
async fn an_address_does_not_open_somebody_elses_account() {
    let (app, fake) = app_of(Shape::Supabase).await;
    let alice = app.register("alice").await;
    let mut claims = fake.claims(&app.clock, "user_1");
    merge(&mut claims, json!({"email": "alice@example.com"}));
    let stranger = show(&app, &fake.sign(&claims)).await.json();
    assert_eq!(stranger["email"], "alice@example.com");
    assert_ne!(stranger["id"], alice.id());
    merge(&mut claims, json!({"sub": alice.id()}));
    assert_ne!(show(&app, &fake.sign(&claims)).await.json()["id"], alice.id(), "nor does an id");
}

#[tokio::test]
async fn clerk_says_for_whom_a_token_is() {
    let (app, fake) = app_of(Shape::Clerk).await;
    for changes in [
        json!({"azp": "https://evil.example"}),
        json!({"azp": null}),
        json!({"sts": "pending"}),
        json!({"nbf": app.clock.now_seconds() + 10}),
        json!({"iss": "https://clerk.evil.example"}),
        json!({"sub": null}),
        json!({"exp": null}),
    ] {
        show(&app, &changed(&app, &fake, changes)).await.assert_problem(401, "token_invalid");
    }
    let expired = json!({"exp": app.clock.now_seconds() - 6});
    show(&app, &changed(&app, &fake, expired)).await.assert_problem(401, "token_expired");
    let late = json!({"exp": app.clock.now_seconds() - 3});
    assert_eq!(show(&app, &changed(&app, &fake, late)).await.status, 200, "clocks may differ by seconds");
}

#[tokio::test]
async fn supabase_says_who_is_signed_in() {
    let (app, fake) = app_of(Shape::Supabase).await;
    for changes in [json!({"aud": "anon"}), json!({"aud": null}), json!({"iss": app.base_url})] {
        show(&app, &changed(&app, &fake, changes)).await.assert_problem(401, "token_invalid");
    }
}

#[tokio::test]
async fn one_issuers_key_signs_nothing_of_another() {
    let (clerk, supabase) = (IssuerFake::start(Shape::Clerk).await, IssuerFake::start(Shape::Supabase).await);
    let issuers = json!([clerk.setting(), supabase.setting()]).to_string();
    let app = TestApp::start_with([("AUTH_ISSUERS", issuers.as_str())]).await;
    let alice = app.register("alice").await;
    let mut claims = supabase.claims(&app.clock, &alice.id());
    assert_eq!(show(&app, &supabase.sign(&claims)).await.status, 200);
    // Both publish a key with the same id.
    show(&app, &clerk.sign(&claims)).await.assert_problem(401, "token_invalid");
    merge(&mut claims, json!({"iss": app.base_url}));
    show(&app, &supabase.sign(&claims)).await.assert_problem(401, "token_invalid");
}

#[tokio::test]
async fn a_new_key_is_fetched_and_the_old_one_forgotten() {
    let (app, fake) = app_of(Shape::Clerk).await;
    let old = changed(&app, &fake, json!({"exp": app.clock.now_seconds() + 3600}));
    assert_eq!(show(&app, &old).await.status, 200);
    fake.rotate();
    app.clock.advance(Duration::from_secs(31));
    assert_eq!(show(&app, &fake.token(&app.clock, "user_1")).await.status, 200, "an unknown key id is asked for");
    assert_eq!(fake.fetches(), 2);
    // A token that was verified with the old key is remembered for a minute.
    app.clock.advance(Duration::from_secs(30));
    show(&app, &old).await.assert_problem(401, "token_invalid");
}

#[tokio::test]
async fn unknown_keys_do_not_make_a_flood() {
    let (app, fake) = app_of(Shape::Clerk).await;
    for n in 0..20 {
        let header = Header { kid: Some(format!("made-up-{n}")), ..Header::default() };
        let claims = fake.claims(&app.clock, "user_1");
        let forged = encode(&header, &claims, &EncodingKey::from_secret(b"x")).expect("signs");
        show(&app, &forged).await.assert_problem(401, "token_invalid");
    }
    assert_eq!(fake.fetches(), 1);
}

#[tokio::test]
async fn an_issuer_that_is_away_signs_nobody_out() {
    let (app, fake) = app_of(Shape::Clerk).await;
    assert_eq!(show(&app, &fake.token(&app.clock, "user_1")).await.status, 200);
    for (status, after) in [(StatusCode::BAD_GATEWAY, Duration::ZERO), (StatusCode::OK, Duration::from_mins(1))] {
        fake.behave(status, after);
        app.clock.advance(Duration::from_secs(601));
        assert_eq!(show(&app, &fake.token(&app.clock, "user_1")).await.status, 200, "{status} after {after:?}");
    }
    assert_eq!(fake.fetches(), 3, "each time it was asked");
}

#[tokio::test]
async fn an_issuer_that_was_away_is_asked_again() {
    let (app, fake) = app_of(Shape::Supabase).await;
    fake.behave(StatusCode::INTERNAL_SERVER_ERROR, Duration::ZERO);
    show(&app, &fake.token(&app.clock, "user_1")).await.assert_problem(401, "token_invalid");
    fake.behave(StatusCode::OK, Duration::ZERO);
    app.clock.advance(Duration::from_secs(30));
    assert_eq!(show(&app, &fake.token(&app.clock, "user_1")).await.status, 200);
}

#[tokio::test]
async fn older_supabase_projects_share_a_secret() {
    let secret = "super-secret-jwt-token-with-at-least-32-characters-long";
    let issuer = "https://project.supabase.co/auth/v1";
    let issuers = json!([{"issuer": issuer, "secret": secret, "audience": "authenticated"}]).to_string();
    let app = TestApp::start_with([("AUTH_ISSUERS", issuers.as_str())]).await;
    let claims = json!({
        "iss": issuer, "sub": "user_1", "aud": "authenticated", "exp": app.clock.now_seconds() + 60,
    });
    let sign = |secret: &str| encode(&Header::default(), &claims, &EncodingKey::from_secret(secret.as_bytes()));
    assert_eq!(show(&app, &sign(secret).expect("signs")).await.status, 200);
    show(&app, &sign("another secret").expect("signs")).await.assert_problem(401, "token_invalid");
}

#[tokio::test]
async fn a_deactivated_user_stays_out_whatever_the_issuer_says() {
    let (app, fake) = app_of(Shape::Clerk).await;
    let user: Actor = app.anon().with_token(fake.token(&app.clock, "user_1"));
    assert_eq!(user.post("/api/users/me/deactivate", &json!({})).await.status, 204);
    show(&app, &fake.token(&app.clock, "user_1")).await.assert_problem(403, "user_deactivated");
}
