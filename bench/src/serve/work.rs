//! What is asked, and what must be true of the answers.

use anyhow::{Context, Result, ensure};
use memchr::memmem::{self, Finder};
use serde_json::{Value, json};

use super::clients::Outcome;
use crate::almanac::{Almanac, User};
use crate::upstream::{self, BURST, CHUNKS, PACED, SLOW};
use crate::wire::request;

/// How many rows a page has.
pub(super) const ROWS_PER_PAGE: usize = 50;
const QUESTION: &str = "Plan my Monday, please.";
const TITLE: &str = "Call the harbour master";
/// One answer in so many is read whole, as reading all would take the machine from those who answer.
const READ_EVERY: usize = 50;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Route {
    ListTasks,
    ListHistory,
    CreateTask,
    Chat,
}

impl Route {
    pub(super) const ALL: [Self; 4] = [Self::ListTasks, Self::ListHistory, Self::CreateTask, Self::Chat];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::ListTasks => "page of 50 tasks",
            Self::ListHistory => "page of 50 messages",
            Self::CreateTask => "new task",
            Self::Chat => "chat, 50 words",
        }
    }

    /// Of ten requests.
    fn share(self) -> usize {
        match self {
            Self::ListTasks => 4,
            Self::ListHistory => 3,
            Self::CreateTask => 2,
            Self::Chat => 1,
        }
    }
}

/// Requests in the order in which they are made, each of a user taken by chance.
#[derive(Debug)]
pub(super) struct Work {
    turns: Vec<(Route, Vec<u8>)>,
    /// The text of every reply.
    reply: String,
}

impl Work {
    /// All routes in their shares. The model answers at the pace of models when `paced`, otherwise at once.
    pub(super) fn mixed(users: &[User], paced: bool) -> Self {
        let model = if paced { PACED } else { BURST };
        let of_ten: Vec<Route> = Route::ALL.iter().flat_map(|route| vec![*route; route.share()]).collect();
        let mut state = 1_u64;
        let mut chance = |below: usize| {
            // Knuth's constants for a linear congruential generator; its high bits are the good ones.
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap_or_default() % below
        };
        let mut turns = vec![];
        for _ in 0..users.len() {
            let mut routes = of_ten.clone();
            while !routes.is_empty() {
                let route = routes.swap_remove(chance(routes.len()));
                turns.push((route, request_of(route, &users[chance(users.len())], model)));
            }
        }
        Self { turns, reply: upstream::whole_text() }
    }

    /// One slow stream of each user after the other.
    pub(super) fn slow_streams(users: &[User]) -> Self {
        let turns = users.iter().map(|user| (Route::Chat, request_of(Route::Chat, user, SLOW))).collect();
        Self { turns, reply: upstream::whole_text() }
    }

    /// The request with this number, counted from 0 and beginning anew after the last.
    pub(super) fn turn(&self, number: usize) -> (Route, &[u8]) {
        let (route, request) = &self.turns[number % self.turns.len()];
        (*route, request)
    }

    /// Fails when the answer to the request with this number is not what it must be.
    pub(super) fn check(&self, number: usize, status: &str, body: &[u8]) -> Result<()> {
        let (route, _) = self.turn(number);
        let expected = if route == Route::CreateTask { "201" } else { "200" };
        let text = || format!("{}: {status}: {}", route.name(), String::from_utf8_lossy(&body[..body.len().min(500)]));
        ensure!(status == expected, text());
        let right = match route {
            Route::ListTasks => is_page(body, "\"title\":"),
            Route::ListHistory => is_page(body, "\"conversation_id\":"),
            Route::CreateTask => body.ends_with(b"}") && memmem::find(body, TITLE.as_bytes()).is_some(),
            Route::Chat => spoken(body)? == self.reply && is_finished(body),
        };
        ensure!(right, text());
        if number.is_multiple_of(READ_EVERY) && route != Route::Chat {
            read(route, &serde_json::from_slice(body)?).with_context(text)?;
        }
        Ok(())
    }
}

fn request_of(route: Route, user: &User, model: &str) -> Vec<u8> {
    let headers = [("authorization", user.bearer())];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    match route {
        Route::ListTasks => request("GET", &format!("/api/tasks?limit={ROWS_PER_PAGE}"), &headers, ""),
        Route::ListHistory => request("GET", &format!("/api/chat/history?limit={ROWS_PER_PAGE}"), &headers, ""),
        Route::CreateTask => {
            let task = json!({"title": TITLE, "description": "About the berth for June.", "priority": "high",
                              "due_date": "2026-12-01", "due_time": "09:30:00", "estimate_minutes": 30,
                              "tags": ["calls", "boat"]});
            request("POST", "/api/tasks", &headers, &task.to_string())
        }
        Route::Chat => {
            let said = json!({"content": QUESTION, "model": format!("openai/{model}")});
            request("POST", "/api/chat", &headers, &said.to_string())
        }
    }
}

