use reqwest::Method;
use serde_json::{Value, json};

use super::recurring::{Scene, occurrence_of, recurrence_of};
use super::{NOTHING, address, send_with};

async fn weekdays(scene: &Scene) -> Value {
    let body = json!({"rule": "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;COUNT=10", "start": "2030-03-04T09:00",
                      "time_zone": "America/New_York"});
    scene.recur("Stand up", &body).await
}

#[tokio::test]
async fn this_one_alone() {
    let scene = Scene::begin().await;
    let task = weekdays(&scene).await;
    let change = json!({"scope": "this", "title": "Stand up, long", "priority": "high", "estimate_minutes": 90,
                        "due_date": "2030-03-10", "due_time": "02:30"});
    let edited = scene.edit(&task, "2030-03-05", &change).await;
    insta::assert_json_snapshot!(edited["occurrence"], {".id" => "[id]", ".task_id" => "[task]", ".created_at" => "[time]", ".updated_at" => "[time]"});
    assert_eq!(edited["task"]["title"], "Stand up");
    let shown = scene.shown(&task, "2030-03-11").await;
    assert_eq!(shown.len(), 6);
    assert!(shown.contains(&"2030-03-10 02:30 pending moved".to_owned()), "{shown:?}");
    let back = json!({"scope": "this", "title": null, "priority": null, "estimate_minutes": null, "description": null,
                      "due_date": "2030-03-05", "due_time": "09:00"});
    let back = scene.edit(&task, "2030-03-05", &back).await;
    assert_eq!((&back["occurrence"]["moved"], &back["occurrence"]["title"]), (&json!(false), &json!(null)));
}

#[tokio::test]
async fn this_and_those_that_follow() {
    let scene = Scene::begin().await;
    let task = weekdays(&scene).await;
    scene.set(&task, "2030-03-04", "done").await;
    scene.set(&task, "2030-03-08", "done").await;
    let change = json!({"scope": "following", "title": "Sit down", "due_time": "10:15"});
    let edited = scene.edit(&task, "2030-03-06", &change).await;
    let new = &edited["task"];
    assert_ne!(new["id"], task["id"]);
    assert_eq!((&new["title"], &new["status"]), (&json!("Sit down"), &json!("pending")));
    assert_eq!(edited["recurrence"]["rule"], "FREQ=WEEKLY;COUNT=8;BYDAY=MO,TU,WE,TH,FR");
    assert_eq!(edited["recurrence"]["exdates"], json!(["2030-03-08T10:15:00"]), "that one is done already");
    assert_eq!(edited["occurrence"]["original_start"], "2030-03-06T10:15:00");
    let old = scene.alice.get(&recurrence_of(&task)).await.json();
    assert_eq!(old["rule"], "FREQ=WEEKLY;UNTIL=20300306T085959;BYDAY=MO,TU,WE,TH,FR");
    let kept = ["2030-03-04 09:00 done", "2030-03-05 09:00 pending", "2030-03-08 09:00 done"];
    assert_eq!(scene.shown(&task, "2030-12-31").await, kept);
    let expected: Vec<String> =
        ["06", "07", "11", "12", "13", "14", "15"].iter().map(|day| format!("2030-03-{day} 10:15 pending")).collect();
    assert_eq!(scene.shown(new, "2030-12-31").await, expected);
    // Nothing is left open of the old one.
    scene.set(&task, "2030-03-05", "done").await;
    assert_eq!(scene.status(&task).await, "done");
    assert_eq!(scene.status(new).await, "pending");
}

#[tokio::test]
async fn all_of_them() {
    let scene = Scene::begin().await;
    let task = weekdays(&scene).await;
    scene.set(&task, "2030-03-04", "done").await;
    scene.edit(&task, "2030-03-07", &json!({"scope": "this", "due_time": "16:00"})).await;
    // A day later at 8: Monday to Friday becomes Tuesday to Saturday.
    let change = json!({"scope": "all", "title": "Sit down", "due_date": "2030-03-06", "due_time": "08:00"});
    let edited = scene.edit(&task, "2030-03-05", &change).await;
    assert_eq!((&edited["task"]["id"], &edited["task"]["title"]), (&task["id"], &json!("Sit down")));
    assert_eq!(edited["recurrence"]["rule"], "FREQ=WEEKLY;COUNT=10;BYDAY=TU,WE,TH,FR,SA");
    assert_eq!(edited["recurrence"]["start"], "2030-03-05T08:00:00");
    assert_eq!(edited["occurrence"]["original_start"], "2030-03-06T08:00:00");
    let shown = scene.shown(&task, "2030-03-12").await;
    let expected = [
        "2030-03-04 09:00 done",
        "2030-03-06 08:00 pending",
        "2030-03-07 08:00 pending",
        "2030-03-07 16:00 pending moved",
        "2030-03-09 08:00 pending",
        "2030-03-12 08:00 pending",
    ];
    assert_eq!(shown, expected, "Monday's was done and Thursday's moved by itself: they do not come a day later, too");
}

