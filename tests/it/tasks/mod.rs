//! Tasks over HTTP: each endpoint, then what holds for all of them together.

mod create_task;
mod delete_recurrence;
mod delete_task;
mod find_recurrence;
mod find_task;
mod find_tree;
mod list_agenda;
mod list_occurrences;
mod list_tasks;
mod move_tasks;
mod recurring;
mod report_absence;
mod tend_recurrences;
mod update_occurrence;
mod update_occurrence_status;
mod update_recurrence;
mod update_status;
mod update_task;
mod update_tasks;
mod use_indexes;
mod walk_tasks;

use reqwest::Method;
use serde_json::Value;

use crate::app::{Actor, Answer};

const PATH: &str = "/api/tasks";
/// The id of nothing.
const NOTHING: &str = "0190a0a0-0000-7000-8000-000000000000";

/// Makes a task.
async fn create(actor: &Actor, body: &Value) -> Value {
    let answer = actor.post(PATH, body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json()
}

/// The address of a task.
fn address(task: &Value) -> String {
    format!("{PATH}/{}", id(task))
}

fn id(task: &Value) -> &str {
    task["id"].as_str().expect("an id")
}

async fn delete(actor: &Actor, path: &str) -> Answer {
    Answer::of(actor.request(Method::DELETE, path)).await
}

/// The same write with a header.
async fn send_with(actor: &Actor, method: Method, path: &str, header: (&str, &str), body: Option<&Value>) -> Answer {
    let request = actor.request(method, path).header(header.0, header.1);
    Answer::of(if let Some(body) = body { request.json(body) } else { request }).await
}

/// The titles of a list's tasks.
fn titles(page: &Answer) -> Vec<String> {
    assert_eq!(page.status, 200, "{}", page.text);
    let page = page.json();
    let title = |task: &Value| task["title"].as_str().expect("a title").to_owned();
    page.as_array().expect("a list").iter().map(title).collect()
}

/// The address of the next page, when there is one.
fn next(page: &Answer) -> Option<String> {
    let (address, _) = page.header("link").strip_prefix('<')?.split_once('>')?;
    Some(address.to_owned())
}
