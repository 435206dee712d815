use reqwest::Method;
use serde_json::{Value, json};

use super::plenty::furnish;
use super::{CONSENTS, export};
use crate::app::{Actor, Answer, TestApp};

pub(super) const PATH: &str = "/api/users/me/import";
const ID: &str = "0190a0a0-0000-7000-8000-00000000000a";
const OTHER: &str = "0190a0a0-0000-7000-8000-00000000000b";

/// A document with these kinds.
pub(super) fn document(entities: &Value) -> Value {
    json!({"format": "almanac-export", "version": 1, "entities": entities})
}

/// A task as an export has it, but for these fields.
pub(super) fn task(change: &Value) -> Value {
    let mut task = json!({"id": ID, "title": "Plan", "status": "pending", "priority": "medium", "source": "user",
                          "tags": [], "metadata": {}, "created_at": "2026-11-21T09:00:00+00:00",
                          "updated_at": "2026-11-21T09:00:00Z"});
    for (name, value) in change.as_object().expect("fields") {
        task[name] = value.clone();
    }
    task
}

/// What an export is, apart from when and whose it is.
pub(super) fn content(mut document: Value) -> Value {
    let document = document.as_object_mut().expect("a document");
    document.remove("exported_at");
    document.remove("account");
    json!(document)
}

/// Nothing was made.
async fn assert_empty(actor: &Actor) {
    for (kind, rows) in export(actor).await["entities"].as_object().expect("kinds") {
        assert_eq!(rows, &json!([]), "{kind}");
    }
}

#[tokio::test]
async fn an_export_comes_back_as_it_was() {
    let (here, there) = (TestApp::start().await, TestApp::start().await);
    let (alice, ally) = (here.register("alice").await, there.register("ally").await);
    furnish(&alice, "word").await;
    let exported = export(&alice).await;
    let answer = ally.post(PATH, &exported).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    for (kind, rows) in exported["entities"].as_object().expect("kinds") {
        assert_eq!(answer.json()["counts"][kind], rows.as_array().expect("rows").len(), "{kind}");
    }
    assert_eq!(content(export(&ally).await), content(exported));
    // What came in lives on: it is found, changed and answered as if it had been made there.
    let tasks = ally.get("/api/tasks").await.json();
    assert_eq!(tasks, alice.get("/api/tasks").await.json());
    let task = tasks[0]["id"].as_str().expect("an id");
    let renamed = ally.put(&format!("/api/tasks/{task}"), &json!({"title": "renamed"})).await;
    assert_eq!(renamed.status, 200, "{}", renamed.text);
}

#[tokio::test]
async fn it_is_undone_as_one_but_for_consents() {
    let (here, there) = (TestApp::start().await, TestApp::start().await);
    let (alice, ally) = (here.register("alice").await, there.register("ally").await);
    furnish(&alice, "word").await;
    let exported = export(&alice).await;
    let before = export(&ally).await;
    let imported = ally.post(PATH, &exported).await;
    let undone = ally.post(&format!("/api/undo/{}", imported.header("action-group")), &Value::Null).await;
    assert_eq!(undone.status, 200, "{}", undone.text);
    let mut after = export(&ally).await;
    assert_eq!(after["entities"]["consent"], exported["entities"]["consent"], "decisions stay");
    after["entities"]["consent"] = json!([]);
    assert_eq!(content(after), content(before));
    // So it can be imported again, into what stayed.
    let again = ally.post(PATH, &exported).await;
    assert_eq!((again.status.as_u16(), &again.json()["counts"]["consent"]), (200, &json!(0)), "{}", again.text);
    assert_eq!(content(export(&ally).await), content(exported));
}

#[tokio::test]
async fn needs_an_account_without_things() {
    let (here, there) = (TestApp::start().await, TestApp::start().await);
    let (alice, ally) = (here.register("alice").await, there.register("ally").await);
    furnish(&alice, "word").await;
    let exported = export(&alice).await;
    let terms = json!({"consents": [{"purpose": "terms", "version": "2", "granted": true}]});
    assert_eq!(ally.put(CONSENTS, &terms).await.status, 200);
    assert_eq!(ally.post(PATH, &exported).await.status, 200, "what was agreed to is in nobody's way");
    assert_eq!(ally.get(CONSENTS).await.json()["consents"].as_array().map(Vec::len), Some(2));
    ally.post(PATH, &exported).await.assert_problem(409, "not_empty");
    alice.post(PATH, &exported).await.assert_problem(409, "not_empty");
}

#[tokio::test]
async fn does_not_take_what_is_somebody_elses() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    furnish(&alice, "word").await;
    let exported = export(&alice).await;
    let before = export(&alice).await;
    for (kind, rows) in exported["entities"].as_object().expect("kinds") {
        let answer = bob.post(PATH, &document(&json!({kind: rows}))).await;
        let problem = answer.assert_problem(409, "id_taken");
        assert_eq!(problem["errors"][0]["pointer"], format!("/entities/{kind}/0"));
        assert!(!answer.text.contains(&alice.id()), "it does not say whose");
    }
    // Nor may a row say that it is hers, or refer to what is hers.
    let hers = &exported["entities"]["task"][0]["id"];
    let claimed = document(&json!({"task": [task(&json!({"user_id": alice.id()}))]}));
    bob.post(PATH, &claimed).await.assert_invalid("/entities/task/0/user_id");
    let below = document(&json!({"task": [task(&json!({"parent_id": hers}))]}));
    bob.post(PATH, &below).await.assert_invalid("/entities/task/0");
    assert_empty(&bob).await;
    assert_eq!(content(export(&alice).await), content(before));
}

