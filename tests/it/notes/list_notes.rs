use serde_json::json;

use super::{NOTHING, PATH, create, id, next, paragraph, titles};
use crate::app::TestApp;

#[tokio::test]
async fn shows_them_newest_first_without_their_content() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    create(&alice, &json!({"title": "First"})).await;
    let text = format!("Monday {}", "x".repeat(300));
    create(&alice, &json!({"title": "Second", "content": [paragraph("a", &text)]})).await;
    let page = alice.get(PATH).await;
    assert_eq!(titles(&page), ["Second", "First"]);
    insta::assert_json_snapshot!(page.json(), {
        "[].id" => "[id]", "[].created_at" => "[time]", "[].updated_at" => "[time]",
    });
    let whole = alice.get(&format!("{PATH}?content=true")).await.json();
    assert_eq!((&whole[0]["content"][0]["id"], &whole[1]["content"]), (&json!("a"), &json!([])));
}

#[tokio::test]
async fn filters() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let top = create(&alice, &json!({"title": "top", "is_pinned": true})).await;
    let child = create(&alice, &json!({"title": "child", "parent_id": id(&top)})).await;
    create(&alice, &json!({"title": "grandchild", "parent_id": id(&child)})).await;
    create(&alice, &json!({"title": "old", "is_archived": true, "is_pinned": true})).await;
    for (query, expected) in [
        ("", vec!["grandchild", "child", "top"]),
        ("is_archived=true", vec!["old"]),
        ("is_pinned=true", vec!["top"]),
        ("is_pinned=false", vec!["grandchild", "child"]),
        ("is_pinned=true&is_archived=true", vec!["old"]),
        ("parent_id=none", vec!["top"]),
        (&format!("parent_id={}", id(&top)), vec!["child"]),
        (&format!("parent_id={NOTHING}"), vec![]),
        ("q=child", vec!["child"]),
        (&format!("q=child&parent_id={}", id(&top)), vec!["child"]),
        ("q=child&parent_id=none", vec![]),
        ("q=old", vec![]),
        ("q=old&is_archived=true", vec!["old"]),
        ("q=top&is_pinned=false", vec![]),
    ] {
        assert_eq!(titles(&alice.get(&format!("{PATH}?{query}")).await), expected, "{query}");
    }
    for (query, name) in [
        ("parent_id=top", "parent_id"),
        ("is_archived=maybe", "is_archived"),
        ("is_pinned=2", "is_pinned"),
        ("limit=101", "limit"),
        (&format!("q={}", "x".repeat(501)), "q"),
    ] {
        alice.get(&format!("{PATH}?{query}")).await.assert_invalid(name);
    }
}

#[tokio::test]
async fn pages_through_ties() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    for title in ["a note", "b note", "c note", "d note", "e note"] {
        create(&alice, &json!({"title": title})).await;
    }
    app.superuser().await.batch_execute("update notes set created_at = '2026-01-01'").await.expect("arranged");
    for query in ["limit=2", "limit=2&q=note", "limit=2&content=true"] {
        let (mut seen, mut address) = (Vec::new(), Some(format!("{PATH}?{query}")));
        while let Some(path) = address {
            let page = alice.get(&path).await;
            seen.extend(titles(&page));
            address = next(&page);
        }
        seen.sort();
        assert_eq!(seen, ["a note", "b note", "c note", "d note", "e note"], "{query}");
    }
}

#[tokio::test]
async fn a_page_with_content_ends_before_it_is_too_large() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let text = "x".repeat(1024 * 1000);
    for title in ["1", "2", "3", "4", "5", "6"] {
        create(&alice, &json!({"title": title, "content": [paragraph("a", &text)]})).await;
    }
    let page = alice.get(&format!("{PATH}?content=true")).await;
    assert_eq!(titles(&page), ["6", "5", "4", "3"]);
    let rest = alice.get(&next(&page).expect("a next page")).await;
    assert_eq!((titles(&rest), next(&rest)), (vec!["2".to_owned(), "1".to_owned()], None));
    assert_eq!(titles(&alice.get(PATH).await).len(), 6);
}

#[tokio::test]
async fn is_for_oneself() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let note = create(&alice, &json!({"title": "secret"})).await;
    for query in ["", "q=secret", "content=true", &format!("parent_id={}", id(&note))] {
        assert_eq!(bob.get(&format!("{PATH}?{query}")).await.json(), json!([]), "{query}");
    }
    app.anon().get(PATH).await.assert_problem(401, "token_missing");
}
