//! People who write and read without pause, and know what they were told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::app::{Actor, Answer, PASSWORD};

/// How long somebody who was refused waits. They are told a longer time; here it shall go on soon.
const WAIT: Duration = Duration::from_millis(20);
/// Longer than anything that recovers at all.
const PATIENCE: Duration = Duration::from_secs(20);
/// How many tasks a page has when everything is read again.
const PAGE: usize = 100;

/// What came back for one write.
pub(super) enum Told {
    /// The task, acknowledged.
    Made(Uuid),
    /// 503 with when to try again.
    Refused,
    /// No answer, or half of one.
    CutOff,
}

/// Makes a task under a key of its own. Any answer but 201 and an orderly 503 is a failure.
pub(super) async fn make(actor: &Actor, key: &str, description: &str) -> Told {
    let request = actor.request(Method::POST, "/api/tasks").header("idempotency-key", key);
    let sent = request.json(&json!({"title": key, "description": description})).send().await;
    let Ok(response) = sent else { return Told::CutOff };
    let (status, headers) = (response.status(), response.headers().clone());
    let Ok(text) = response.text().await else { return Told::CutOff };
    let answer = Answer { status, headers, text };
    if answer.status == 201 {
        return Told::Made(answer.json()["id"].as_str().and_then(|id| id.parse().ok()).expect("an id"));
    }
    check_refusal(&answer);
    Told::Refused
}

/// A refusal says what it is and when to come back.
pub(super) fn check_refusal(answer: &Answer) {
    answer.assert_problem(503, "database_unavailable");
    let seconds: u32 = answer.header("retry-after").parse().expect("Retry-After in seconds");
    assert!((1..=30).contains(&seconds), "{seconds}");
}

/// What one writer was told.
#[derive(Default)]
pub(super) struct Written {
    /// The tasks that were acknowledged, by their keys, which are their titles too.
    pub(super) acknowledged: BTreeMap<String, Uuid>,
    pub(super) refused: usize,
    pub(super) cut_off: usize,
    /// The key of the write that was not acknowledged.
    pub(super) open_key: Option<String>,
}

impl Written {
    fn add(&mut self, key: String, told: &Told) -> bool {
        match *told {
            Told::Made(id) => {
                assert_eq!(self.acknowledged.insert(key, id), None);
                return true;
            }
            Told::Refused => self.refused += 1,
            Told::CutOff => self.cut_off += 1,
        }
        self.open_key = Some(key);
        false
    }
}

/// Somebody who makes one task after another, and sends again under the same key what was not acknowledged.
pub(super) struct Writer {
    pub(super) actor: Actor,
    name: String,
    sent: usize,
    pub(super) written: Written,
}

impl Writer {
    pub(super) fn new(actor: Actor, name: impl Into<String>) -> Self {
        Self { actor, name: name.into(), sent: 0, written: Written::default() }
    }

    /// Makes the next task, or the one that was not acknowledged. True when it is.
    pub(super) async fn write_one(&mut self) -> bool {
        let key = self.written.open_key.take().unwrap_or_else(|| {
            self.sent += 1;
            format!("{}-{}", self.name, self.sent)
        });
        let told = make(&self.actor, &key, "").await;
        self.written.add(key, &told)
    }
}

/// Writers and readers at work, until they are told to stop.
pub(super) struct Load {
    writing: JoinSet<Writer>,
    reading: JoinSet<()>,
    is_over: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
}

impl Load {
    /// Everybody begins, and beside each writer a reader, who sees whole pages or is refused in order.
    pub(super) fn start(writers: Vec<Writer>) -> Self {
        let readers: Vec<Actor> = writers.iter().map(|writer| writer.actor.clone()).collect();
        let mut load = Self::writing_only(writers);
        for reader in readers {
            let over = Arc::clone(&load.is_over);
            load.reading.spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    let answer = reader.get("/api/tasks").await;
                    if answer.status != 200 {
                        check_refusal(&answer);
                        tokio::time::sleep(WAIT).await;
                    }
                }
            });
        }
        load
    }

    /// Writers begin, nobody reads.
    pub(super) fn writing_only(writers: Vec<Writer>) -> Self {
        let (is_over, acknowledged) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let mut writing = JoinSet::new();
        for mut writer in writers {
            let (over, count) = (Arc::clone(&is_over), Arc::clone(&acknowledged));
            writing.spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    if writer.write_one().await {
                        count.fetch_add(1, Ordering::Relaxed);
                    } else {
                        tokio::time::sleep(WAIT).await;
                    }
                }
                writer
            });
        }
        Self { writing, reading: JoinSet::new(), is_over, acknowledged }
    }

    /// Waits until `count` more tasks were acknowledged, and tells how long that took.
    pub(super) async fn until_more(&self, count: usize) -> Duration {
        let (begun, wanted) = (Instant::now(), self.acknowledged.load(Ordering::Relaxed) + count);
        while self.acknowledged.load(Ordering::Relaxed) < wanted {
            assert!(begun.elapsed() < PATIENCE, "nothing is acknowledged any more");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        begun.elapsed()
    }

    /// Lets everybody end what they are at.
    pub(super) async fn stop(self) -> Vec<Writer> {
        self.is_over.store(true, Ordering::Relaxed);
        self.reading.join_all().await;
        self.writing.join_all().await
    }
}

/// Somebody new, registered with the program at this address.
pub(super) async fn register(at: &Actor, name: &str) -> Actor {
    let body = json!({"email": format!("{name}@example.com"), "password": PASSWORD, "full_name": name});
    let answer = at.post("/api/auth/register", &body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let session = answer.json();
    let token = session["access_token"].as_str().expect("a token").to_owned();
    let mut actor = at.with_token(token);
    actor.session = session;
    actor
}

/// Sends once more what was still refused, and gives how many writes were refused. The program answered them all,
/// whatever its database does.
pub(super) async fn settle(writers: &mut [Writer]) -> usize {
    let mut refused = 0;
    for writer in writers {
        assert!(writer.written.open_key.is_none() || writer.write_one().await);
        assert_eq!(writer.written.cut_off, 0, "the program answers, whatever its database does");
        refused += writer.written.refused;
    }
    refused
}

/// Everything that one user's writers were told is there, once, and nothing else; and the log has no gap.
pub(super) async fn check_stored<'a>(actor: &Actor, written: impl Iterator<Item = &'a Written>) {
    let expected: BTreeMap<String, Uuid> =
        written.flat_map(|written| written.acknowledged.iter().map(|(key, id)| (key.clone(), *id))).collect();
    let mut path = format!("/api/tasks?limit={PAGE}");
    let mut found: Vec<(String, Uuid)> = Vec::new();
    loop {
        let page: Vec<Value> = serde_json::from_value(actor.get(&path).await.json()).expect("a list");
        found.extend(page.iter().map(|task| {
            let text = |field: &str| task[field].as_str().expect("a text").to_owned();
            (text("title"), text("id").parse().expect("a UUID"))
        }));
        if page.len() < PAGE {
            break;
        }
        path = format!("/api/tasks?limit={PAGE}&before={}", found.last().expect("a full page").1);
    }
    found.sort();
    assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
    check_log(actor).await;
}

async fn check_log(actor: &Actor) {
    let mut last = 0;
    loop {
        let page = actor.get(&format!("/api/changes?after={last}&limit=500")).await.json();
        let page = page.as_array().expect("a list").clone();
        for change in &page {
            last += 1;
            assert_eq!(change["seq"], last, "the log has a gap");
        }
        if page.len() < 500 {
            break;
        }
    }
}
