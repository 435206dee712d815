//! A scene for what recurs: a product whose time stands at a known day, and somebody in it.

use std::time::Duration;

use base::config::Env;
use base::db::Db;
use domain::recurrence::{self, Tended};
use jiff::Timestamp;
use reqwest::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{address, create};
use crate::app::{Actor, PASSWORD, TestApp};

/// A Monday in winter: noon in UTC, 7:00 in New York, whose clocks change on Sunday the 10th.
pub(super) const MONDAY: &str = "2030-03-04T12:00:00Z";

pub(super) struct Scene {
    pub(super) app: TestApp,
    pub(super) alice: Actor,
}

impl Scene {
    /// It is [`MONDAY`].
    pub(super) async fn begin() -> Self {
        Self::begin_with(&json!({})).await
    }

    /// The same for somebody with preferences.
    pub(super) async fn begin_with(preferences: &Value) -> Self {
        let app = TestApp::start().await;
        let monday: Timestamp = MONDAY.parse().expect("a time");
        app.clock.advance(monday.duration_since(app.clock.now()).unsigned_abs());
        let alice = app.register("alice").await;
        assert_eq!(alice.put("/api/users/preferences", preferences).await.status, 200);
        Self { app, alice }
    }

    /// Lets days pass. Nobody tends anything meanwhile.
    pub(super) async fn pass_days(&mut self, days: u64) {
        self.app.clock.advance(Duration::from_secs(days * 24 * 60 * 60));
        let body = json!({"email": "alice@example.com", "password": PASSWORD});
        let session = self.app.anon().post("/api/auth/login", &body).await;
        assert_eq!(session.status, 200, "{}", session.text);
        let token = session.json()["access_token"].as_str().expect("a token").to_owned();
        self.alice = self.alice.with_token(token);
    }

    /// The job.
    pub(super) async fn tend(&self) -> Tended {
        let owner: Uuid = self.alice.id().parse().expect("an id");
        let mut tx = self.service().as_job(owner, self.app.clock.new_id()).await.expect("a transaction");
        let tended = recurrence::tend(&mut tx, owner, self.app.clock.now()).await.expect("it is tended");
        tx.commit().await.expect("it is kept");
        tended
    }

    /// The login of jobs.
    pub(super) fn service(&self) -> Db {
        let url = self.app.database.url("almanac_service");
        let env = Env::from_pairs([("DATABASE_SERVICE_URL", url.as_str())]);
        Db::service_from_env(&env).expect("the settings are right")
    }

    /// A task that recurs.
    pub(super) async fn recur(&self, title: &str, recurrence: &Value) -> Value {
        let task = create(&self.alice, &json!({"title": title})).await;
        let answer = self.alice.put(&recurrence_of(&task), recurrence).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        task
    }

    /// The occurrences of a task, from the Friday before [`MONDAY`] on.
    pub(super) async fn occurrences(&self, task: &Value, to: &str) -> Vec<Value> {
        let answer = self.alice.get(&format!("{}/occurrences?from=2030-03-01&to={to}&limit=1000", address(task))).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json().as_array().expect("a list").clone()
    }

    /// The same, each as a line: when it is due, in the zone and as an instant, and how far it is.
    pub(super) async fn shown(&self, task: &Value, to: &str) -> Vec<String> {
        self.occurrences(task, to).await.iter().map(show).collect()
    }

    /// Says how far the occurrence is that the rule has on this day.
    pub(super) async fn set(&self, task: &Value, day: &str, status: &str) -> Value {
        let occurrence = self.on(task, day).await;
        let answer =
            self.alice.put(&format!("{}/status", occurrence_of(&occurrence)), &json!({"status": status})).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    }

    /// Edits the occurrence that the rule has on this day.
    pub(super) async fn edit(&self, task: &Value, day: &str, change: &Value) -> Value {
        let occurrence = self.on(task, day).await;
        let answer = self.alice.put(&occurrence_of(&occurrence), change).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    }

    /// The occurrence that the rule has on this day.
    pub(super) async fn on(&self, task: &Value, day: &str) -> Value {
        let all = self.occurrences(task, "2030-12-31").await;
        let found = all.iter().find(|one| one["original_start"].as_str().is_some_and(|start| start.starts_with(day)));
        found.unwrap_or_else(|| panic!("none on {day}: {all:#?}")).clone()
    }

    /// How far the task is.
    pub(super) async fn status(&self, task: &Value) -> String {
        self.alice.get(&address(task)).await.json()["status"].as_str().expect("a status").to_owned()
    }
}

/// `2030-03-04 09:00 pending`, with `moved` where it is.
pub(super) fn show(occurrence: &Value) -> String {
    let text = |name: &str| occurrence[name].as_str().unwrap_or_default().to_owned();
    let time = occurrence["due_time"].as_str().map_or_else(String::new, |time| format!(" {}", &time[..5]));
    let moved = if occurrence["moved"] == true { " moved" } else { "" };
    format!("{}{time} {}{moved}", text("due_date"), text("status"))
}

/// The address of how a task recurs.
pub(super) fn recurrence_of(task: &Value) -> String {
    format!("{}/recurrence", address(task))
}

/// The address of an occurrence.
pub(super) fn occurrence_of(occurrence: &Value) -> String {
    let id = |name: &str| occurrence[name].as_str().expect("an id");
    format!("/api/tasks/{}/occurrences/{}", id("task_id"), id("id"))
}
