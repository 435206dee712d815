use reqwest::Method;
use serde_json::{Value, json};

use super::recurring::{Scene, show};
use super::send_with;

const PATH: &str = "/api/tasks/away";

fn lines(answer: &Value) -> Vec<String> {
    let line = |one: &Value| {
        let was = one["was_due_date"].as_str().unwrap_or_default();
        format!("{was} {} {}", one["outcome"].as_str().unwrap_or_default(), show(&one["occurrence"]))
    };
    answer.as_array().expect("a list").iter().map(line).collect()
}

async fn daily(scene: &Scene, policy: &str, reschedules: bool) -> Value {
    let body = json!({"preset": "daily", "start": "2030-03-04T09:00", "missed_policy": policy, "auto_reschedule": reschedules});
    scene.recur(policy, &body).await
}

#[tokio::test]
async fn each_is_treated_by_its_own_policy() {
    let scene = Scene::begin().await;
    let (must, latest) = (daily(&scene, "must", false).await, daily(&scene, "latest", false).await);
    let (all, skip) = (daily(&scene, "all", false).await, daily(&scene, "skip", false).await);
    let answer = scene.alice.post(PATH, &json!({"from": "2030-03-05", "to": "2030-03-06"})).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json().as_array().map(Vec::len), Some(8));
    let shown = async |task: &Value| {
        let mut shown = scene.shown(task, "2030-03-07").await.split_off(1);
        shown.sort_unstable();
        shown.join(", ")
    };
    assert_eq!(
        shown(&must).await,
        "2030-03-07 09:00 pending, 2030-03-07 09:00 pending moved, 2030-03-07 09:00 pending moved"
    );
    assert_eq!(shown(&latest).await, "2030-03-05 09:00 skipped, 2030-03-06 09:00 pending, 2030-03-07 09:00 pending");
    assert_eq!(shown(&all).await, "2030-03-05 09:00 pending, 2030-03-06 09:00 pending, 2030-03-07 09:00 pending");
    assert_eq!(shown(&skip).await, "2030-03-05 09:00 skipped, 2030-03-06 09:00 skipped, 2030-03-07 09:00 pending");
}

#[tokio::test]
async fn what_stays_goes_into_free_time_after_it() {
    let preferences = json!({"working_hours": {"start": "08:00", "end": "10:00"}});
    let scene = Scene::begin_with(&preferences).await;
    daily(&scene, "must", true).await;
    let answer =
        scene.alice.post(PATH, &json!({"from": "2030-03-05", "to": "2030-03-08", "policy": "all"})).await.json();
    // 9:00 to 9:30 is taken each day by that day's own.
    let expected = [
        "2030-03-05 moved 2030-03-09 08:00 pending moved",
        "2030-03-06 moved 2030-03-09 08:30 pending moved",
        "2030-03-07 moved 2030-03-09 09:30 pending moved",
        "2030-03-08 moved 2030-03-10 08:00 pending moved",
    ];
    assert_eq!(lines(&answer), expected);
}

#[tokio::test]
async fn is_one_action_that_happens_once_and_can_be_undone() {
    let scene = Scene::begin().await;
    let task = daily(&scene, "skip", false).await;
    let before = scene.shown(&task, "2030-03-10").await;
    let away = json!({"from": "2030-03-05", "to": "2030-03-06", "policy": "must"});
    let send = async || send_with(&scene.alice, Method::POST, PATH, ("Idempotency-Key", "k"), Some(&away)).await;
    let (first, again) = (send().await, send().await);
    assert_eq!((first.status.as_u16(), &first.text), (200, &again.text));
    assert_ne!(scene.shown(&task, "2030-03-10").await, before);
    let changes = scene.alice.get("/api/changes?limit=500").await.json();
    let last = changes.as_array().and_then(|changes| changes.last()).expect("a change");
    let undo = format!("/api/undo/{}", last["action_group"].as_str().expect("an id"));
    assert_eq!(scene.alice.post(&undo, &Value::Null).await.status, 200);
    assert_eq!(scene.shown(&task, "2030-03-10").await, before);
}

#[tokio::test]
async fn what_counts_from_completion_comes_after_it() {
    let scene = Scene::begin().await;
    let body = json!({"preset": "daily", "start": "2030-03-05", "counts_from": "completion"});
    let task = scene.recur("x", &body).await;
    let away = json!({"from": "2030-03-04", "to": "2030-03-20", "policy": "skip"});
    assert_eq!(lines(&scene.alice.post(PATH, &away).await.json()), ["2030-03-05 skipped 2030-03-05 skipped"]);
    assert_eq!(scene.shown(&task, "2030-12-31").await, ["2030-03-05 skipped", "2030-03-21 pending"]);
}

#[tokio::test]
async fn names_the_day_at_fault_and_is_the_users_own() {
    let scene = Scene::begin().await;
    daily(&scene, "all", false).await;
    let post = async |body: Value| scene.alice.post(PATH, &body).await;
    post(json!({"from": "2030-03-05", "to": "2030-03-04"})).await.assert_invalid("/to");
    post(json!({"from": "2030-03-05", "to": "2031-03-06"})).await.assert_invalid("/to");
    post(json!({"from": "2031-03-05", "to": "2031-03-06"})).await.assert_invalid("/to");
    post(json!({"from": "2030-03-05"})).await.assert_invalid("/to");
    post(json!({"from": "then", "to": "2031-03-06"})).await.assert_invalid("/from");
    post(json!({"from": "2030-03-05", "to": "2030-03-05", "policy": "most"})).await.assert_invalid("/policy");
    let away = json!({"from": "2030-03-05", "to": "2030-03-06"});
    let bob = scene.app.register("bob").await;
    assert_eq!(bob.post(PATH, &away).await.json(), json!([]));
    scene.app.anon().post(PATH, &away).await.assert_problem(401, "token_missing");
}
