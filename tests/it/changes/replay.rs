//! The promises of the log, over random work of two users who each send several things at once: numbers have no gaps
//! and follow the commits, the log alone rebuilds what is there, any action can be undone exactly or not at all, and
//! what is sent twice with one key happens once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::changes_after;
use crate::app::{Actor, Answer, TestApp};
use crate::dice::Dice;

/// How many things each user does at once, and how many times.
const HANDS: u64 = 4;
const DEEDS: usize = 25;
/// How many actions are undone afterwards.
const UNDONE: usize = 30;

/// What a user has made, by path and id; all hands of the user reach for it.
type Known = Arc<Mutex<Vec<(String, String)>>>;
/// A thing by kind and id, with its image.
type State = BTreeMap<(String, String), Value>;

/// Does one change after another to a state.
fn replay(state: &mut State, changes: &[Value]) {
    for change in changes {
        let thing = (text(&change["entity"]), text(&change["entity_id"]));
        let was = state.remove(&thing);
        assert_eq!(was.unwrap_or_default(), change["before"], "before {change}");
        if !change["after"].is_null() {
            state.insert(thing, change["after"].clone());
        }
    }
}

/// What is there, read from the tables themselves.
async fn state_of(app: &TestApp, owner: &str) -> State {
    let superuser = app.superuser().await;
    superuser.batch_execute("set timezone = 'UTC'").await.expect("a zone");
    let owner: Uuid = owner.parse().expect("an id");
    let tracked =
        "select tgrelid::regclass::text, encode(tgargs, 'escape') from pg_trigger where tgname = 'log_insert'";
    let mut state = State::new();
    for row in superuser.query(tracked, &[]).await.expect("the triggers") {
        let (table, arguments): (String, String) = (row.get(0), row.get(1));
        let mut arguments = arguments.split("\\000");
        let (entity, hidden) = (arguments.next().expect("a name"), arguments.next().expect("columns"));
        let owner_column = if table == "users" { "id" } else { "user_id" };
        let rows = superuser
            .query(
                &format!(
                    "select id::text, to_jsonb(t) - 'user_id' - '{hidden}'::text[] from {table} t
                     where {owner_column} = $1 and to_jsonb(t) ->> 'status' is distinct from 'streaming'"
                ),
                &[&owner],
            )
            .await
            .unwrap_or_else(|error| panic!("{table}: {error:?}"));
        state.extend(rows.iter().map(|row| ((entity.to_owned(), row.get(0)), row.get(1))));
    }
    state
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}")).to_owned()
}

/// What can be made, and with what.
fn makings(dice: &mut Dice, known: &[(String, String)]) -> (&'static str, Value) {
    let of = |path: &str, dice: &mut Dice| {
        let ids: Vec<&String> = known.iter().filter(|(kind, _)| kind == path).map(|(_, id)| id).collect();
        if ids.is_empty() || dice.one_in(2) { Value::Null } else { json!(ids[dice.below(ids.len())]) }
    };
    let title = format!("thing {}", dice.below(1_000));
    match dice.below(5) {
        0 | 1 => {
            let (parent, goal) = (of("/api/tasks", dice), of("/api/goals", dice));
            ("/api/tasks", json!({"title": title, "parent_id": parent, "goal_id": goal}))
        }
        2 => {
            let block = json!({"id": format!("b{title}"), "type": "checkListItem", "props": {"checked": dice.one_in(3)},
                               "content": [{"type": "text", "text": title, "styles": {}}], "children": []});
            ("/api/notes", json!({"title": title, "parent_id": of("/api/notes", dice), "content": [block]}))
        }
        3 => ("/api/goals", json!({"title": title, "timeframe": "week"})),
        _ => ("/api/conversations", json!({"title": title})),
    }
}

/// The first occurrence of a task that recurs; reading makes those that the calendar has reached.
async fn occurrence_of(actor: &Actor, task: &str) -> Option<String> {
    let answer = actor.get(&format!("{task}/occurrences")).await;
    answer.json()[0]["id"].as_str().map(str::to_owned)
}

