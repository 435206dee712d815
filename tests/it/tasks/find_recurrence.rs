use serde_json::json;

use super::NOTHING;
use super::recurring::{Scene, recurrence_of};

#[tokio::test]
async fn finds_how_a_task_recurs() {
    let scene = Scene::begin().await;
    let body = json!({"rule": "RRULE:FREQ=MONTHLY;BYDAY=-1FR,2MO;COUNT=10", "start": "2030-03-11", "counts_from": "completion",
                      "missed_policy": "must", "auto_reschedule": false, "time_zone": "Europe/Berlin"});
    let task = scene.recur("Report", &body).await;
    let found = scene.alice.get(&recurrence_of(&task)).await;
    assert_eq!(found.status, 200, "{}", found.text);
    insta::assert_json_snapshot!(found.json(), {".id" => "[id]", ".task_id" => "[task]", ".created_at" => "[time]", ".updated_at" => "[time]"});
}

#[tokio::test]
async fn is_the_owners() {
    let scene = Scene::begin().await;
    let task = scene.recur("x", &json!({"preset": "daily"})).await;
    let bob = scene.app.register("bob").await;
    bob.get(&recurrence_of(&task)).await.assert_problem(404, "not_found");
    scene.app.anon().get(&recurrence_of(&task)).await.assert_problem(401, "token_missing");
    scene.alice.get(&format!("/api/tasks/{NOTHING}/recurrence")).await.assert_problem(404, "not_found");
    scene.alice.get("/api/tasks/x/recurrence").await.assert_problem(404, "not_found");
}