fn is_page(body: &[u8], field: &str) -> bool {
    body.ends_with(b"}]") && Finder::new(field).find_iter(body).count() == ROWS_PER_PAGE
}

/// The words of a stream, together.
fn spoken(body: &[u8]) -> Result<String> {
    let mut said = String::new();
    for event in std::str::from_utf8(body)?.split("\n\n") {
        let Some(data) = event.strip_prefix("data: {").filter(|data| data.contains("text-delta")) else { continue };
        let part: Value = serde_json::from_str(&format!("{{{data}"))?;
        said.push_str(part["delta"].as_str().context("a delta without text")?);
    }
    Ok(said)
}

/// Whether a stream has its proper ending.
fn is_finished(body: &[u8]) -> bool {
    memmem::find(body, br#""type":"finish""#).is_some() && body.ends_with(b"data: [DONE]\n\n")
}

/// Reads an answer field by field.
fn read(route: Route, answer: &Value) -> Result<()> {
    let task_fields = [
        "id",
        "title",
        "description",
        "status",
        "priority",
        "due_date",
        "due_time",
        "estimate_minutes",
        "parent_id",
        "goal_id",
        "source",
        "source_reference",
        "tags",
        "metadata",
        "completed_at",
        "created_at",
        "updated_at",
    ];
    let message_fields = [
        "id",
        "conversation_id",
        "parent_id",
        "role",
        "content",
        "model",
        "status",
        "finish_reason",
        "error_code",
        "usage",
        "created_at",
        "updated_at",
    ];
    let (rows, fields) = match (route, answer) {
        (Route::CreateTask, task) => (vec![task], &task_fields[..]),
        (Route::ListHistory, Value::Array(rows)) => (rows.iter().collect(), &message_fields[..]),
        (_, Value::Array(rows)) => (rows.iter().collect(), &task_fields[..]),
        _ => anyhow::bail!("no list"),
    };
    for row in &rows {
        let missing = fields.iter().find(|field| row.get(field).is_none());
        ensure!(missing.is_none(), "{missing:?} is missing in {row}");
    }
    let times: Vec<&str> = rows.iter().filter_map(|row| row["created_at"].as_str()).map(|time| &time[..19]).collect();
    ensure!(times.len() == rows.len() && times.is_sorted_by(|one, next| one >= next), "not newest first: {times:?}");
    Ok(())
}

/// What the database held before, to see that it holds all that was acknowledged, and no more, afterwards.
pub(super) struct Ledger {
    tasks: i64,
    replies: i64,
}

impl Ledger {
    pub(super) async fn open(almanac: &Almanac) -> Result<Self> {
        let client = almanac.superuser().await?;
        let words = i32::try_from(CHUNKS)?;
        let tasks = client.query_one("select count(*) from tasks", &[]).await?.get(0);
        let whole = "select count(*) from messages where role = 'assistant' and status = 'complete'
                     and array_length(string_to_array(trim(content), ' '), 1) = $1";
        Ok(Self { tasks, replies: client.query_one(whole, &[&words]).await?.get(0) })
    }

    /// Compares what was answered with what is stored.
    pub(super) async fn check(&self, almanac: &Almanac, done: &[Outcome]) -> Result<String> {
        let now = Self::open(almanac).await?;
        let of = |route| done.iter().map(|outcome| outcome.answers(route).count()).sum::<usize>();
        let failures: usize = done.iter().map(|outcome| outcome.failures.len()).sum();
        let (tasks, replies) = (of(Route::CreateTask), of(Route::Chat));
        let (new_tasks, new_replies) = (now.tasks - self.tasks, now.replies - self.replies);
        let text = format!("{tasks} tasks and {replies} whole replies were answered, and are stored.");
        // Who failed may have stored something all the same.
        let (most, unknown) = (|count: usize| i64::try_from(count + failures), failures > 0);
        ensure!(
            new_tasks >= i64::try_from(tasks)? && new_tasks <= most(tasks)?,
            "{text} But there are {new_tasks} tasks"
        );
        let right = new_replies >= i64::try_from(replies)? && new_replies <= most(replies)?;
        ensure!(right, "{text} But there are {new_replies} replies");
        Ok(if unknown { format!("{text} {failures} requests failed.") } else { text })
    }
}
