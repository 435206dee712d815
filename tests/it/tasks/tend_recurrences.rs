//! What time does to recurring tasks: each policy, the free time, and that doing it again does nothing.

use domain::recurrence::{self, Tended};
use serde_json::{Value, json};

use super::recurring::Scene;
use super::{create, id};
use crate::dice::Dice;

fn timed(policy: &str, reschedules: bool) -> Value {
    json!({"preset": "daily", "start": "2030-03-04T09:00", "missed_policy": policy, "auto_reschedule": reschedules})
}

/// What is there of a task after three days without anybody.
async fn after_three_days(policy: &str) -> (Tended, Vec<String>) {
    let mut scene = Scene::begin().await;
    let task = scene.recur("x", &timed(policy, false)).await;
    scene.tend().await;
    scene.set(&task, "2030-03-05", "in_progress").await;
    scene.pass_days(3).await;
    let tended = scene.tend().await;
    assert_eq!(scene.tend().await, Tended::default(), "doing it again does nothing");
    (tended, scene.shown(&task, "2030-03-07").await)
}

#[tokio::test]
async fn must_comes_along_until_it_is_done() {
    let (tended, shown) = after_three_days("must").await;
    assert_eq!((tended.missed, tended.moved), (0, 3));
    let mut expected = vec!["2030-03-07 09:00 pending".to_owned()];
    expected.extend(["pending", "in_progress", "pending"].map(|status| format!("2030-03-07 09:00 {status} moved")));
    let (mut shown, mut expected) = (shown, expected);
    shown.sort();
    expected.sort();
    assert_eq!(shown, expected);
}

#[tokio::test]
async fn latest_lets_the_older_ones_go_but_what_was_begun() {
    let (tended, shown) = after_three_days("latest").await;
    assert_eq!((tended.missed, tended.moved), (1, 0));
    let expected = [
        "2030-03-04 09:00 missed",
        "2030-03-05 09:00 in_progress",
        "2030-03-06 09:00 pending",
        "2030-03-07 09:00 pending",
    ];
    assert_eq!(shown, expected);
}

#[tokio::test]
async fn all_stay() {
    let (tended, shown) = after_three_days("all").await;
    assert_eq!((tended.missed, tended.moved), (0, 0));
    assert_eq!(shown[0], "2030-03-04 09:00 pending");
}

#[tokio::test]
async fn skip_lets_all_go_but_what_was_begun() {
    let (tended, shown) = after_three_days("skip").await;
    assert_eq!((tended.missed, tended.moved), (2, 0));
    let expected = [
        "2030-03-04 09:00 missed",
        "2030-03-05 09:00 in_progress",
        "2030-03-06 09:00 missed",
        "2030-03-07 09:00 pending",
    ];
    assert_eq!(shown, expected);
}

#[tokio::test]
async fn what_stays_goes_into_the_next_free_time() {
    let preferences = json!({"time_zone": "America/New_York", "working_hours": {"start": "09:00", "end": "12:00"}});
    let mut scene = Scene::begin_with(&preferences).await;
    let weekly = json!({"preset": "weekly", "start": "2030-03-04T15:00", "missed_policy": "latest"});
    let report = scene.recur("Report", &weekly).await;
    scene.edit(&report, "2030-03-04", &json!({"scope": "this", "estimate_minutes": 60})).await;
    let whole_day =
        scene.recur("Tidy", &json!({"preset": "weekly", "start": "2030-03-04", "missed_policy": "must"})).await;
    // The next day, 7:00 in New York: 9:00 to 10:30 is taken by a task, 11:00 to 11:30 by a series.
    create(
        &scene.alice,
        &json!({"title": "Dentist", "due_date": "2030-03-05", "due_time": "09:00", "estimate_minutes": 90}),
    )
    .await;
    scene.recur("Tea", &json!({"preset": "daily", "start": "2030-03-05T11:00"})).await;
    scene.pass_days(1).await;
    assert_eq!(scene.tend().await.moved, 2);
    assert_eq!(
        scene.shown(&report, "2030-03-08").await,
        ["2030-03-06 09:00 pending moved"],
        "an hour fits the day after"
    );
    assert_eq!(scene.shown(&whole_day, "2030-03-08").await, ["2030-03-05 pending moved"]);
    assert_eq!(scene.tend().await, Tended::default());
}

