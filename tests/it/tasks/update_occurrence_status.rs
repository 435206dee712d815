use reqwest::Method;
use serde_json::json;

use super::recurring::{Scene, occurrence_of};
use super::{NOTHING, address, send_with};

#[tokio::test]
async fn each_is_completed_skipped_and_reopened_by_itself() {
    let scene = Scene::begin().await;
    let task = scene.recur("x", &json!({"preset": "daily", "start": "2030-03-04T09:00"})).await;
    let done = scene.set(&task, "2030-03-04", "done").await;
    assert_eq!((&done["status"], &done["completed_at"]), (&json!("done"), &done["updated_at"]));
    scene.set(&task, "2030-03-05", "skipped").await;
    scene.set(&task, "2030-03-06", "in_progress").await;
    let expected = ["2030-03-04 09:00 done", "2030-03-05 09:00 skipped", "2030-03-06 09:00 in_progress"];
    assert_eq!(scene.shown(&task, "2030-03-06").await, expected);
    let open = scene.set(&task, "2030-03-04", "pending").await;
    assert_eq!((&open["status"], &open["completed_at"]), (&json!("pending"), &json!(null)));
    assert_eq!(scene.status(&task).await, "pending", "the task goes on");
}

#[tokio::test]
async fn the_last_one_takes_the_task_along() {
    let mut scene = Scene::begin().await;
    let body = json!({"rule": "FREQ=DAILY;COUNT=3", "start": "2030-03-04T09:00", "exdates": ["2030-03-05"]});
    let task = scene.recur("x", &body).await;
    scene.set(&task, "2030-03-06", "skipped").await;
    assert_eq!(scene.status(&task).await, "pending", "one is open still");
    scene.set(&task, "2030-03-04", "done").await;
    assert_eq!(scene.status(&task).await, "done");
    scene.set(&task, "2030-03-06", "pending").await;
    assert_eq!(scene.status(&task).await, "pending", "it is open again");
    scene.pass_days(1).await;
    assert_eq!(scene.tend().await.created, 0);
    scene.set(&task, "2030-03-06", "done").await;
    assert_eq!(scene.status(&task).await, "done");
    assert_eq!(scene.shown(&task, "2030-12-31").await, ["2030-03-04 09:00 done", "2030-03-06 09:00 done"]);
}

#[tokio::test]
async fn what_counts_from_completion_has_one_at_a_time() {
    let mut scene = Scene::begin().await;
    let body = json!({"rule": "FREQ=DAILY;INTERVAL=3;COUNT=4", "start": "2030-03-05T18:30", "counts_from": "completion",
                      "time_zone": "America/New_York", "missed_policy": "all", "auto_reschedule": false});
    let task = scene.recur("Water the cactus", &body).await;
    assert_eq!(scene.shown(&task, "2030-12-31").await, ["2030-03-05 18:30 pending"]);
    // Done three days late, past a change of the clocks: the wall clock's time is kept.
    scene.pass_days(4).await;
    scene.tend().await;
    scene.set(&task, "2030-03-05", "done").await;
    let next = scene.on(&task, "2030-03-11").await;
    assert_eq!((&next["due_time"], &next["starts_at"]), (&json!("18:30:00"), &json!("2030-03-11T22:30:00Z")));
    // Reopened: the next one goes, and comes again.
    scene.set(&task, "2030-03-05", "pending").await;
    assert_eq!(scene.shown(&task, "2030-12-31").await, ["2030-03-05 18:30 pending"]);
    scene.set(&task, "2030-03-05", "skipped").await;
    // Done before it is due: the next one is counted from then, but is another one.
    scene.set(&task, "2030-03-11", "done").await;
    let expected = ["2030-03-05 18:30 skipped", "2030-03-11 18:30 done", "2030-03-14 18:30 pending"];
    assert_eq!(scene.shown(&task, "2030-12-31").await, expected);
    scene.set(&task, "2030-03-14", "done").await;
    scene.set(&task, "2030-03-17", "done").await;
    assert_eq!(scene.occurrences(&task, "2030-12-31").await.len(), 4, "COUNT holds");
    assert_eq!(scene.status(&task).await, "done");
}

#[tokio::test]
async fn completed_by_many_at_once_there_is_one_next() {
    let scene = Scene::begin().await;
    let body = json!({"preset": "daily", "start": "2030-03-04", "counts_from": "completion"});
    let task = scene.recur("x", &body).await;
    let path = format!("{}/status", occurrence_of(&scene.on(&task, "2030-03-04").await));
    let done = json!({"status": "done"});
    let answers = futures_util::future::join_all((0..6).map(|_| scene.alice.put(&path, &done))).await;
    assert!(answers.windows(2).all(|pair| pair[0].status == 200 && pair[0].text == pair[1].text));
    assert_eq!(scene.shown(&task, "2030-12-31").await, ["2030-03-04 done", "2030-03-05 pending"]);
}

#[tokio::test]
async fn a_next_one_that_was_begun_is_not_taken_back() {
    let scene = Scene::begin().await;
    let body = json!({"preset": "daily", "start": "2030-03-04", "counts_from": "completion"});
    let task = scene.recur("x", &body).await;
    let first = scene.set(&task, "2030-03-04", "done").await;
    scene.set(&task, "2030-03-05", "in_progress").await;
    let path = format!("{}/status", occurrence_of(&first));
    scene.alice.put(&path, &json!({"status": "pending"})).await.assert_problem(409, "next_begun");
    assert_eq!(scene.shown(&task, "2030-12-31").await, ["2030-03-04 done", "2030-03-05 in_progress"]);
}

#[tokio::test]
async fn refuses_what_comes_by_itself_and_hides_from_others() {
    let scene = Scene::begin().await;
    let task = scene.recur("x", &json!({"preset": "daily"})).await;
    let other = scene.recur("y", &json!({"preset": "daily"})).await;
    let occurrence = scene.on(&task, "2030-03-04").await;
    let path = format!("{}/status", occurrence_of(&occurrence));
    for status in ["missed", "cancelled", "archived"] {
        scene.alice.put(&path, &json!({"status": status})).await.assert_invalid("/status");
    }
    scene.alice.put(&path, &json!({})).await.assert_invalid("/status");
    let done = json!({"status": "done"});
    let bob = scene.app.register("bob").await;
    bob.put(&path, &done).await.assert_problem(404, "not_found");
    scene.app.anon().put(&path, &done).await.assert_problem(401, "token_missing");
    let of_other = format!("{}/occurrences/{}/status", address(&other), occurrence["id"].as_str().expect("an id"));
    scene.alice.put(&of_other, &done).await.assert_problem(404, "not_found");
    let nothing = format!("{}/occurrences/{NOTHING}/status", address(&task));
    scene.alice.put(&nothing, &done).await.assert_problem(404, "not_found");
    let send = async || send_with(&scene.alice, Method::PUT, &path, ("Idempotency-Key", "k"), Some(&done)).await;
    let (first, again) = (send().await, send().await);
    assert_eq!((first.status.as_u16(), &first.text), (200, &again.text));
    assert_eq!(again.header("idempotency-replayed"), "true");
}