#[tokio::test]
async fn whole_days_and_times_turn_into_each_other() {
    let scene = Scene::begin().await;
    let task = scene.recur("x", &json!({"rule": "FREQ=DAILY;COUNT=3", "start": "2030-03-04T09:00"})).await;
    let edited = scene.edit(&task, "2030-03-04", &json!({"scope": "all", "due_time": null})).await;
    assert_eq!(
        (&edited["recurrence"]["start"], &edited["recurrence"]["all_day"]),
        (&json!("2030-03-04"), &json!(true))
    );
    assert_eq!(
        scene.shown(&task, "2030-12-31").await,
        ["2030-03-04 pending", "2030-03-05 pending", "2030-03-06 pending"]
    );
    let edited = scene.edit(&task, "2030-03-06", &json!({"scope": "following", "due_time": "07:00"})).await;
    assert_eq!(scene.shown(&task, "2030-12-31").await, ["2030-03-04 pending", "2030-03-05 pending"]);
    assert_eq!(scene.shown(&edited["task"], "2030-12-31").await, ["2030-03-06 07:00 pending"]);
}

#[tokio::test]
async fn what_it_had_of_its_own_goes_along() {
    let scene = Scene::begin().await;
    let task = weekdays(&scene).await;
    let own = json!({"scope": "this", "title": "Stand up, long", "priority": "high", "due_time": "09:30"});
    scene.edit(&task, "2030-03-06", &own).await;
    scene.set(&task, "2030-03-06", "in_progress").await;
    let edited = scene.edit(&task, "2030-03-06", &json!({"scope": "following", "title": "Sit down"})).await;
    let occurrence = &edited["occurrence"];
    assert_eq!((&occurrence["title"], &occurrence["priority"]), (&json!(null), &json!("high")), "{edited}");
    assert_eq!((&occurrence["status"], &occurrence["due_time"]), (&json!("in_progress"), &json!("09:30:00")));
    assert_eq!(scene.shown(&edited["task"], "2030-03-07").await.len(), 2);
}

#[tokio::test]
async fn all_from_a_past_one_on() {
    let mut scene = Scene::begin().await;
    let body =
        json!({"preset": "daily", "start": "2030-03-04T09:00", "missed_policy": "all", "auto_reschedule": false});
    let task = scene.recur("x", &body).await;
    scene.pass_days(3).await;
    scene.edit(&task, "2030-03-05", &json!({"scope": "all", "due_time": "10:00"})).await;
    let expected = [
        "2030-03-04 09:00 pending",
        "2030-03-05 10:00 pending",
        "2030-03-06 10:00 pending",
        "2030-03-07 10:00 pending",
        "2030-03-08 10:00 pending",
    ];
    assert_eq!(scene.shown(&task, "2030-03-08").await, expected);
}

#[tokio::test]
async fn all_of_what_counts_from_completion_is_this_one_and_the_time_of_day() {
    let scene = Scene::begin().await;
    let body = json!({"rule": "FREQ=DAILY;INTERVAL=3", "start": "2030-03-04T09:00", "counts_from": "completion"});
    let task = scene.recur("x", &body).await;
    scene.set(&task, "2030-03-04", "done").await;
    let change = json!({"scope": "all", "title": "y", "due_date": "2030-03-08", "due_time": "18:00"});
    let edited = scene.edit(&task, "2030-03-07", &change).await;
    assert_eq!(
        (&edited["task"]["title"], &edited["recurrence"]["start"]),
        (&json!("y"), &json!("2030-03-04T18:00:00"))
    );
    assert_eq!(scene.shown(&task, "2030-12-31").await, ["2030-03-04 09:00 done", "2030-03-08 18:00 pending moved"]);
    scene.set(&task, "2030-03-07", "done").await;
    let next = scene.on(&task, "2030-03-07T18:00").await;
    assert_eq!(next["status"], "pending", "three days from today, on which it was done");
}

