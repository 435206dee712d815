use serde_json::Value;

use super::register_admin;
use crate::app::{Answer, TestApp};

fn names(page: &Answer) -> Vec<String> {
    let users = page.json();
    let users = users.as_array().expect("a list").iter();
    users.map(|user| user["full_name"].as_str().expect("a name").to_owned()).collect()
}

/// The address of the next page, from the `Link` header.
fn next(page: &Answer) -> Option<String> {
    let (address, rest) = page.header("link").strip_prefix('<')?.split_once('>')?;
    assert_eq!(rest, "; rel=\"next\"");
    Some(address.to_owned())
}

#[tokio::test]
async fn shows_administrators_all_users_newest_first() {
    let app = TestApp::start().await;
    let admin = register_admin(&app, "admin").await;
    for name in ["a", "b", "c", "d"] {
        app.register(name).await;
    }
    let page = admin.get("/api/users").await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert_eq!(names(&page), ["d", "c", "b", "a", "admin"]);
    assert_eq!(next(&page), None);
    insta::assert_json_snapshot!(page.json()[0], {
        ".id" => "[id]", ".created_at" => "[time]", ".updated_at" => "[time]",
    });
}

#[tokio::test]
async fn pages_through_ties_without_dropping_or_repeating() {
    let app = TestApp::start().await;
    let admin = register_admin(&app, "admin").await;
    for name in ["a", "b", "c", "d", "e", "f"] {
        app.register(name).await;
    }
    app.superuser().await.execute("update users set created_at = '2026-01-01'", &[]).await.expect("arranged");
    let (mut seen, mut address) = (Vec::new(), Some("/api/users?limit=3".to_owned()));
    while let Some(path) = address {
        let page = admin.get(&path).await;
        seen.extend(names(&page));
        address = next(&page);
    }
    seen.sort();
    assert_eq!(seen, ["a", "admin", "b", "c", "d", "e", "f"]);
    let before = admin.get("/api/users?before=2026-01-01T00:00:00Z").await;
    assert_eq!(before.json(), Value::Array(Vec::new()));
}

#[tokio::test]
async fn is_for_administrators_only() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    alice.get("/api/users").await.assert_problem(403, "admin_only");
    app.anon().get("/api/users").await.assert_problem(401, "token_missing");
}

#[tokio::test]
async fn names_a_wrong_parameter() {
    let app = TestApp::start().await;
    let admin = register_admin(&app, "admin").await;
    admin.get("/api/users?limit=0").await.assert_invalid("limit");
    admin.get("/api/users?before=yesterday").await.assert_invalid("before");
}
