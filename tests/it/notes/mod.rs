//! Notes over HTTP: each endpoint, then how their check boxes and tasks agree.

mod agree;
mod check_boxes;
mod create_note;
mod delete_note;
mod find_note;
mod list_note_tasks;
mod list_notes;
mod search_notes;
mod update_note;

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Actor, Answer};

const PATH: &str = "/api/notes";
/// The id of nothing.
const NOTHING: &str = "0190a0a0-0000-7000-8000-000000000000";

/// Makes a note.
async fn create(actor: &Actor, body: &Value) -> Value {
    let answer = actor.post(PATH, body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json()
}

/// The note as it is now.
async fn find(actor: &Actor, note: &Value) -> Value {
    let answer = actor.get(&address(note)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

/// Saves content.
async fn save(actor: &Actor, note: &Value, content: &Value) -> Value {
    let answer = actor.put(&address(note), &json!({"content": content})).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

async fn delete(actor: &Actor, note: &Value) -> Answer {
    Answer::of(actor.request(Method::DELETE, &address(note))).await
}

/// The same write with a header.
async fn put_with(actor: &Actor, note: &Value, header: (&str, &str), body: &Value) -> Answer {
    Answer::of(actor.request(Method::PUT, &address(note)).header(header.0, header.1).json(body)).await
}

/// The tasks of a note, oldest first.
async fn tasks(actor: &Actor, note: &Value) -> Vec<Value> {
    let answer = actor.get(&format!("{}/tasks?limit=100", address(note))).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let mut tasks: Vec<Value> = serde_json::from_str(&answer.text).expect("a list");
    tasks.reverse();
    tasks
}

/// Titles and statuses of the tasks of a note, in the order of the titles.
async fn states(actor: &Actor, note: &Value) -> Vec<(String, String)> {
    let text = |task: &Value, field: &str| task[field].as_str().expect("a text").to_owned();
    let tasks = tasks(actor, note).await;
    let mut states: Vec<_> = tasks.iter().map(|task| (text(task, "title"), text(task, "status"))).collect();
    states.sort();
    states
}

async fn set_status(actor: &Actor, task: &Value, status: &str) {
    let path = format!("/api/tasks/{}/status", id(task));
    let answer = actor.put(&path, &json!({"status": status})).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

/// The address of a note.
fn address(note: &Value) -> String {
    format!("{PATH}/{}", id(note))
}

fn id(thing: &Value) -> &str {
    thing["id"].as_str().expect("an id")
}

/// A check box as BlockNote writes it.
fn check_box(id: &str, text: &str, is_checked: bool) -> Value {
    json!({
        "id": id,
        "type": "checkListItem",
        "props": {"textColor": "default", "backgroundColor": "default", "textAlignment": "left", "checked": is_checked},
        "content": [{"type": "text", "text": text, "styles": {}}],
        "children": [],
    })
}

/// A paragraph as BlockNote writes it.
fn paragraph(id: &str, text: &str) -> Value {
    json!({"id": id, "type": "paragraph", "props": {}, "content": [{"type": "text", "text": text, "styles": {}}], "children": []})
}

/// The titles of a list.
fn titles(page: &Answer) -> Vec<String> {
    assert_eq!(page.status, 200, "{}", page.text);
    let page = page.json();
    let title = |note: &Value| note["title"].as_str().expect("a title").to_owned();
    page.as_array().expect("a list").iter().map(title).collect()
}

/// The address of the next page, when there is one.
fn next(page: &Answer) -> Option<String> {
    let (address, _) = page.header("link").strip_prefix('<')?.split_once('>')?;
    Some(address.to_owned())
}
