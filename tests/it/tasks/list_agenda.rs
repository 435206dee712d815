use serde_json::{Value, json};

use super::address;
use super::recurring::{Scene, show};

const PATH: &str = "/api/occurrences";

#[tokio::test]
async fn shows_all_that_is_due_in_order() {
    let scene = Scene::begin_with(&json!({"time_zone": "America/New_York"})).await;
    let morning = json!({"preset": "daily", "start": "2030-03-04T09:00"});
    let run = scene.recur("Run", &morning).await;
    scene
        .recur("Call home", &json!({"preset": "weekly", "start": "2030-03-05T18:00", "time_zone": "Europe/Berlin"}))
        .await;
    scene.recur("Rest", &json!({"rule": "FREQ=WEEKLY;BYDAY=WE", "start": "2030-03-04"})).await;
    scene.edit(&run, "2030-03-06", &json!({"scope": "this", "title": "Run far", "due_time": "07:00"})).await;
    let agenda = scene.alice.get(&format!("{PATH}?to=2030-03-06")).await;
    assert_eq!(agenda.status, 200, "{}", agenda.text);
    let line = |one: &Value| {
        let title = one["title"].as_str().or(one["task"]["title"].as_str()).expect("a title");
        format!("{} {title}", show(one))
    };
    let lines: Vec<_> = agenda.json().as_array().expect("a list").iter().map(line).collect();
    let expected = [
        "2030-03-04 09:00 pending Run",
        "2030-03-05 09:00 pending Run",
        // 18:00 in Berlin is noon in New York.
        "2030-03-05 18:00 pending Call home",
        "2030-03-06 pending Rest",
        "2030-03-06 07:00 pending moved Run far",
    ];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn closed_tasks_show_what_was_and_not_what_would_be() {
    let scene = Scene::begin().await;
    let task = scene.recur("x", &json!({"preset": "daily", "start": "2030-03-04T09:00"})).await;
    scene.set(&task, "2030-03-04", "done").await;
    let put = async |status: &str| {
        let answer = scene.alice.put(&format!("{}/status", address(&task)), &json!({"status": status})).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    };
    let shown = async || {
        let agenda = scene.alice.get(&format!("{PATH}?from=2030-03-04&to=2030-03-06")).await.json();
        agenda.as_array().expect("a list").iter().map(show).collect::<Vec<_>>()
    };
    put("cancelled").await;
    assert_eq!(shown().await, ["2030-03-04 09:00 done"]);
    put("pending").await;
    assert_eq!(shown().await, ["2030-03-04 09:00 done", "2030-03-05 09:00 pending", "2030-03-06 09:00 pending"]);
}

#[tokio::test]
async fn is_the_users_own() {
    let scene = Scene::begin().await;
    scene.recur("x", &json!({"preset": "daily"})).await;
    let bob = scene.app.register("bob").await;
    assert_eq!(bob.get(PATH).await.json(), json!([]));
    scene.app.anon().get(PATH).await.assert_problem(401, "token_missing");
    scene.alice.get(&format!("{PATH}?from=today")).await.assert_invalid("from");
    scene.alice.get(&format!("{PATH}?before=x")).await.assert_problem(422, "invalid");
}