#[tokio::test]
async fn names_the_row_that_is_not_acceptable() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let (good, other) = (task(&json!({})), |change: Value| {
        let mut change = change;
        if change["id"].is_null() {
            change["id"] = json!(OTHER);
        }
        task(&change)
    });
    for (change, pointer) in [
        (json!({"title": ""}), "/entities/task/1"),
        (json!({"title": 5}), "/entities/task/1/title"),
        (json!({"title": null}), "/entities/task/1/title"),
        (json!({"title": "nul \u{0}"}), "/entities/task/1"),
        (json!({"status": "asleep"}), "/entities/task/1"),
        (json!({"due_date": "soon"}), "/entities/task/1"),
        (json!({"due_date": "2026-11-21T10:00:00Z"}), "/entities/task/1/due_date"),
        (json!({"due_time": "09:00:00"}), "/entities/task/1"),
        (json!({"estimate_minutes": 1.5}), "/entities/task/1"),
        (json!({"created_at": "soon"}), "/entities/task/1"),
        (json!({"parent_id": "0190a0a0-0000-7000-8000-00000000000c"}), "/entities/task/1"),
        (json!({"goal_id": ID}), "/entities/task/1"),
        (json!({"parent_id": OTHER}), "/entities/task/1"),
        (json!({"tags": ["one", ""]}), "/entities/task/1/tags"),
        (json!({"tags": [1]}), "/entities/task/1/tags/0"),
        (json!({"metadata": []}), "/entities/task/1/metadata"),
        (json!({"id": ID}), "/entities/task/1/id"),
        (json!({"id": "mine"}), "/entities/task/1/id"),
        (json!({"search": "x"}), "/entities/task/1/search"),
        (json!({"a/b": 1}), "/entities/task/1/a~1b"),
    ] {
        let answer = alice.post(PATH, &document(&json!({"task": [good, other(change.clone())]}))).await;
        assert_eq!(answer.status, 422, "{change}: {}", answer.text);
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{change}: {}", answer.text);
    }
    for (kind, field, value) in [
        ("recurrence", "rule", json!("FREQ=SOMETIMES")),
        ("recurrence", "time_zone", json!("Moon/Base")),
        ("note", "content", json!([{"type": "paragraph"}])),
    ] {
        let row = json!({"id": ID, field: value});
        let answer = alice.post(PATH, &document(&json!({kind: [row]}))).await;
        answer.assert_invalid(&format!("/entities/{kind}/0/{field}"));
    }
    let circle = json!([task(&json!({"parent_id": OTHER})), other(json!({"parent_id": ID}))]);
    alice.post(PATH, &document(&json!({"task": circle}))).await.assert_invalid("/entities/task");
    assert_empty(&alice).await;
    assert_eq!(alice.post(PATH, &document(&json!({"task": [good]}))).await.status, 200);
}

#[tokio::test]
async fn names_what_is_no_document() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    for (body, pointer) in [
        (json!({}), "/format"),
        (json!({"format": "another", "version": 1}), "/format"),
        (json!({"format": "almanac-export", "version": 2}), "/version"),
        (document(&json!({"wish": []})), "/entities/wish"),
        (document(&json!({"user": []})), "/entities/user"),
        (document(&json!({"task": {}})), "/entities/task"),
        (document(&json!({"task": [1]})), "/entities/task/0"),
        (json!({"format": "almanac-export", "version": 1, "entities": {}, "more": 1}), "/more"),
        (
            json!({"format": "almanac-export", "version": 1, "user": {"full_name": "", "preferences": {}}}),
            "/user/full_name",
        ),
        (json!({"format": "almanac-export", "version": 1, "user": {"preferences": []}}), "/user/preferences"),
        (
            json!({"format": "almanac-export", "version": 1, "user": {"preferences": {"a": "\u{0}"}}}),
            "/user/preferences/a",
        ),
    ] {
        let answer = alice.post(PATH, &body).await;
        assert_eq!(answer.status, 422, "{body}: {}", answer.text);
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{body}: {}", answer.text);
    }
    let text = alice.request(Method::POST, PATH).header("content-type", "application/json").body("{\"format\":");
    Answer::of(text).await.assert_problem(400, "malformed");
    assert_empty(&alice).await;
}

#[tokio::test]
async fn happens_once() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let body = document(&json!({"task": [task(&json!({}))]}));
    let send = || Answer::of(alice.request(Method::POST, PATH).header("idempotency-key", "once").json(&body));
    let (first, second) = tokio::join!(send(), send());
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (200, 200), "{} {}", first.text, second.text);
    assert_eq!(first.text, second.text);
    let replayed = [&first, &second].map(|answer| answer.header("idempotency-replayed"));
    assert!(replayed.contains(&"true") && replayed.contains(&""), "{replayed:?}");
}

#[tokio::test]
async fn needs_a_token() {
    let app = TestApp::start().await;
    app.anon().post(PATH, &json!({})).await.assert_problem(401, "token_missing");
}
