//! However tasks are moved, and by however many at once, none comes to lie below itself.

use serde_json::{Value, json};

use super::{PATH, address, create, id};
use crate::app::{Actor, TestApp};
use crate::dice::Dice;

const TASKS: usize = 12;
const MOVERS: u64 = 6;
const MOVES: usize = 25;

/// Tasks that are below themselves.
const CYCLES: &str = "with recursive below (top, id) as (
        select id, id from tasks
        union
        select b.top, t.id from tasks t join below b on t.parent_id = b.id
    )
    select count(*) from tasks t join below b on b.id = t.parent_id and b.top = t.id";

async fn mover(actor: Actor, ids: Vec<String>, seed: u64) -> [u32; 2] {
    let mut dice = Dice::seeded(seed);
    let mut outcomes = [0, 0];
    for _ in 0..MOVES {
        let (task, parent) = (&ids[dice.below(TASKS)], &ids[dice.below(TASKS)]);
        let parent = if dice.one_in(5) { Value::Null } else { json!(parent) };
        let answer = if dice.one_in(2) {
            actor.put(&format!("{PATH}/{task}"), &json!({"parent_id": parent})).await
        } else {
            let other = ids.iter().find(|id| *id != task && dice.one_in(4)).unwrap_or(&ids[0]);
            let mut named = vec![task, other];
            named.dedup();
            actor.patch(PATH, &json!({"ids": named, "set": {"parent_id": parent}})).await
        };
        if answer.status == 200 {
            outcomes[0] += 1;
        } else {
            answer.assert_problem(409, "cycle");
            outcomes[1] += 1;
        }
    }
    outcomes
}

#[tokio::test(flavor = "multi_thread")]
async fn random_moves_at_once_make_no_circle() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let mut ids = Vec::new();
    for n in 0..TASKS {
        ids.push(id(&create(&alice, &json!({"title": n.to_string()})).await).to_owned());
    }
    let start = Dice::seed_of_run();
    let movers = (0..MOVERS).map(|n| tokio::spawn(mover(alice.clone(), ids.clone(), start.wrapping_add(n))));
    let mut outcomes = [0, 0];
    for mover in movers.collect::<Vec<_>>() {
        let [moved, refused] = mover.await.expect("no answer was wrong");
        outcomes = [outcomes[0] + moved, outcomes[1] + refused];
    }
    assert!(outcomes.iter().all(|count| *count > 0), "both happen: {outcomes:?}");
    let cycles: i64 = app.superuser().await.query_one(CYCLES, &[]).await.expect("counted").get(0);
    assert_eq!(cycles, 0);
}

/// Two moves past the program's own checks, each right by itself.
#[tokio::test]
async fn the_database_itself_lets_none_close() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let (one, two) = (create(&alice, &json!({"title": "a"})).await, create(&alice, &json!({"title": "b"})).await);
    let (mut first, mut second) = (app.superuser().await, app.superuser().await);
    let sql = |task: &Value, parent: &Value| {
        format!("update tasks set parent_id = '{}' where id = '{}'", id(parent), id(task))
    };
    let held = first.transaction().await.expect("begun");
    held.batch_execute(&sql(&one, &two)).await.expect("the first move is right");
    let waiting = second.transaction().await.expect("begun");
    let closing = sql(&two, &one);
    let (waited, committed) = tokio::join!(waiting.batch_execute(&closing), async {
        let watcher = app.superuser().await;
        let waits = "select count(*) > 0 from pg_locks l join pg_database d on d.oid = l.database
                     where d.datname = current_database() and not l.granted";
        while !watcher.query_one(waits, &[]).await.expect("locks can be read").get::<_, bool>(0) {
            tokio::task::yield_now().await;
        }
        held.commit().await
    });
    committed.expect("the first move stays");
    let error = waited.expect_err("the second would close the circle");
    let broken = error.as_db_error().and_then(tokio_postgres::error::DbError::constraint);
    assert_eq!(broken, Some("tasks_acyclic"), "{error:?}");
}

/// Undoing an older move must not close a circle with a later one.
#[tokio::test]
async fn undoing_lets_none_close() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let one = create(&alice, &json!({"title": "a"})).await;
    let two = create(&alice, &json!({"title": "b", "parent_id": id(&one)})).await;
    let moved_out = alice.put(&address(&two), &json!({"parent_id": null})).await;
    let moved_in = alice.put(&address(&one), &json!({"parent_id": id(&two)})).await;
    assert_eq!(moved_in.status, 200, "{}", moved_in.text);
    let undone = alice.post(&format!("/api/undo/{}", moved_out.header("action-group")), &json!({})).await;
    assert_eq!(undone.status, 409, "{}", undone.text);
    assert_eq!(alice.get(&address(&two)).await.json()["parent_id"], Value::Null);
}
