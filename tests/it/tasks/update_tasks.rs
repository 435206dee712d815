use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::{NOTHING, PATH, address, create, id, send_with};
use crate::app::{Actor, Answer, TestApp};
use crate::dice::Dice;

async fn change(actor: &Actor, ids: &[&str], set: Value) -> Answer {
    actor.patch(PATH, &json!({"ids": ids, "set": set})).await
}

#[tokio::test]
async fn changes_all_and_answers_in_order() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let mut tasks = Vec::new();
    for title in ["a", "b", "c"] {
        tasks.push(create(&alice, &json!({"title": title, "due_date": "2026-12-01", "due_time": "09:00"})).await);
    }
    let ids = [id(&tasks[2]), id(&tasks[0])];
    let set = json!({"status": "done", "priority": "high", "due_date": "2026-12-24", "tags": ["soon"]});
    let changed = change(&alice, &ids, set).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    insta::assert_json_snapshot!(changed.json(), {
        "[].id" => "[id]", "[].completed_at" => "[time]", "[].created_at" => "[time]", "[].updated_at" => "[time]",
    });
    for (task, index) in [(&tasks[2], 0), (&tasks[0], 1)] {
        assert_eq!(alice.get(&address(task)).await.json(), changed.json()[index]);
    }
    assert_eq!(alice.get(&address(&tasks[1])).await.json(), tasks[1]);
    let undone = alice.post(&format!("/api/undo/{}", changed.header("action-group")), &json!({})).await;
    assert_eq!(undone.status, 200, "{}", undone.text);
    assert_eq!(alice.get(&address(&tasks[0])).await.json(), tasks[0]);
}

#[tokio::test]
async fn touches_only_what_changes() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let (one, two) = (
        create(&alice, &json!({"title": "a", "status": "done"})).await,
        create(&alice, &json!({"title": "b", "status": "pending"})).await,
    );
    app.clock.advance(Duration::from_mins(1));
    let changed = change(&alice, &[id(&one), id(&two)], json!({"status": "done"})).await.json();
    assert_eq!(changed[0], one);
    assert_eq!(changed[1]["completed_at"], changed[1]["updated_at"]);
    assert_ne!(changed[1]["updated_at"], two["updated_at"]);
}

#[tokio::test]
async fn names_what_is_at_fault() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let (one, two) = (create(&alice, &json!({"title": "a"})).await, create(&bob, &json!({"title": "b"})).await);
    let done = || json!({"status": "done"});
    let missing = change(&alice, &[NOTHING, id(&one), id(&two)], done()).await.assert_problem(404, "not_found");
    let pointers: Vec<&Value> =
        missing["errors"].as_array().expect("fields").iter().map(|field| &field["pointer"]).collect();
    assert_eq!(pointers, ["/ids/0", "/ids/2"], "absent and somebody else's are alike");
    change(&alice, &[], done()).await.assert_invalid("/ids");
    change(&alice, &[NOTHING; 501], done()).await.assert_invalid("/ids");
    change(&alice, &[id(&one), NOTHING, id(&one)], done()).await.assert_invalid("/ids/2");
    change(&alice, &["mine"], done()).await.assert_invalid("/ids/0");
    change(&alice, &[id(&one)], json!({"status": "open"})).await.assert_invalid("/set/status");
    change(&alice, &[id(&one)], json!({"due_time": "09:00"})).await.assert_invalid("/set/due_time");
    change(&alice, &[id(&one)], json!({"goal_id": NOTHING})).await.assert_invalid("/set/goal_id");
    change(&alice, &[id(&one)], json!({"parent_id": NOTHING})).await.assert_invalid("/set/parent_id");
    change(&alice, &[id(&one)], json!({"parent_id": id(&one)})).await.assert_problem(409, "cycle");
    alice.patch(PATH, &json!({"ids": [id(&one)]})).await.assert_invalid("/set");
    alice.patch(PATH, &json!({"ids": [id(&one)], "set": {}, "all": true})).await.assert_invalid("/all");
    app.anon().patch(PATH, &json!({"ids": [id(&one)], "set": {}})).await.assert_problem(401, "token_missing");
    assert_eq!(alice.get(&address(&one)).await.json(), one);
}