#[tokio::test]
async fn a_missed_one_that_counts_from_completion_gives_way_to_the_next() {
    let mut scene = Scene::begin().await;
    let body = json!({"rule": "FREQ=DAILY;INTERVAL=2;COUNT=2", "start": "2030-03-04", "counts_from": "completion", "missed_policy": "skip"});
    let task = scene.recur("x", &body).await;
    scene.pass_days(3).await;
    scene.tend().await;
    assert_eq!(scene.shown(&task, "2030-12-31").await, ["2030-03-04 missed", "2030-03-08 pending"]);
    scene.pass_days(9).await;
    scene.tend().await;
    assert_eq!(scene.shown(&task, "2030-12-31").await, ["2030-03-04 missed", "2030-03-08 missed"]);
    assert_eq!(scene.status(&task).await, "done", "the series is over");
}

#[tokio::test]
async fn the_horizon_rolls() {
    let mut scene = Scene::begin().await;
    let task = scene.recur("x", &timed("skip", false)).await;
    assert_eq!(scene.tend().await.created, 0, "made when it began to recur");
    scene.pass_days(30).await;
    let tended = scene.tend().await;
    assert_eq!((tended.created, tended.missed), (30, 30));
    let last = "select max(original_start)::text from occurrences";
    let last: String = scene.app.superuser().await.query_one(last, &[]).await.expect("a time").get(0);
    assert_eq!(last, "2030-07-09 09:00:00", "97 days ahead");
    assert_eq!(scene.status(&task).await, "pending");
}

#[tokio::test]
async fn only_those_whose_day_is_over_are_asked_for() {
    let mut scene = Scene::begin().await;
    let owners = async |scene: &Scene| {
        let mut tx = scene.service().as_service().await.expect("a transaction");
        let owners = recurrence::owners_to_tend(&mut tx, scene.app.clock.now(), 10).await.expect("a list");
        owners.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert!(owners(&scene).await.is_empty());
    let task = scene.recur("x", &timed("all", false)).await;
    assert_eq!(owners(&scene).await, [scene.alice.id()]);
    scene.tend().await;
    assert!(owners(&scene).await.is_empty());
    scene.pass_days(1).await;
    assert_eq!(owners(&scene).await, [scene.alice.id()]);
    let path = format!("/api/tasks/{}/status", id(&task));
    scene.alice.put(&path, &json!({"status": "archived"})).await;
    assert!(owners(&scene).await.is_empty(), "a closed task needs nothing");
}

/// Random series, random days: whatever was tended is settled, no time is given twice, and nothing comes double.
#[tokio::test]
async fn tending_again_never_changes_anything() {
    let seed = Dice::seed_of_run();
    let mut dice = Dice::seeded(seed);
    let mut scene = Scene::begin().await;
    let mut tasks = Vec::new();
    for number in 0..8 {
        let rules = [
            "FREQ=DAILY",
            "FREQ=DAILY;INTERVAL=2",
            "FREQ=WEEKLY;BYDAY=MO,TH",
            "FREQ=DAILY;COUNT=9",
            "FREQ=HOURLY;INTERVAL=9",
        ];
        let zones = ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "UTC"];
        let policies = ["must", "latest", "all", "skip"];
        let rule = rules[dice.below(rules.len())];
        let body = json!({
            "rule": rule, "start": format!("2030-03-0{}T{:02}:30", 4 + dice.below(4), dice.below(24)), "time_zone": zones[dice.below(4)],
            "missed_policy": policies[dice.below(4)], "auto_reschedule": dice.one_in(2),
            "counts_from": if dice.one_in(4) { "completion" } else { "schedule" },
        });
        tasks.push(scene.recur(&format!("{number} {body}"), &body).await);
    }
    for _ in 0..6 {
        scene.pass_days(dice.below(3) as u64 + 1).await;
        scene.tend().await;
        let before = everything(&scene, &tasks).await;
        assert_eq!(scene.tend().await, Tended::default(), "TEST_SEED={seed}");
        scene.app.superuser().await.execute("update recurrences set tend_at = null", &[]).await.expect("all are due");
        let again = scene.tend().await;
        assert_eq!((again.created, again.missed), (0, 0), "TEST_SEED={seed}");
        assert_eq!(everything(&scene, &tasks).await, before, "nothing is new, so nothing changes; TEST_SEED={seed}");
        let slots = "select count(*) from occurrences a join occurrences b on a.id < b.id and a.task_id <> b.task_id
            and a.moved and b.moved and a.starts_at = b.starts_at and a.status = 'pending' and b.status = 'pending'
            join recurrences r on r.task_id = a.task_id and r.auto_reschedule
            join recurrences s on s.task_id = b.task_id and s.auto_reschedule";
        let doubles: i64 = scene.app.superuser().await.query_one(slots, &[]).await.expect("a count").get(0);
        assert_eq!(doubles, 0, "free time is given once; TEST_SEED={seed}");
    }
}

async fn everything(scene: &Scene, tasks: &[Value]) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for task in tasks {
        all.push(scene.shown(task, "2030-06-01").await);
    }
    all
}
