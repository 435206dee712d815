use serde_json::{Value, json};

use super::{NOTHING, PATH, address, create, id};
use crate::app::TestApp;

/// Titles as `a(b,c(d))`.
fn shape(node: &Value) -> String {
    let subtasks: Vec<String> = node["subtasks"].as_array().expect("a list").iter().map(shape).collect();
    let title = node["title"].as_str().expect("a title");
    if subtasks.is_empty() { title.to_owned() } else { format!("{title}({})", subtasks.join(",")) }
}

#[tokio::test]
async fn shows_what_is_below_in_order() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let mut ids = std::collections::HashMap::new();
    for (title, parent) in
        [("a", ""), ("b", "a"), ("x", ""), ("c", "a"), ("d", "b"), ("e", "c"), ("f", "b"), ("g", "d")]
    {
        let task = create(&alice, &json!({"title": title, "parent_id": ids.get(parent)})).await;
        ids.insert(title, id(&task).to_owned());
    }
    alice.put(&format!("{PATH}/{}/status", ids["c"]), &json!({"status": "archived"})).await;
    let tree = alice.get(&format!("{PATH}/{}/tree", ids["a"])).await.json();
    assert_eq!((shape(&tree["root"]).as_str(), &tree["is_cut"]), ("a(b(d(g),f),c(e))", &json!(false)));
    insta::assert_json_snapshot!(alice.get(&format!("{PATH}/{}/tree", ids["c"])).await.json(), {
        ".**.id" => "[id]", ".**.parent_id" => "[id]", ".**.created_at" => "[time]", ".**.updated_at" => "[time]",
    });
}

#[tokio::test]
async fn leaves_out_the_lowest_of_too_many() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let top = create(&alice, &json!({"title": "top"})).await;
    let first = create(&alice, &json!({"title": "first", "parent_id": id(&top)})).await;
    let superuser = app.superuser().await;
    let sql = format!(
        "insert into tasks (id, user_id, parent_id, title, created_at, updated_at)
         select gen_random_uuid(), '{}', p, 'n', now(), now() from unnest('{{{},{}}}'::uuid[]) p, generate_series(1, 997)",
        alice.id(),
        id(&top),
        id(&first)
    );
    superuser.batch_execute(&sql).await.expect("arranged");
    let tree = alice.get(&format!("{}/tree", address(&top))).await.json();
    assert_eq!(tree["is_cut"], json!(true));
    assert_eq!(tree["root"]["subtasks"].as_array().map(Vec::len), Some(998), "the level above is whole");
    assert_eq!(tree["root"]["subtasks"][0]["subtasks"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn is_for_oneself() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let path = format!("{}/tree", address(&create(&alice, &json!({"title": "Buy milk"})).await));
    bob.get(&path).await.assert_problem(404, "not_found");
    app.anon().get(&path).await.assert_problem(401, "token_missing");
    alice.get(&format!("{PATH}/{NOTHING}/tree")).await.assert_problem(404, "not_found");
}
