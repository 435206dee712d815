//! Check boxes and tasks, one change at a time.

use std::time::Duration;

use serde_json::{Value, json};

use super::{address, check_box, create, find, id, paragraph, save, set_status, states, tasks};
use crate::app::{Actor, Answer, TestApp};

/// Expected titles and statuses.
fn are(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(title, status)| ((*title).to_owned(), (*status).to_owned())).collect()
}

/// Whether the only check box of a note is ticked.
async fn is_checked(actor: &Actor, note: &Value) -> bool {
    find(actor, note).await["content"][0]["props"]["checked"].as_bool().expect("a check box")
}

#[tokio::test]
async fn a_box_is_a_task_wherever_it_lies() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let mut toggle = paragraph("p", "Today");
    toggle["children"] = json!([check_box("b", "Inner", true)]);
    let untyped = json!({"type": "checkListItem", "content": "Without id"});
    let note = create(&alice, &json!({"content": [check_box("a", " Call\n Ada ", false), toggle, untyped]})).await;
    let expected = are(&[("Call Ada", "pending"), ("Inner", "done"), ("Without id", "pending")]);
    assert_eq!(states(&alice, &note).await, expected);
    let made = tasks(&alice, &note).await;
    assert!(made.iter().all(|task| task["source"] == "note"), "{made:?}");
    let long = save(&alice, &note, &json!([check_box("long", &"字".repeat(600), false)])).await;
    let titles: Vec<usize> =
        tasks(&alice, &long).await.iter().map(|task| task["title"].to_string().chars().count()).collect();
    assert!(titles.contains(&502), "{titles:?}");
}

#[tokio::test]
async fn a_box_becomes_a_task_once_it_has_text() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let note = create(&alice, &json!({"content": [check_box("a", " ", true)]})).await;
    assert_eq!(states(&alice, &note).await, are(&[]));
    save(&alice, &note, &json!([check_box("a", "Call", true)])).await;
    assert_eq!(states(&alice, &note).await, are(&[("Call", "done")]));
    // Emptied, it keeps the name it had.
    save(&alice, &note, &json!([check_box("a", "", true)])).await;
    assert_eq!(states(&alice, &note).await, are(&[("Call", "done")]));
    save(&alice, &note, &json!([check_box("a", "Write", true)])).await;
    assert_eq!(states(&alice, &note).await, are(&[("Write", "done")]));
}

#[tokio::test]
async fn ticking_a_box_moves_its_task() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let note = create(&alice, &json!({"content": [check_box("a", "Call", false)]})).await;
    let task = tasks(&alice, &note).await.remove(0);
    for (before, is_ticked, after) in [
        ("in_progress", false, "in_progress"),
        ("in_progress", true, "done"),
        ("done", false, "pending"),
        ("cancelled", true, "done"),
        ("archived", true, "done"),
        ("archived", false, "archived"),
    ] {
        set_status(&alice, &task, before).await;
        save(&alice, &note, &json!([check_box("a", "Call", is_ticked)])).await;
        assert_eq!(states(&alice, &note).await, are(&[("Call", after)]), "{before}, then ticked {is_ticked}");
        assert_eq!(is_checked(&alice, &note).await, is_ticked);
    }
}

#[tokio::test]
async fn a_renamed_box_renames_its_task() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let note = create(&alice, &json!({"content": [check_box("a", "Call", false)]})).await;
    let task = tasks(&alice, &note).await.remove(0);
    save(&alice, &note, &json!([check_box("a", "Write", true)])).await;
    assert_eq!(states(&alice, &note).await, are(&[("Write", "done")]));
    // What the task is called by itself stays until the text changes.
    alice.put(&format!("/api/tasks/{}", id(&task)), &json!({"title": "Mail"})).await;
    save(&alice, &note, &json!([check_box("a", "Write", false)])).await;
    assert_eq!(states(&alice, &note).await, are(&[("Mail", "pending")]));
}

#[tokio::test]
async fn a_box_that_goes_cancels_and_coming_back_opens() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let both = json!([check_box("a", "Call", false), check_box("b", "Write", true)]);
    let note = create(&alice, &json!({"content": both})).await;
    save(&alice, &note, &json!([])).await;
    assert_eq!(states(&alice, &note).await, are(&[("Call", "cancelled"), ("Write", "done")]));
    save(&alice, &note, &both).await;
    assert_eq!(states(&alice, &note).await, are(&[("Call", "pending"), ("Write", "done")]));
    // A block that becomes a paragraph is no box any more.
    save(&alice, &note, &json!([paragraph("a", "Call"), check_box("b", "Write", false)])).await;
    assert_eq!(states(&alice, &note).await, are(&[("Call", "cancelled"), ("Write", "pending")]));
    assert_eq!(tasks(&alice, &note).await.len(), 2);
}

