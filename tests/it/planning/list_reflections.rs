use super::{REFLECTIONS, listed, make_reflection, walked};
use crate::app::TestApp;

#[tokio::test]
async fn shows_them_newest_first() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    for (kind, content) in [("daily", "first"), ("weekly", "second")] {
        make_reflection(&alice, kind, "2026-11-21", content).await;
    }
    insta::assert_json_snapshot!(alice.get(REFLECTIONS).await.json(), {
        "[].id" => "[id]", "[].created_at" => "[time]", "[].updated_at" => "[time]",
    });
}

#[tokio::test]
async fn filters() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    make_reflection(&alice, "weekly", "2026-11-10", "the week before").await;
    make_reflection(&alice, "weekly", "2026-11-17", "this week").await;
    make_reflection(&alice, "daily", "2026-11-17", "a day of rest").await;
    for (query, expected) in [
        ("reflection_type=weekly", vec!["this week", "the week before"]),
        ("from=2026-11-16", vec!["a day of rest", "this week"]),
        ("from=2026-11-15&to=2026-11-16", vec!["this week", "the week before"]),
        ("to=2026-11-15", vec!["the week before"]),
        ("q=week%20before", vec!["the week before"]),
        ("q=holiday", vec![]),
    ] {
        assert_eq!(listed(&alice, &format!("{REFLECTIONS}?{query}"), "content").await, expected, "{query}");
    }
    for (name, value) in [("reflection_type", "hourly"), ("from", "x"), ("to", "2026-02-30"), ("limit", "101")] {
        alice.get(&format!("{REFLECTIONS}?{name}={value}")).await.assert_invalid(name);
    }
}

#[tokio::test]
async fn pages_through_ties() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let contents = ["a", "b", "c", "d", "e"];
    for content in contents {
        make_reflection(&alice, "daily", "2026-11-21", content).await;
    }
    app.superuser().await.batch_execute("update reflections set created_at = '2026-01-01'").await.expect("arranged");
    let mut seen = walked(&alice, &format!("{REFLECTIONS}?limit=2"), "content").await;
    seen.sort();
    assert_eq!(seen, contents);
}

#[tokio::test]
async fn is_for_oneself() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    make_reflection(&alice, "daily", "2026-11-21", "secret").await;
    assert_eq!(listed(&bob, REFLECTIONS, "content").await, [""; 0]);
    assert_eq!(listed(&bob, &format!("{REFLECTIONS}?q=secret"), "content").await, [""; 0]);
    app.anon().get(REFLECTIONS).await.assert_problem(401, "token_missing");
}