/// Ticks or unticks a note's check box: in the note, or by the task that stands for it.
async fn tick(actor: &Actor, dice: &mut Dice, note: &str) -> (Method, String, Value) {
    let task = actor.get(&format!("{note}/tasks")).await.json()[0]["id"].as_str().map(str::to_owned);
    if let Some(task) = task.filter(|_| dice.one_in(2)) {
        let status = ["done", "pending"][dice.below(2)];
        return (Method::PUT, format!("/api/tasks/{task}/status"), json!({"status": status}));
    }
    let mut content = actor.get(note).await.json()["content"].take();
    if let Some(block) = content.get_mut(0) {
        block["props"]["checked"] = json!(dice.one_in(2));
    }
    (Method::PUT, note.to_owned(), json!({"content": content}))
}

/// A random deed: method, path and body.
async fn deed(actor: &Actor, dice: &mut Dice, all: &Known) -> (Method, String, Value) {
    let known = all.lock().expect("no hand panics with it").clone();
    let known = &known[..];
    let chosen = if known.is_empty() { None } else { Some(dice.below(known.len())) };
    match (dice.below(6), chosen) {
        (0..=2, _) | (_, None) => {
            let (path, body) = makings(dice, known);
            (Method::POST, path.to_owned(), body)
        }
        (3, Some(chosen)) if dice.one_in(2) => {
            let (path, id) = &known[chosen];
            all.lock().expect("no hand panics with it").retain(|(_, other)| other != id);
            (Method::DELETE, format!("{path}/{id}"), Value::Null)
        }
        (4, Some(chosen)) if known[chosen].0 == "/api/tasks" => {
            let status = ["done", "pending", "cancelled"][dice.below(3)];
            (Method::PUT, format!("/api/tasks/{}/status", known[chosen].1), json!({"status": status}))
        }
        (5, Some(chosen)) if known[chosen].0 == "/api/tasks" => {
            let path = format!("/api/tasks/{}", known[chosen].1);
            match occurrence_of(actor, &path).await {
                Some(occurrence) => {
                    let status = ["done", "skipped", "pending"][dice.below(3)];
                    (Method::PUT, format!("{path}/occurrences/{occurrence}/status"), json!({"status": status}))
                }
                None => {
                    (Method::PUT, format!("{path}/recurrence"), json!({"rule": "FREQ=WEEKLY", "missed_policy": "all"}))
                }
            }
        }
        (4 | 5, Some(chosen)) if known[chosen].0 == "/api/notes" => {
            tick(actor, dice, &format!("/api/notes/{}", known[chosen].1)).await
        }
        (_, Some(chosen)) => {
            let (path, id) = &known[chosen];
            let method = if path == "/api/conversations" { Method::PATCH } else { Method::PUT };
            (method, format!("{path}/{id}"), json!({"title": format!("thing {}", dice.below(1_000))}))
        }
    }
}

/// Does something. What it made, if it made something, goes to what all hands of the user know.
async fn act(actor: &Actor, dice: &mut Dice, all: &Known) {
    let (method, path, body) = deed(actor, dice, all).await;
    let key = format!("key-{}", dice.next());
    let send = || {
        let request = actor.request(method.clone(), &path).header("idempotency-key", &key);
        Answer::of(if body.is_null() { request } else { request.json(&body) })
    };
    let answer = if dice.one_in(3) {
        // Sent twice at once: both hear the same, unless the first was refused for what is no longer so.
        let (one, other) = tokio::join!(send(), send());
        if one.status.is_success() && other.status.is_success() {
            assert_eq!(one.text, other.text, "{method} {path}");
            assert_eq!(one.header("action-group"), other.header("action-group"));
        }
        one
    } else {
        send().await
    };
    // What another hand deleted meanwhile is not found, and what no longer fits is a conflict.
    assert!([200, 201, 204, 404, 409, 422].contains(&answer.status.as_u16()), "{method} {path}: {}", answer.text);
    if answer.status == 201 && method == Method::POST {
        all.lock().expect("no hand panics with it").push((path, text(&answer.json()["id"])));
    }
}

/// Polls the log until `stop`, as a client that keeps a copy does.
async fn follow(actor: Actor, stop: tokio::sync::watch::Receiver<bool>) -> Vec<Value> {
    let mut seen: Vec<Value> = Vec::new();
    loop {
        let is_over = *stop.borrow();
        let last = seen.last().map_or(0, |change| change["seq"].as_i64().expect("a number"));
        seen.extend(changes_after(&actor, last).await);
        if is_over {
            return seen;
        }
    }
}