#[tokio::test]
async fn a_box_whose_task_was_deleted_gets_no_other() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let note = create(&alice, &json!({"content": [check_box("a", "Call", false)]})).await;
    let task = tasks(&alice, &note).await.remove(0);
    let path = format!("/api/tasks/{}", id(&task));
    assert_eq!(Answer::of(alice.request(reqwest::Method::DELETE, &path)).await.status, 204);
    for content in [json!([check_box("a", "Call", true)]), json!([check_box("a", "Write", false)])] {
        save(&alice, &note, &content).await;
        assert_eq!(states(&alice, &note).await, are(&[]));
    }
}

#[tokio::test]
async fn a_task_ticks_its_box_whichever_way_it_changes() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let mut inner = paragraph("p", "Today");
    inner["children"] = json!([check_box("b", "Inner", false)]);
    let note = create(&alice, &json!({"title": "Plans", "content": [check_box("a", "Call", false), inner]})).await;
    let made = tasks(&alice, &note).await;
    app.clock.advance(Duration::from_secs(1));
    set_status(&alice, &made[0], "done").await;
    let now = find(&alice, &note).await;
    assert!(now["updated_at"].as_str() > note["updated_at"].as_str(), "the note changed");
    let mut expected = note["content"].clone();
    expected[0]["props"]["checked"] = json!(true);
    assert_eq!(now["content"], expected, "and nothing else of it");
    app.clock.advance(Duration::from_secs(1));
    let path = format!("/api/tasks/{}", id(&made[0]));
    alice.put(&path, &json!({"title": "Ring", "status": "in_progress"})).await;
    assert!(!is_checked(&alice, &note).await);
    let ids: Vec<&str> = made.iter().map(id).collect();
    let bulk = alice.patch("/api/tasks", &json!({"ids": ids, "set": {"status": "done"}})).await;
    assert_eq!(bulk.status, 200, "{}", bulk.text);
    let now = find(&alice, &note).await;
    expected[1]["children"][0]["props"]["checked"] = json!(true);
    assert_eq!(now["content"], expected);
    // What is so already touches nothing.
    app.clock.advance(Duration::from_secs(1));
    set_status(&alice, &made[1], "done").await;
    assert_eq!(find(&alice, &note).await, now);
    set_status(&alice, &made[0], "archived").await;
    assert!(!is_checked(&alice, &note).await, "a box is ticked exactly while its task is done");
}

#[tokio::test]
async fn a_task_made_for_a_box_ticks_it() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let note = create(&alice, &json!({"content": [check_box("a", "", false)]})).await;
    let body =
        json!({"title": "Call", "status": "done", "source": "note", "source_reference": format!("{}#a", id(&note))});
    // Another user's task with the same reference reaches nothing.
    assert_eq!(bob.post("/api/tasks", &body).await.status, 201);
    assert!(!is_checked(&alice, &note).await);
    assert_eq!(alice.post("/api/tasks", &body).await.status, 201);
    assert!(is_checked(&alice, &note).await);
    alice.post("/api/tasks", &body).await.assert_problem(409, "source_reference_taken");
    for reference in [format!("{}#none", id(&note)), "no-note#a".to_owned(), format!("{}#a", super::NOTHING)] {
        let body = json!({"title": "Call", "status": "done", "source": "note", "source_reference": reference});
        assert_eq!(alice.post("/api/tasks", &body).await.status, 201);
    }
}

#[tokio::test]
async fn a_save_is_undone_with_its_tasks() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let note = create(&alice, &json!({"content": [check_box("a", "Call", false)]})).await;
    let body = json!({"content": [check_box("a", "Ring", true), check_box("b", "Write", false)]});
    let saved = alice.put(&address(&note), &body).await;
    assert_eq!(states(&alice, &note).await, are(&[("Ring", "done"), ("Write", "pending")]));
    let undone = alice.post(&format!("/api/undo/{}", saved.header("action-group")), &json!({})).await;
    assert_eq!(undone.status, 200, "{}", undone.text);
    assert_eq!(find(&alice, &note).await["content"], note["content"]);
    assert_eq!(states(&alice, &note).await, are(&[("Call", "pending")]));
}

#[tokio::test]
async fn five_hundred_boxes_are_one_save() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let boxes =
        |is_checked| (0..500).map(|n| check_box(&n.to_string(), &format!("Step {n}"), is_checked)).collect::<Vec<_>>();
    let note = create(&alice, &json!({"content": boxes(false)})).await;
    let saved = save(&alice, &note, &json!(boxes(true))).await;
    assert_eq!(saved["content"], json!(boxes(true)));
    let open = alice.get("/api/tasks?status=pending").await.json();
    assert_eq!(open, json!([]));
    let more: Vec<Value> = boxes(true).into_iter().chain([check_box("one more", "Step", false)]).collect();
    alice.put(&address(&note), &json!({"content": more})).await.assert_invalid("/content");
}
