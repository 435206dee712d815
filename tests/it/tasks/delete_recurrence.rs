use reqwest::Method;
use serde_json::json;

use super::recurring::{Scene, recurrence_of};
use super::{address, delete, send_with};

#[tokio::test]
async fn what_was_touched_stays() {
    let scene = Scene::begin().await;
    let task = scene.recur("x", &json!({"preset": "daily", "start": "2030-03-04T09:00"})).await;
    scene.set(&task, "2030-03-04", "done").await;
    scene.set(&task, "2030-03-05", "skipped").await;
    scene.edit(&task, "2030-03-06", &json!({"scope": "this", "title": "special"})).await;
    let answer = delete(&scene.alice, &recurrence_of(&task)).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (204, ""));
    let expected = ["2030-03-04 09:00 done", "2030-03-05 09:00 skipped", "2030-03-06 09:00 cancelled"];
    assert_eq!(scene.shown(&task, "2030-12-31").await, expected);
    assert_eq!(scene.status(&task).await, "pending", "the task itself stays");
    delete(&scene.alice, &recurrence_of(&task)).await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn deleting_the_task_deletes_all() {
    let scene = Scene::begin().await;
    let task = scene.recur("x", &json!({"preset": "daily"})).await;
    assert_eq!(delete(&scene.alice, &address(&task)).await.status, 204);
    assert_eq!(scene.alice.get("/api/occurrences?from=2030-03-01&to=2030-12-31").await.json(), json!([]));
}

#[tokio::test]
async fn is_the_owners_and_may_be_conditional() {
    let scene = Scene::begin().await;
    let task = scene.recur("x", &json!({"preset": "daily"})).await;
    let path = recurrence_of(&task);
    let bob = scene.app.register("bob").await;
    delete(&bob, &path).await.assert_problem(404, "not_found");
    delete(&scene.app.anon(), &path).await.assert_problem(401, "token_missing");
    let stale = send_with(&scene.alice, Method::DELETE, &path, ("If-Match", "\"stale\""), None).await;
    stale.assert_problem(412, "precondition_failed");
    let key = ("Idempotency-Key", "k");
    assert_eq!(send_with(&scene.alice, Method::DELETE, &path, key, None).await.status, 204);
    assert_eq!(send_with(&scene.alice, Method::DELETE, &path, key, None).await.status, 204, "the same answer again");
}