#[tokio::test]
async fn following_the_first_is_all() {
    let scene = Scene::begin().await;
    let task = weekdays(&scene).await;
    let edited = scene.edit(&task, "2030-03-04", &json!({"scope": "following", "due_time": "10:00"})).await;
    assert_eq!(edited["task"]["id"], task["id"]);
    assert_eq!(edited["recurrence"]["start"], "2030-03-04T10:00:00");
}

#[tokio::test]
async fn splitting_is_one_action_that_can_be_undone() {
    let scene = Scene::begin().await;
    let task = weekdays(&scene).await;
    let before = scene.occurrences(&task, "2030-12-31").await;
    let edited = scene.edit(&task, "2030-03-06", &json!({"scope": "following", "due_time": "10:15"})).await;
    let changes = scene.alice.get("/api/changes?limit=500").await.json();
    let last = changes.as_array().and_then(|changes| changes.last()).expect("a change");
    let path = format!("/api/undo/{}", last["action_group"].as_str().expect("an id"));
    let undone = scene.alice.post(&path, &Value::Null).await;
    assert_eq!(undone.status, 200, "{}", undone.text);
    scene.alice.get(&address(&edited["task"])).await.assert_problem(404, "not_found");
    assert_eq!(scene.occurrences(&task, "2030-12-31").await, before);
}

#[tokio::test]
async fn says_why_it_cannot_be() {
    let scene = Scene::begin().await;
    let task = weekdays(&scene).await;
    let monthly = json!({"rule": "FREQ=MONTHLY;BYMONTHDAY=4;BYHOUR=9", "start": "2030-03-04T09:00"});
    let monthly = scene.recur("Rent", &monthly).await;
    let rent = occurrence_of(&scene.on(&monthly, "2030-04-04").await);
    let put = async |path: &str, body: Value| scene.alice.put(path, &body).await;
    put(&rent, json!({"scope": "all", "due_date": "2030-04-05"})).await.assert_invalid("/due_date");
    put(&rent, json!({"scope": "following", "due_time": "10:00"})).await.assert_invalid("/due_time");
    put(&rent, json!({"scope": "all", "title": null})).await.assert_invalid("/title");
    put(&rent, json!({"scope": "some"})).await.assert_invalid("/scope");
    put(&rent, json!({"title": "x"})).await.assert_invalid("/scope");
    put(&rent, json!({"scope": "this", "due_date": null})).await.assert_invalid("/due_date");
    let done = occurrence_of(&scene.set(&task, "2030-03-04", "done").await);
    put(&done, json!({"scope": "this", "due_time": "10:00"})).await.assert_problem(409, "occurrence_closed");
    assert_eq!(put(&done, json!({"scope": "this", "title": "Told"})).await.status, 200);
    super::delete(&scene.alice, &recurrence_of(&task)).await;
    put(&done, json!({"scope": "this", "title": "x"})).await.assert_problem(409, "not_recurring");
}

#[tokio::test]
async fn is_the_owners_and_happens_once() {
    let scene = Scene::begin().await;
    let task = weekdays(&scene).await;
    let path = occurrence_of(&scene.on(&task, "2030-03-06").await);
    let change = json!({"scope": "following", "title": "Sit down"});
    let bob = scene.app.register("bob").await;
    bob.put(&path, &change).await.assert_problem(404, "not_found");
    scene.app.anon().put(&path, &change).await.assert_problem(401, "token_missing");
    let nothing = format!("{}/occurrences/{NOTHING}", address(&task));
    scene.alice.put(&nothing, &change).await.assert_problem(404, "not_found");
    let send = async || send_with(&scene.alice, Method::PUT, &path, ("Idempotency-Key", "k"), Some(&change)).await;
    let (first, again) = (send().await, send().await);
    assert_eq!((first.status.as_u16(), &first.text), (200, &again.text), "one split, one new task");
    assert_eq!(scene.alice.get("/api/tasks").await.json().as_array().map(Vec::len), Some(2));
}