async fn work(actor: Actor, known: Known, seed: u64) {
    let mut dice = Dice::seeded(seed);
    let task = text(&actor.post("/api/tasks", &json!({"title": "again and again"})).await.json()["id"]);
    let recurring = actor.put(&format!("/api/tasks/{task}/recurrence"), &json!({"rule": "FREQ=WEEKLY"})).await;
    assert_eq!(recurring.status, 201, "{}", recurring.text);
    known.lock().expect("no hand panics with it").push(("/api/tasks".to_owned(), task));
    for _ in 0..DEEDS {
        act(&actor, &mut dice, &known).await;
    }
}

/// Undoes a random action and compares what became of everything.
async fn undo_one(app: &TestApp, actor: &Actor, dice: &mut Dice) -> bool {
    let log = changes_after(actor, 0).await;
    let group = text(&log[dice.below(log.len())]["action_group"]);
    let before = state_of(app, &actor.id()).await;
    let answer = actor.post(&format!("/api/undo/{group}"), &Value::Null).await;
    let after = state_of(app, &actor.id()).await;
    if answer.status == 409 {
        assert_eq!(before, after, "a conflict changes nothing");
        return false;
    }
    assert_eq!(answer.status, 200, "{}", answer.text);
    let mut expected = before;
    // Backwards, so that what was first before the action is what stays.
    for change in log.iter().rev().filter(|change| text(&change["action_group"]) == group) {
        let thing = (text(&change["entity"]), text(&change["entity_id"]));
        match &change["before"] {
            Value::Null => drop(expected.remove(&thing)),
            image => drop(expected.insert(thing, image.clone())),
        }
    }
    assert_eq!(after, expected, "undoing {group}");
    true
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_is_complete_ordered_and_reversible() {
    let seed = Dice::seed_of_run();
    let app = TestApp::start().await;
    let people = [app.register("alice").await, app.register("bob").await];
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let followers: Vec<_> = people.iter().map(|one| tokio::spawn(follow(one.clone(), stopped.clone()))).collect();
    let hands = people.iter().enumerate().flat_map(|(at, one)| {
        let known = Known::default();
        (0..HANDS).map(move |hand| tokio::spawn(work(one.clone(), known.clone(), seed ^ (at as u64 * 100 + hand))))
    });
    for hand in hands.collect::<Vec<_>>() {
        hand.await.expect("the work is done");
    }
    stop.send(true).expect("somebody follows");
    for (person, follower) in people.iter().zip(followers) {
        let log = changes_after(person, 0).await;
        let numbers: Vec<_> = log.iter().map(|change| change["seq"].as_i64().expect("a number")).collect();
        assert_eq!(numbers, (1..).take(log.len()).collect::<Vec<i64>>(), "no gaps");
        assert_eq!(follower.await.expect("it followed"), log, "who follows misses nothing");
        let mut state = State::new();
        replay(&mut state, &log);
        assert_eq!(state, state_of(&app, &person.id()).await, "the log rebuilds what is there");
        for entity in ["conversation", "goal", "note", "occurrence", "recurrence", "task"] {
            assert!(log.iter().any(|change| change["entity"] == entity), "the work touched a {entity}");
        }
    }
    let mut dice = Dice::seeded(seed);
    let mut done = 0;
    for _ in 0..UNDONE {
        done += usize::from(undo_one(&app, &people[0], &mut dice).await);
    }
    assert!(done > 0, "some of {UNDONE} actions can be undone");
    let mut state = State::new();
    replay(&mut state, &changes_after(&people[0], 0).await);
    assert_eq!(state, state_of(&app, &people[0].id()).await, "also after undoing");
}

#[tokio::test]
async fn the_log_knows_every_table_it_follows() {
    let app = TestApp::start().await;
    let tracked = "select tgrelid::regclass::text, split_part(encode(tgargs, 'escape'), '\\000', 1) from pg_trigger
                   where tgname in ('log_insert', 'log_update', 'log_delete')
                   group by 1, 2 having count(*) = 3 order by 1";
    let rows = app.superuser().await.query(tracked, &[]).await.expect("the triggers");
    let tracked: Vec<(String, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let listed = domain::change::ENTITIES.iter().map(|entity| (entity.table.to_owned(), entity.name.to_owned()));
    let mut listed: Vec<_> = listed.collect();
    listed.sort();
    assert_eq!(tracked, listed);
}
