use reqwest::Method;
use serde_json::{Value, json};

use super::{
    GOALS, NOBODY, assert_guarded, assert_happens_once, assert_private, delete, goal_at, id_of, make_goal, make_task,
};
use crate::app::TestApp;

#[tokio::test]
async fn leaves_its_tasks_and_the_goals_below_and_can_be_undone() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let year = make_goal(&alice, "year", "year", Value::Null).await;
    let month = make_goal(&alice, "month", "month", json!({"parent_goal_id": year["id"], "description": "d"})).await;
    let week = make_goal(&alice, "week", "week", json!({"parent_goal_id": month["id"]})).await;
    let task = make_task(&alice, "task", json!({"goal_id": month["id"], "status": "done"})).await;
    let task_at = format!("/api/tasks/{}", id_of(&task));
    let paths = [goal_at(&year), goal_at(&month), goal_at(&week), task_at.clone(), GOALS.to_owned()];
    let state = async || {
        let mut all = Vec::new();
        for path in &paths {
            all.push(alice.get(path).await.text);
        }
        all
    };
    let before = state().await;

    let deleted = delete(&alice, &goal_at(&month)).await;
    assert_eq!((deleted.status.as_u16(), deleted.text.as_str()), (204, ""));
    alice.get(&goal_at(&month)).await.assert_problem(404, "not_found");
    assert_eq!(alice.get(&goal_at(&week)).await.json()["parent_goal_id"], Value::Null);
    assert_eq!(alice.get(&task_at).await.json()["goal_id"], Value::Null);
    assert_eq!(alice.get(&goal_at(&year)).await.json()["progress"], 0);

    let undone = alice.post(&format!("/api/undo/{}", deleted.header("action-group")), &Value::Null).await;
    assert_eq!(undone.status, 200, "{}", undone.text);
    assert_eq!(state().await, before);
}

#[tokio::test]
async fn happens_once_and_from_the_state_that_was_seen() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let (one, two) =
        (make_goal(&alice, "one", "week", Value::Null).await, make_goal(&alice, "two", "week", Value::Null).await);
    let other = format!("{GOALS}/{NOBODY}");
    assert_happens_once(&alice, Method::DELETE, &goal_at(&one), &Value::Null, (&other, &Value::Null)).await;
    assert_guarded(&alice, Method::DELETE, &goal_at(&two), &Value::Null).await;
    assert_eq!(alice.get(GOALS).await.text, "[]");
}

#[tokio::test]
async fn is_for_oneself() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let goal = make_goal(&alice, "goal", "week", Value::Null).await;
    assert_private(&alice, &bob, &app.anon(), Method::DELETE, &goal_at(&goal), &Value::Null).await;
    assert_eq!(alice.get(&goal_at(&goal)).await.status, 200);
}
