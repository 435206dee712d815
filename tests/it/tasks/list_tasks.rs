use serde_json::{Value, json};

use super::{NOTHING, PATH, create, delete, id, titles};
use crate::app::{Actor, TestApp};

/// The titles with this query, joined.
async fn listed(actor: &Actor, query: &str) -> String {
    titles(&actor.get(&format!("{PATH}?{query}")).await).join(" ")
}

#[tokio::test]
async fn shows_all_but_archived_newest_first() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    for status in ["pending", "in_progress", "done", "cancelled", "archived"] {
        create(&alice, &json!({"title": status, "status": status})).await;
    }
    let page = alice.get(PATH).await;
    assert_eq!(titles(&page), ["cancelled", "done", "in_progress", "pending"]);
    insta::assert_json_snapshot!(page.json()[3], {
        ".id" => "[id]", ".created_at" => "[time]", ".updated_at" => "[time]",
    });
    assert_eq!(listed(&alice, "status=archived").await, "archived");
    assert_eq!(listed(&alice, "status=pending,in_progress").await, "in_progress pending");
    assert_eq!(listed(&alice, "status=archived%2C%20done").await, "archived done");
}

#[tokio::test]
async fn keeps_what_is_asked_for() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let goal =
        alice.post("/api/goals", &json!({"title": "Home", "timeframe": "year", "starts_on": "2026-01-01"})).await;
    let goal = goal.json();
    let top = create(&alice, &json!({"title": "top", "due_date": "2026-12-01", "tags": ["home", "big"]})).await;
    create(&alice, &json!({"title": "below", "parent_id": id(&top), "priority": "high", "goal_id": goal["id"]})).await;
    create(&alice, &json!({"title": "noon", "due_date": "2026-12-02", "due_time": "12:00", "tags": ["home"]})).await;
    create(
        &alice,
        &json!({"title": "Milk", "description": "and Bread", "source": "import", "priority": "urgent",
        "due_date": "2026-12-03", "tags": ["Shopping List"]}),
    )
    .await;
    for (query, expected) in [
        ("", "Milk noon below top"),
        ("priority=high,urgent", "Milk below"),
        ("due_from=2026-12-02", "Milk noon"),
        ("due_to=2026-12-02", "noon top"),
        ("due_from=2026-12-02&due_to=2026-12-02", "noon"),
        ("due_from=2026-12-04", ""),
        (&format!("goal_id={}", goal["id"].as_str().unwrap_or(NOTHING)), "below"),
        (&format!("goal_id={NOTHING}"), ""),
        (&format!("parent_id={}", id(&top)), "below"),
        ("parent_id=none", "Milk noon top"),
        ("tag=home", "noon top"),
        ("tag=home,big", "top"),
        ("tag=home&tag=big", "top"),
        ("tag=big&tag=Shopping+List", ""),
        ("tag=shopping+list", ""),
        ("source=import", "Milk"),
        ("q=milk", "Milk"),
        ("q=bread+milk", "Milk"),
        ("q=bread+-milk", ""),
        ("q=shopping", "Milk"),
        ("q=%22and+bread%22", "Milk"),
        ("q=home%00big", "top"),
        ("tag=home&due_to=2026-12-01&priority=medium&status=pending&q=top&sort=title&parent_id=none", "top"),
    ] {
        assert_eq!(listed(&alice, query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn puts_them_in_order() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    for (title, priority, date, time) in [
        ("banana", "low", None, None),
        ("Apple", "urgent", Some("2026-12-02"), None),
        ("cherry", "medium", Some("2026-12-02"), Some("23:59:59")),
        ("date", "high", Some("2026-12-03"), Some("00:00")),
        ("Elder", "medium", Some("2026-12-02"), Some("08:00")),
    ] {
        let task = json!({"title": title, "priority": priority, "due_date": date, "due_time": time});
        create(&alice, &task).await;
    }
    let first = alice.get(&format!("{PATH}?sort=created_at&limit=1")).await.json();
    alice.put(&format!("{PATH}/{}", id(&first[0])), &json!({"description": "ripe"})).await;
    for (sort, expected) in [
        ("created_at", "banana Apple cherry date Elder"),
        ("-created_at", "Elder date cherry Apple banana"),
        ("updated_at", "Apple cherry date Elder banana"),
        ("-updated_at", "banana Elder date cherry Apple"),
        ("due", "Elder cherry Apple date banana"),
        ("-due", "date Apple cherry Elder banana"),
        ("priority", "banana cherry Elder date Apple"),
        ("-priority", "Apple date Elder cherry banana"),
        ("title", "Apple banana cherry date Elder"),
        ("-title", "Elder date cherry banana Apple"),
    ] {
        assert_eq!(listed(&alice, &format!("sort={sort}")).await, expected, "{sort}");
    }
}

#[tokio::test]
async fn a_page_follows_a_task_or_a_time() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let mut tasks: Vec<Value> = Vec::new();
    for title in ["a", "b", "c"] {
        tasks.push(create(&alice, &json!({"title": title})).await);
    }
    let time = tasks[1]["created_at"].as_str().expect("a time");
    assert_eq!(listed(&alice, &format!("before={time}")).await, "a");
    assert_eq!(listed(&alice, &format!("sort=created_at&before={time}")).await, "c");
    for sort in ["updated_at", "-due", "priority", "title"] {
        alice.get(&format!("{PATH}?sort={sort}&before={time}")).await.assert_invalid("before");
    }
    assert_eq!(listed(&alice, &format!("sort=title&before={}", id(&tasks[0]))).await, "b c");
    assert_eq!(listed(&alice, &format!("before={}", id(&tasks[0]))).await, "");
    delete(&alice, &format!("{PATH}/{}", id(&tasks[2]))).await;
    alice.get(&format!("{PATH}?before={}", id(&tasks[2]))).await.assert_invalid("before");
}

#[tokio::test]
async fn names_the_parameter_at_fault() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    for (query, name) in [
        ("status=open", "status"),
        ("status=", "status"),
        ("status=done,,pending", "status"),
        ("priority=1", "priority"),
        ("due_from=today", "due_from"),
        ("due_to=2026-02-30", "due_to"),
        ("goal_id=home", "goal_id"),
        ("parent_id=root", "parent_id"),
        ("source=robot", "source"),
        ("sort=due_date", "sort"),
        ("tag=", "tag"),
        ("tag=a%00b", "tag"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("before=yesterday", "before"),
    ] {
        alice.get(&format!("{PATH}?{query}")).await.assert_invalid(name);
    }
}

#[tokio::test]
async fn is_for_oneself() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let task = create(&alice, &json!({"title": "Buy milk"})).await;
    assert_eq!(listed(&bob, "").await, "");
    assert_eq!(listed(&bob, "q=milk").await, "");
    bob.get(&format!("{PATH}?before={}", id(&task))).await.assert_invalid("before");
    app.anon().get(PATH).await.assert_problem(401, "token_missing");
}
