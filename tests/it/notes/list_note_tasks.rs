use serde_json::json;

use super::{NOTHING, PATH, address, check_box, create, id, next, titles};
use crate::app::TestApp;

#[tokio::test]
async fn shows_those_of_check_boxes_and_those_that_mention_it() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let note = create(&alice, &json!({"content": [check_box("a", "Call", true)]})).await;
    let other = create(&alice, &json!({"content": [check_box("a", "Other", false)]})).await;
    let mention = format!("See https://app.example/notes/{}.", id(&note).to_uppercase());
    for body in [json!({"title": "Read", "description": mention}), json!({"title": "Rest"})] {
        assert_eq!(alice.post("/api/tasks", &body).await.status, 201);
    }
    let path = format!("{}/tasks", address(&note));
    let page = alice.get(&path).await;
    assert_eq!(titles(&page), ["Read", "Call"]);
    insta::assert_json_snapshot!(page.json()[1], {
        ".id" => "[id]", ".source_reference" => "[reference]", ".completed_at" => "[time]", ".created_at" => "[time]",
        ".updated_at" => "[time]",
    });
    assert_eq!(page.json()[1]["source_reference"], format!("{}#a", id(&note)));
    assert_eq!(titles(&alice.get(&format!("{}/tasks", address(&other))).await), ["Other"]);
    let first = alice.get(&format!("{path}?limit=1")).await;
    assert_eq!(titles(&first), ["Read"]);
    let second = alice.get(&next(&first).expect("a next page")).await;
    assert_eq!((titles(&second), next(&second)), (vec!["Call".to_owned()], None));
}

#[tokio::test]
async fn is_for_oneself() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let note = create(&alice, &json!({"content": [check_box("a", "Call", true)]})).await;
    let path = format!("{}/tasks", address(&note));
    bob.get(&path).await.assert_problem(404, "not_found");
    alice.get(&format!("{PATH}/{NOTHING}/tasks")).await.assert_problem(404, "not_found");
    app.anon().get(&path).await.assert_problem(401, "token_missing");
    alice.get(&format!("{path}?limit=0")).await.assert_invalid("limit");
}
