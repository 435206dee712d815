use reqwest::Method;
use serde_json::{Value, json};

use super::recurring::{Scene, recurrence_of};
use super::{NOTHING, address, create, send_with};
use crate::app::TestApp;

#[tokio::test]
async fn makes_a_task_recur() {
    let scene = Scene::begin().await;
    let task = create(&scene.alice, &json!({"title": "Water the plants"})).await;
    let body = json!({"preset": "daily", "start": "2030-03-04T09:00", "time_zone": "america/new_york"});
    let answer = scene.alice.put(&recurrence_of(&task), &body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    insta::assert_json_snapshot!(answer.json(), {".id" => "[id]", ".task_id" => "[task]", ".created_at" => "[time]", ".updated_at" => "[time]"});
    let found = scene.alice.get(&recurrence_of(&task)).await;
    assert_eq!((found.text.as_str(), found.header("etag")), (answer.text.as_str(), answer.header("etag")));
    let days = ["2030-03-04 09:00 pending", "2030-03-05 09:00 pending", "2030-03-06 09:00 pending"];
    assert_eq!(scene.shown(&task, "2030-03-06").await, days);
}

#[tokio::test]
async fn begins_when_the_task_is_due_in_the_users_zone() {
    let scene = Scene::begin_with(&json!({"time_zone": "Asia/Tokyo"})).await;
    let due = json!({"title": "Stretch", "due_date": "2030-03-05", "due_time": "07:30"});
    let task = create(&scene.alice, &due).await;
    let answer = scene.alice.put(&recurrence_of(&task), &json!({"preset": "weekly"})).await.json();
    assert_eq!((&answer["start"], &answer["time_zone"]), (&json!("2030-03-05T07:30:00"), &json!("Asia/Tokyo")));
    let undated = create(&scene.alice, &json!({"title": "Rest"})).await;
    let answer = scene.alice.put(&recurrence_of(&undated), &json!({"rule": "FREQ=WEEKLY;BYDAY=SU"})).await.json();
    assert_eq!((&answer["start"], &answer["all_day"]), (&json!("2030-03-04"), &json!(true)));
    assert_eq!(answer["preset"], "custom");
    assert_eq!(scene.shown(&undated, "2030-03-12").await, ["2030-03-10 pending"]);
}

#[tokio::test]
async fn keeps_the_wall_clock_where_clocks_change() {
    let scene = Scene::begin().await;
    let body = json!({"preset": "daily", "start": "2030-03-08T02:30", "time_zone": "America/New_York"});
    let task = scene.recur("Back up", &body).await;
    let all = scene.occurrences(&task, "2030-03-12").await;
    let times: Vec<_> = all.iter().map(|one| (one["due_time"].clone(), one["starts_at"].clone())).collect();
    let expected = [
        "2030-03-08T07:30:00Z",
        "2030-03-09T07:30:00Z",
        "2030-03-10T07:30:00Z",
        "2030-03-11T06:30:00Z",
        "2030-03-12T06:30:00Z",
    ];
    assert_eq!(times, expected.map(|at| (json!("02:30:00"), json!(at))));
}

#[tokio::test]
async fn changes_what_is_sent_and_keeps_what_was_touched() {
    let scene = Scene::begin().await;
    let body = json!({"preset": "daily", "start": "2030-03-04T09:00", "time_zone": "Europe/Berlin",
                      "exdates": ["2030-03-06", "2030-03-06T09:00"], "rdates": ["2030-03-05T18:00"]});
    let task = scene.recur("Write", &body).await;
    scene.set(&task, "2030-03-04", "done").await;
    scene.edit(&task, "2030-03-07", &json!({"scope": "this", "due_time": "11:00"})).await;
    let changed = scene.alice.put(&recurrence_of(&task), &json!({"rule": "FREQ=DAILY;INTERVAL=2"})).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    let changed = changed.json();
    assert_eq!(
        (&changed["rdates"], &changed["exdates"]),
        (&json!(["2030-03-05T18:00:00"]), &json!(["2030-03-06T09:00:00"]))
    );
    let expected = [
        "2030-03-04 09:00 done",
        "2030-03-05 18:00 pending",
        "2030-03-07 11:00 pending moved",
        "2030-03-08 09:00 pending",
    ];
    assert_eq!(scene.shown(&task, "2030-03-09").await, expected);
    let same = scene.alice.put(&recurrence_of(&task), &json!({"missed_policy": "latest"})).await;
    assert_eq!(same.json(), changed, "nothing was to be changed");
}

#[tokio::test]
async fn names_the_part_at_fault() {
    let scene = Scene::begin().await;
    let task = create(&scene.alice, &json!({"title": "x"})).await;
    let refuse = async |body: Value, pointer: &str, detail: &str| {
        let answer = scene.alice.put(&recurrence_of(&task), &body).await;
        answer.assert_invalid(pointer);
        let problem = answer.json();
        assert!(problem["errors"][0]["detail"].as_str().is_some_and(|text| text.contains(detail)), "{problem}");
    };
    refuse(json!({}), "/rule", "needs a rule").await;
    refuse(json!({"preset": "custom"}), "/rule", "needs a rule").await;
    refuse(json!({"rule": "FREQ=DAILY;BYMONTH=13"}), "/rule", "BYMONTH: \"13\" is not a number from 1 to 12.").await;
    refuse(json!({"rule": "FREQ=DAILY;BYWEEKNO=1"}), "/rule", "BYWEEKNO: is only for FREQ=YEARLY.").await;
    refuse(json!({"rule": "FREQ=HOURLY", "start": "2030-03-04"}), "/rule", "FREQ: whole days").await;
    refuse(json!({"rule": "FREQ=MINUTELY", "start": "2030-03-04T09:00"}), "/rule", "more than 1000 times in 90 days")
        .await;
    refuse(json!({"rule": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"}), "/rule", "It never comes.").await;
    refuse(json!({"preset": "weekly", "rule": "FREQ=DAILY"}), "/preset", "custom exactly when").await;
    refuse(json!({"preset": "daily", "time_zone": "Mars/Base"}), "/time_zone", "IANA").await;
    refuse(json!({"preset": "daily", "start": "2030-03-04T09:00Z"}), "/start", "local time").await;
    refuse(json!({"preset": "daily", "rdates": ["soon"]}), "/rdates/0", "local time").await;
    refuse(json!({"preset": "daily", "counts_from": "completion", "rdates": ["2030-03-05"]}), "/rdates", "completion")
        .await;
    refuse(json!({"preset": "daily", "missed_policy": "never"}), "/missed_policy", "").await;
    refuse(json!({"preset": "daily", "rule": null}), "/rule", "").await;
    refuse(json!({"preset": "daily", "exdates": vec!["2030-03-05"; 1_001]}), "/exdates", "more than 1000 dates").await;
    let path = recurrence_of(&task);
    scene.alice.get(&path).await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn only_the_state_that_was_read_is_changed() {
    let scene = Scene::begin().await;
    let task = scene.recur("x", &json!({"preset": "daily"})).await;
    let path = recurrence_of(&task);
    let tag = scene.alice.get(&path).await.header("etag").to_owned();
    let send = async |tag: &str, rule: &str| {
        let body = json!({"rule": rule});
        send_with(&scene.alice, Method::PUT, &path, ("If-Match", tag), Some(&body)).await
    };
    let changed = send(&tag, "FREQ=WEEKLY").await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    send(&tag, "FREQ=DAILY").await.assert_problem(412, "precondition_failed");
    assert_eq!(send(changed.header("etag"), "FREQ=DAILY").await.status, 200);
}

#[tokio::test]
async fn the_same_key_writes_once() {
    let scene = Scene::begin().await;
    let task = create(&scene.alice, &json!({"title": "x"})).await;
    let path = recurrence_of(&task);
    let send =
        async |body: Value| send_with(&scene.alice, Method::PUT, &path, ("Idempotency-Key", "k"), Some(&body)).await;
    let first = send(json!({"preset": "daily"})).await;
    let again = send(json!({"preset": "daily"})).await;
    assert_eq!((again.status, &again.text), (first.status, &first.text));
    send(json!({"preset": "weekly"})).await.assert_problem(422, "idempotency_key_reused");
}

#[tokio::test]
async fn closed_tasks_and_those_of_others_do_not_recur() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let task = create(&alice, &json!({"title": "x"})).await;
    let path = recurrence_of(&task);
    bob.put(&path, &json!({"preset": "daily"})).await.assert_problem(404, "not_found");
    app.anon().put(&path, &json!({"preset": "daily"})).await.assert_problem(401, "token_missing");
    let nothing = format!("/api/tasks/{NOTHING}/recurrence");
    alice.put(&nothing, &json!({"preset": "daily"})).await.assert_problem(404, "not_found");
    alice.put(&format!("{}/status", address(&task)), &json!({"status": "done"})).await;
    alice.put(&path, &json!({"preset": "daily"})).await.assert_problem(409, "task_closed");
}

#[tokio::test]
async fn making_it_recur_is_one_action_that_can_be_undone() {
    let scene = Scene::begin().await;
    let task = scene.recur("x", &json!({"preset": "daily"})).await;
    let changes = scene.alice.get("/api/changes?limit=500").await.json();
    let changes = changes.as_array().expect("a list");
    let made = changes.iter().find(|change| change["entity"] == "recurrence").expect("it is in the log");
    let group = made["action_group"].as_str().expect("an id");
    let of_group = changes.iter().filter(|change| change["action_group"] == group && change["entity"] == "occurrence");
    assert_eq!(of_group.count(), 98, "97 days ahead and today");
    let undone = scene.alice.post(&format!("/api/undo/{group}"), &Value::Null).await;
    assert_eq!(undone.status, 200, "{}", undone.text);
    scene.alice.get(&recurrence_of(&task)).await.assert_problem(404, "not_found");
    assert!(scene.occurrences(&task, "2030-12-31").await.is_empty());
}
