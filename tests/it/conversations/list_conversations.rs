use serde_json::Value;

use super::say;
use crate::app::{Answer, TestApp};

const PATH: &str = "/api/conversations";

fn titles(page: &Answer) -> Vec<String> {
    assert_eq!(page.status, 200, "{}", page.text);
    let page = page.json();
    let title = |conversation: &Value| conversation["title"].as_str().expect("a title").to_owned();
    page.as_array().expect("a list").iter().map(title).collect()
}

#[tokio::test]
async fn shows_them_newest_first() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    for content in ["First plan", "Second plan", "Last wish"] {
        say(&alice, content).await;
    }
    let page = alice.get(PATH).await;
    assert_eq!(titles(&page), ["Last wish", "Second plan", "First plan"]);
    insta::assert_json_snapshot!(page.json()[0], {
        ".id" => "[id]", ".head_id" => "[id]", ".created_at" => "[time]", ".updated_at" => "[time]",
    });
    assert_eq!(titles(&alice.get("/api/conversations?q=plan").await), ["Second plan", "First plan"]);
    alice.get("/api/conversations?limit=101").await.assert_invalid("limit");
}

#[tokio::test]
async fn pages_through_ties() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let titles_made = ["a", "b", "c", "d", "e"];
    for title in titles_made {
        say(&alice, title).await;
    }
    app.superuser().await.batch_execute("update conversations set created_at = '2026-01-01'").await.expect("arranged");
    let (mut seen, mut address) = (Vec::new(), Some(format!("{PATH}?limit=2")));
    while let Some(path) = address {
        let page = alice.get(&path).await;
        seen.extend(titles(&page));
        let link = page.header("link").strip_prefix('<').and_then(|link| link.split_once('>'));
        address = link.map(|(address, _)| address.to_owned());
    }
    seen.sort();
    assert_eq!(seen, titles_made);
}

#[tokio::test]
async fn is_for_oneself() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    say(&alice, "Plan my morning").await;
    assert_eq!(titles(&bob.get(PATH).await), [""; 0]);
    assert_eq!(titles(&bob.get("/api/conversations?q=morning").await), [""; 0]);
    app.anon().get(PATH).await.assert_problem(401, "token_missing");
}
