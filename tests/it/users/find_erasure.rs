use jobs::Job;

use super::delete_me::{leave, run};
use crate::app::{Answer, TestApp};

#[tokio::test]
async fn tells_whoever_has_the_receipt() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let (hers, his) = (leave(&alice).await, leave(&bob).await);
    let path = |left: &Answer| left.json()["status_url"].as_str().expect("an address").to_owned();
    let before = app.anon().get(&path(&hers)).await;
    insta::assert_json_snapshot!("requested", before.json(), { ".requested_at" => "[time]" });
    assert_eq!(before.header("cache-control"), "no-store");
    run(&app, Job::Drain).await;
    let after = app.anon().get(&path(&hers)).await;
    insta::assert_json_snapshot!("done", after.json(), { ".requested_at" => "[time]", ".completed_at" => "[time]" });
    assert_eq!(app.anon().get(&path(&his)).await.json()["status"], "done");
    for secret in [alice.id(), "alice".to_owned()] {
        assert!(!after.text.contains(&secret), "{}", after.text);
    }
}

#[tokio::test]
async fn a_receipt_that_never_was_is_not_found() {
    let app = TestApp::start().await;
    let known = leave(&app.register("alice").await).await.json()["receipt"].as_str().expect("a receipt").to_owned();
    let first = if known.starts_with('A') { "B" } else { "A" };
    let guesses = [format!("{first}{}", &known[1..]), known[1..].to_owned(), "a".repeat(43), "0".to_owned()];
    for guess in guesses {
        app.anon().get(&format!("/api/erasures/{guess}")).await.assert_problem(404, "not_found");
    }
}

#[tokio::test]
async fn receipts_cannot_be_guessed_at_any_speed() {
    let app = TestApp::start().await;
    let anon = app.anon();
    let path = format!("/api/erasures/{}", "a".repeat(43));
    // One comes back in a second, so a slow machine is let through a few more often.
    let mut answers = Vec::new();
    while answers.last().is_none_or(|answer: &Answer| answer.status == 404) && answers.len() < 1_000 {
        answers.push(anon.get(&path).await);
    }
    let refused = answers.pop().expect("an answer");
    refused.assert_problem(429, "rate_limited");
    assert!(answers.len() >= 60, "{} were let through", answers.len());
    assert_eq!(refused.header("ratelimit-policy"), "\"erasure\";q=60;w=60");
}
