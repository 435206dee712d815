//! Limits, as clients meet them: shared by all environments, and there while DynamoDB is away.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;

use crate::app::{Actor, Answer, TestApp};
use crate::fakes::dynamodb::{DynamoDbFake, Fault};
use crate::fakes::model::ModelFake;

/// How long a request may take while the store is away, on a busy machine.
const PROMPT: Duration = Duration::from_secs(4);

async fn app_on(fake: &DynamoDbFake) -> TestApp {
    let settings = fake.settings();
    TestApp::start_with(settings.each_ref().map(|(name, value)| (*name, value.as_str()))).await
}

async fn app_with_model(fake: &DynamoDbFake, model: &ModelFake) -> TestApp {
    let (store, url) = (fake.settings(), model.base_url());
    let model = [("OPENAI_API_KEY", "sk-test"), ("OPENAI_BASE_URL", url.as_str())];
    let settings: Vec<_> = store.iter().map(|(name, value)| (*name, value.as_str())).chain(model).collect();
    TestApp::start_with(<[(&str, &str); 8]>::try_from(settings).expect("six and two")).await
}

async fn login(actor: &Actor, email: &str) -> Answer {
    actor.post("/api/auth/login", &json!({"email": email, "password": "not the right one"})).await
}

#[tokio::test]
async fn two_environments_share_them() {
    let fake = DynamoDbFake::start().await;
    let app = app_on(&fake).await;
    let second = app.second_process().await;
    let visitors = [app.anon(), second.anon()];
    for turn in 0..20 {
        assert_eq!(login(&visitors[turn % 2], "alice@example.com").await.status, 401, "{turn}");
    }
    for visitor in &visitors {
        login(visitor, "alice@example.com").await.assert_problem(429, "rate_limited");
    }
    app.clock.advance(Duration::from_secs(30));
    assert_eq!(login(&visitors[1], "alice@example.com").await.status, 401, "one is regained");
    for visitor in &visitors {
        login(visitor, "alice@example.com").await.assert_problem(429, "rate_limited");
    }
}

#[tokio::test]
async fn nothing_that_tells_a_person_leaves_the_process() {
    let fake = DynamoDbFake::start().await;
    let app = app_on(&fake).await;
    let alice = app.register("alice").await;
    assert_eq!(login(&app.anon(), "alice@example.com").await.status, 401);
    app.anon().get(&format!("/api/erasures/{}", "a".repeat(43))).await.assert_problem(404, "not_found");
    let body = json!({"content": "Hello there"});
    alice.post("/api/chat", &body).await;
    let (id, bodies) = (alice.id(), fake.bodies());
    let spaces = ["register#", "login#", "login-account#", "erasure#", "chat#"];
    for space in spaces {
        assert!(bodies.iter().any(|body| body.contains(space)), "{space} in {bodies:?}");
    }
    for told in ["alice", "example.com", "127.0.0.1", &id] {
        assert!(!bodies.iter().any(|body| body.contains(told)), "{told} in {bodies:?}");
    }
}

#[tokio::test]
async fn logins_are_limited_while_it_is_away() {
    for fault in [Fault::Silent, Fault::Throttled] {
        let fake = DynamoDbFake::start().await;
        let app = app_on(&fake).await;
        let anon = app.anon();
        // Known to the table, and to this process too.
        assert_eq!(login(&anon, "alice@example.com").await.status, 401);
        fake.fail_always(Some(fault));
        let asked_before = fake.operations().len();
        for turn in 1..20 {
            let begun = Instant::now();
            assert_eq!(login(&anon, "alice@example.com").await.status, 401, "{turn}");
            assert!(begun.elapsed() < PROMPT, "{turn}: {:?}", begun.elapsed());
        }
        login(&anon, "alice@example.com").await.assert_problem(429, "rate_limited");
        let asked = fake.operations().len() - asked_before;
        assert!(asked < 20, "{fault:?}: it is left alone, and was asked {asked} times for 40 limits");
        fake.fail_always(None);
        app.clock.advance(Duration::from_secs(6));
        assert_eq!(login(&anon, "bob@example.com").await.status, 401);
        assert!(fake.operations().len() > asked_before + asked, "it is asked again");
        login(&anon, "alice@example.com").await.assert_problem(429, "rate_limited");
        let table_knows = app.second_process().await;
        assert_eq!(login(&table_knows.anon(), "alice@example.com").await.status, 401, "the table saw but one");
    }
}

#[tokio::test]
async fn a_model_answers_while_it_is_away() {
    let (fake, model) = (DynamoDbFake::start().await, ModelFake::start().await);
    let app = app_with_model(&fake, &model).await;
    let alice = app.register("alice").await;
    fake.fail_always(Some(Fault::Silent));
    for _ in 0..3 {
        let begun = Instant::now();
        let request = alice.request(Method::POST, "/api/chat").header("accept", "application/json");
        let answer = Answer::of(request.json(&json!({"content": "Hello"}))).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert!(begun.elapsed() < PROMPT, "{:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn health_tells_that_it_is_away_and_that_it_is_back() {
    let fake = DynamoDbFake::start().await;
    let app = app_on(&fake).await;
    let state = || async { app.anon().get("/api/health?deep=1").await };
    assert_eq!(state().await.json()["checks"], json!({"database": "ok", "short_lived_store": "ok"}));
    fake.fail_always(Some(Fault::Broken));
    let away = state().await;
    assert_eq!(away.status, 503);
    assert_eq!(away.json()["checks"], json!({"database": "ok", "short_lived_store": "failing"}));
    assert_eq!(app.anon().get("/api/health").await.status, 200, "the process itself is up");
    fake.fail_always(None);
    assert_eq!(state().await.status, 200);
}
