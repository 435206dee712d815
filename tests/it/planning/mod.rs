//! Goals, whose progress follows from tasks, and reflections on what happened.

mod create_goal;
mod create_reflection;
mod delete_goal;
mod delete_reflection;
mod derive_progress;
mod find_goal;
mod find_reflection;
mod list_goals;
mod list_reflections;
mod move_goals;
mod show_draft;
mod update_goal;
mod update_reflection;

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Actor, Answer};

const GOALS: &str = "/api/goals";
const REFLECTIONS: &str = "/api/reflections";
/// Nothing has this id.
const NOBODY: &str = "0190a0a0-0000-7000-8000-000000000000";

/// The address of a goal.
fn goal_at(goal: &Value) -> String {
    format!("{GOALS}/{}", id_of(goal))
}

fn reflection_at(reflection: &Value) -> String {
    format!("{REFLECTIONS}/{}", id_of(reflection))
}

fn id_of(thing: &Value) -> &str {
    thing["id"].as_str().expect("it has an id")
}

/// Makes a goal out of a title, a timeframe, and whatever else is said.
async fn make_goal(actor: &Actor, title: &str, timeframe: &str, more: Value) -> Value {
    let body = merged(json!({"title": title, "timeframe": timeframe, "starts_on": "2026-11-21"}), more);
    made(&actor.post(GOALS, &body).await)
}

async fn make_task(actor: &Actor, title: &str, more: Value) -> Value {
    made(&actor.post("/api/tasks", &merged(json!({"title": title}), more)).await)
}

async fn make_reflection(actor: &Actor, kind: &str, date: &str, content: &str) -> Value {
    let body = json!({"reflection_type": kind, "date": date, "content": content});
    made(&actor.post(REFLECTIONS, &body).await)
}

fn made(answer: &Answer) -> Value {
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json()
}

fn merged(mut body: Value, more: Value) -> Value {
    if let Value::Object(more) = more {
        body.as_object_mut().expect("an object").extend(more);
    }
    body
}

async fn delete(actor: &Actor, path: &str) -> Answer {
    Answer::of(actor.request(Method::DELETE, path)).await
}

/// A page's values of one field, and where the next page is.
fn page_of(page: &Answer, field: &str) -> (Vec<String>, Option<String>) {
    assert_eq!(page.status, 200, "{}", page.text);
    let text = |item: &Value| item[field].as_str().expect("a text").to_owned();
    let items = page.json().as_array().expect("a list").iter().map(text).collect();
    let link = page.header("link").strip_prefix('<').and_then(|link| link.split_once('>'));
    (items, link.map(|(address, _)| address.to_owned()))
}

async fn listed(actor: &Actor, path: &str, field: &str) -> Vec<String> {
    page_of(&actor.get(path).await, field).0
}

/// One field of every item, page by page.
async fn walked(actor: &Actor, path: &str, field: &str) -> Vec<String> {
    let (mut seen, mut address) = (Vec::new(), Some(path.to_owned()));
    while let Some(path) = address {
        let (items, next) = page_of(&actor.get(&path).await, field);
        seen.extend(items);
        address = next;
    }
    seen
}

/// Sends the same write twice under one key, and another one under it.
async fn assert_happens_once(actor: &Actor, method: Method, path: &str, body: &Value, other: (&str, &Value)) -> Answer {
    let send = |path: &str, body: &Value| {
        let request = actor.request(method.clone(), path).header("idempotency-key", "once");
        Answer::of(if body.is_null() { request } else { request.json(body) })
    };
    let first = send(path, body).await;
    assert!(first.status.is_success(), "{}", first.text);
    let second = send(path, body).await;
    assert_eq!((second.status, &second.text), (first.status, &first.text));
    assert_eq!(second.header("idempotency-replayed"), "true");
    send(other.0, other.1).await.assert_problem(422, "idempotency_key_reused");
    first
}

/// The next three writes: with the tag of another state refused, with the present one taken, and then with that again
/// refused.
async fn assert_guarded(actor: &Actor, method: Method, path: &str, body: &Value) {
    let tagged = |tag: String| {
        let request = actor.request(method.clone(), path).header("if-match", tag);
        Answer::of(if body.is_null() { request } else { request.json(body) })
    };
    let present = actor.get(path).await.header("etag").to_owned();
    assert!(!present.is_empty());
    tagged("\"of-another-state\"".to_owned()).await.assert_problem(412, "precondition_failed");
    let written = tagged(present.clone()).await;
    assert!(written.status.is_success(), "{}", written.text);
    if method == Method::PUT {
        assert_eq!(written.header("etag"), actor.get(path).await.header("etag"), "a write tells the tag it leaves");
        tagged(present).await.assert_problem(412, "precondition_failed");
    }
}

/// What is missing: the token, the right, the thing itself.
async fn assert_private(owner: &Actor, other: &Actor, anon: &Actor, method: Method, path: &str, body: &Value) {
    let send = |actor: &Actor, path: &str| {
        let request = actor.request(method.clone(), path);
        Answer::of(if body.is_null() { request } else { request.json(body) })
    };
    send(anon, path).await.assert_problem(401, "token_missing");
    send(other, path).await.assert_problem(404, "not_found");
    let (collection, _) = path.rsplit_once('/').expect("an id at the end");
    send(owner, &format!("{collection}/{NOBODY}")).await.assert_problem(404, "not_found");
    send(owner, &format!("{collection}/no-id")).await.assert_problem(404, "not_found");
}