#[tokio::test]
async fn moves_many_under_one() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let mut tasks = Vec::new();
    for title in ["top", "a", "b"] {
        tasks.push(create(&alice, &json!({"title": title})).await);
    }
    let below = create(&alice, &json!({"title": "below", "parent_id": id(&tasks[1])})).await;
    let moved = change(&alice, &[id(&tasks[1]), id(&tasks[2])], json!({"parent_id": id(&tasks[0])})).await;
    assert_eq!(moved.status, 200, "{}", moved.text);
    let parents = moved.json();
    assert_eq!((&parents[0]["parent_id"], &parents[1]["parent_id"]), (&tasks[0]["id"], &tasks[0]["id"]));
    let closing = change(&alice, &[id(&tasks[2]), id(&tasks[0])], json!({"parent_id": id(&below)})).await;
    closing.assert_problem(409, "cycle");
    assert_eq!(alice.get(&address(&tasks[2])).await.json()["parent_id"], tasks[0]["id"]);
}

#[tokio::test]
async fn the_same_key_writes_once() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let task = create(&alice, &json!({"title": "a"})).await;
    let body = json!({"ids": [id(&task)], "set": {"priority": "high"}});
    let key = ("idempotency-key", "k1");
    let first = send_with(&alice, Method::PATCH, PATH, key, Some(&body)).await;
    alice.put(&address(&task), &json!({"priority": "low"})).await;
    let again = send_with(&alice, Method::PATCH, PATH, key, Some(&body)).await;
    assert_eq!((again.text.as_str(), again.header("idempotency-replayed")), (first.text.as_str(), "true"));
    assert_eq!(alice.get(&address(&task)).await.json()["priority"], "low");
}

/// Whatever the ids and the change are, either every task named becomes so or no task changes at all.
#[tokio::test]
async fn all_or_none() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let start = Dice::seed_of_run();
    let mut dice = Dice::seeded(start);
    let mut ids = Vec::new();
    for n in 0..8 {
        let due = dice.one_in(2).then_some("2026-12-01");
        ids.push(id(&create(&alice, &json!({"title": n.to_string(), "due_date": due})).await).to_owned());
    }
    let mut outcomes = [0, 0];
    for _ in 0..60 {
        let before = alice.get("/api/tasks?limit=100&sort=title").await.json();
        let mut named: Vec<&str> = ids.iter().map(String::as_str).filter(|_| dice.one_in(3)).collect();
        if dice.one_in(6) {
            named.insert(dice.below(named.len() + 1), NOTHING);
        }
        let set = match dice.below(4) {
            0 => json!({"status": (["pending", "done", "cancelled"][dice.below(3)])}),
            1 => json!({"due_time": format!("{:02}:00", dice.below(24))}),
            2 => json!({"parent_id": ids[dice.below(8)]}),
            _ => json!({"parent_id": null, "priority": (["low", "high"][dice.below(2)])}),
        };
        let answer = change(&alice, &named, set.clone()).await;
        let after = alice.get("/api/tasks?limit=100&sort=title").await.json();
        outcomes[usize::from(answer.status == 200)] += 1;
        if answer.status != 200 {
            assert_eq!(after, before, "{named:?} {set} {}", answer.text);
            continue;
        }
        let pairs = before.as_array().expect("a list").iter().zip(after.as_array().expect("a list"));
        for (before, after) in pairs {
            if !named.contains(&id(before)) {
                assert_eq!(after, before, "{named:?} {set}");
                continue;
            }
            for (field, value) in set.as_object().expect("an object") {
                let kept = after[field].as_str().map(|text| text.trim_end_matches(":00"));
                assert_eq!(kept, value.as_str().map(|text| text.trim_end_matches(":00")), "{named:?} {set} {after}");
            }
        }
    }
    assert!(outcomes.iter().all(|count| *count > 5), "both happen: {outcomes:?}");
}
