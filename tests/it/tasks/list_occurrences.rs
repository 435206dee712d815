use std::collections::HashSet;

use serde_json::{Value, json};

use super::recurring::{MONDAY, Scene, show};
use super::{NOTHING, address, create, next};

#[tokio::test]
async fn lists_what_is_due_in_a_window() {
    let scene = Scene::begin().await;
    let body = json!({"rule": "FREQ=WEEKLY;BYDAY=MO,WE", "start": "2030-03-04T09:00", "time_zone": "Europe/Berlin"});
    let task = scene.recur("Run", &body).await;
    let answer = scene.alice.get(&format!("{}/occurrences?from=2030-03-05&to=2030-03-06", address(&task))).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    insta::assert_json_snapshot!(answer.json(), {"[].id" => "[id]", "[].task_id" => "[task]", "[].created_at" => "[time]", "[].updated_at" => "[time]"});
    let usual = scene.alice.get(&format!("{}/occurrences", address(&task))).await.json();
    assert_eq!(usual.as_array().map(Vec::len), Some(10), "30 days from today");
}

#[tokio::test]
async fn makes_ahead_what_is_looked_at_and_no_more() {
    let mut scene = Scene::begin().await;
    let task = scene.recur("x", &json!({"preset": "daily", "start": "2030-03-04T09:00"})).await;
    let count = async |scene: &Scene| {
        let sql = "select count(*) from occurrences";
        scene.app.superuser().await.query_one(sql, &[]).await.expect("a count").get::<_, i64>(0)
    };
    assert_eq!(count(&scene).await, 98);
    assert_eq!(scene.occurrences(&task, "2030-06-01").await.len(), 90);
    assert_eq!(count(&scene).await, 98, "the window was within what there is");
    assert_eq!(scene.occurrences(&task, "2030-12-31").await.len(), 303);
    assert_eq!(count(&scene).await, 303);
    // A year ahead is the most.
    let later = scene.alice.get(&format!("{}/occurrences?from=2031-03-01&to=2031-03-10", address(&task))).await;
    assert_eq!(later.json().as_array().map(Vec::len), Some(5));
    scene.pass_days(2).await;
    let later = scene.alice.get(&format!("{}/occurrences?from=2031-03-01&to=2031-03-10", address(&task))).await;
    assert_eq!(later.json().as_array().map(Vec::len), Some(7));
}

#[tokio::test]
async fn pages_neither_drop_nor_repeat() {
    let scene = Scene::begin().await;
    let body = json!({"rule": "FREQ=DAILY;BYHOUR=8,12,20", "start": "2030-03-04T08:00"});
    let task = scene.recur("Eat", &body).await;
    let mut page = scene.alice.get(&format!("{}/occurrences?to=2030-03-13&limit=7", address(&task))).await;
    let mut seen = Vec::new();
    loop {
        seen.extend(page.json().as_array().expect("a list").iter().map(show));
        let Some(address) = next(&page) else { break };
        page = scene.alice.get(&address).await;
    }
    assert_eq!(seen.len(), 30);
    assert!(seen.is_sorted());
    assert_eq!(seen.iter().collect::<HashSet<_>>().len(), 30);
}

#[tokio::test]
async fn readers_at_once_make_each_occurrence_once() {
    let scene = Scene::begin().await;
    let task = scene.recur("x", &json!({"preset": "daily", "start": "2030-03-04T09:00"})).await;
    let path = format!("{}/occurrences?from=2030-03-01&to=2030-12-31&limit=1000", address(&task));
    let other = scene.app.second_process().await;
    let elsewhere = other.seen_by(&scene.alice);
    let answers = futures_util::future::join_all((0..8).map(|n| {
        let reader = if n % 2 == 0 { &scene.alice } else { &elsewhere };
        reader.get(&path)
    }))
    .await;
    for answer in &answers {
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.json().as_array().map(Vec::len), Some(303));
    }
    let ids =
        |answer: &Value| answer.as_array().expect("a list").iter().map(|one| one["id"].to_string()).collect::<Vec<_>>();
    assert!(answers.windows(2).all(|pair| ids(&pair[0].json()) == ids(&pair[1].json())));
}

#[tokio::test]
async fn names_the_parameter_at_fault_and_hides_from_others() {
    let scene = Scene::begin().await;
    let task = create(&scene.alice, &json!({"title": "x"})).await;
    let path = format!("{}/occurrences", address(&task));
    assert_eq!(scene.alice.get(&path).await.json(), json!([]), "it does not recur");
    scene.alice.get(&format!("{path}?from=2030-03-04&to=2030-03-03")).await.assert_invalid("to");
    scene.alice.get(&format!("{path}?from=2030-03-04&to=2031-03-06")).await.assert_invalid("to");
    scene.alice.get(&format!("{path}?from={}", &MONDAY[..8])).await.assert_invalid("from");
    scene.alice.get(&format!("{path}?limit=0")).await.assert_invalid("limit");
    scene.alice.get(&format!("{path}?limit=1001")).await.assert_invalid("limit");
    let bob = scene.app.register("bob").await;
    bob.get(&path).await.assert_problem(404, "not_found");
    scene.app.anon().get(&path).await.assert_problem(401, "token_missing");
    scene.alice.get(&format!("/api/tasks/{NOTHING}/occurrences")).await.assert_problem(404, "not_found");
}
