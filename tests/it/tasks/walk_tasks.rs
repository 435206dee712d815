//! However many tasks have equal keys, walking the pages of any order gives each once, also while others are made.

use std::cmp::Ordering;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use serde_json::{Value, json};
use uuid::Uuid;

use super::{PATH, create, id, next};
use crate::app::{Actor, TestApp};
use crate::dice::Dice;

const SORTS: [&str; 5] = ["created_at", "updated_at", "due", "priority", "title"];
const ROUNDS: usize = 6;
/// More tasks than there are keys, so that most are ties.
const TASKS_MAX: usize = 45;

/// The keys of a task, as orders compare them.
#[derive(Debug, Clone)]
struct Row {
    id: Uuid,
    created_at: usize,
    updated_at: usize,
    /// Day and time; a day without a time ends the day.
    due: Option<(usize, usize)>,
    priority: usize,
    title: &'static str,
}

impl Row {
    fn cast(dice: &mut Dice) -> Self {
        Self {
            id: Uuid::from_u128(u128::from(dice.next()) << 64 | u128::from(dice.next())),
            created_at: dice.below(3),
            updated_at: dice.below(3),
            due: (!dice.one_in(3)).then(|| (1 + dice.below(2), dice.below(3))),
            priority: dice.below(4),
            title: ["ant", "Ant", "bee", "BEE", "cat"][dice.below(5)],
        }
    }

    fn values(&self, owner: &str) -> String {
        let due = match self.due {
            None => "null, null".to_owned(),
            Some((day, 2)) => format!("'2026-12-0{day}', null"),
            Some((day, hour)) => format!("'2026-12-0{day}', '0{hour}:00'"),
        };
        let priority = ["low", "medium", "high", "urgent"][self.priority];
        let time = |moment: usize| format!("'2026-01-01T00:00:0{moment}Z'");
        let (created_at, updated_at) = (time(self.created_at), time(self.updated_at));
        format!("('{}', '{owner}', '{}', {due}, '{priority}', {created_at}, {updated_at})", self.id, self.title)
    }

    /// The order by a key and then by id, nothing due last in both directions.
    fn compare(&self, other: &Self, sort: &str, is_descending: bool) -> Ordering {
        let nothing_due = if sort == "due" { self.due.is_none().cmp(&other.due.is_none()) } else { Ordering::Equal };
        let key = match sort {
            "created_at" => self.created_at.cmp(&other.created_at),
            "updated_at" => self.updated_at.cmp(&other.updated_at),
            "due" => self.due.cmp(&other.due),
            "priority" => self.priority.cmp(&other.priority),
            _ => self.title.to_lowercase().cmp(&other.title.to_lowercase()),
        };
        let rest = key.then(self.id.cmp(&other.id));
        nothing_due.then(if is_descending { rest.reverse() } else { rest })
    }
}

fn ids(page: &Value) -> Vec<Uuid> {
    page.as_array().expect("a list").iter().map(|task| id(task).parse().expect("an id")).collect()
}

/// All pages of an order, by the last id of each or by `Link`.
async fn walk(actor: &Actor, sort: &str, limits: &[usize], by_link: bool) -> Vec<Uuid> {
    let mut seen: Vec<Uuid> = Vec::new();
    let mut path = format!("{PATH}?sort={sort}&limit={}", limits[0]);
    for limit in limits.iter().cycle().skip(1) {
        let page = actor.get(&path).await;
        assert_eq!(page.status, 200, "{}", page.text);
        seen.extend(ids(&page.json()));
        let Some(address) = next(&page) else { break };
        let last = seen.last().expect("a page that has a next one has rows");
        path = if by_link { address } else { format!("{PATH}?sort={sort}&limit={limit}&before={last}") };
    }
    seen
}

#[tokio::test]
async fn every_order_gives_each_once() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let superuser = app.superuser().await;
    let start = Dice::seed_of_run();
    let mut dice = Dice::seeded(start);
    for _ in 0..ROUNDS {
        let mut rows: Vec<Row> = (0..=dice.below(TASKS_MAX)).map(|_| Row::cast(&mut dice)).collect();
        let of_alice = rows.iter().map(|row| row.values(&alice.id()));
        // Bob's lie between them.
        let of_bob: Vec<String> = (0..10).map(|_| Row::cast(&mut dice).values(&bob.id())).collect();
        let values = of_alice.chain(of_bob).collect::<Vec<_>>().join(", ");
        let sql = format!(
            "delete from tasks; insert into tasks
                 (id, user_id, title, due_date, due_time, priority, created_at, updated_at) values {values}"
        );
        superuser.batch_execute(&sql).await.expect("arranged");
        for sort in SORTS {
            for is_descending in [false, true] {
                rows.sort_by(|one, other| one.compare(other, sort, is_descending));
                let expected: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
                let sort = if is_descending { format!("-{sort}") } else { sort.to_owned() };
                let limits = [1 + dice.below(12), 1 + dice.below(12)];
                assert_eq!(walk(&alice, &sort, &limits, false).await, expected, "{sort} by {limits:?}");
                assert_eq!(walk(&alice, &sort, &limits, true).await, expected, "{sort} by {limits:?} and Link");
            }
        }
    }
}

/// Makes tasks with any keys until told to stop.
async fn make_more(actor: Actor, mut dice: Dice, is_over: Arc<AtomicBool>) {
    while !is_over.load(Relaxed) {
        let row = Row::cast(&mut dice);
        let day = row.due.map(|(day, _)| format!("2026-12-0{day}"));
        let priority = ["low", "medium", "high", "urgent"][row.priority];
        create(&actor, &json!({"title": row.title, "due_date": day, "priority": priority})).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_made_meanwhile_disturbs_nothing() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let superuser = app.superuser().await;
    let start = Dice::seed_of_run();
    let mut dice = Dice::seeded(start);
    let rows: Vec<Row> = (0..TASKS_MAX).map(|_| Row::cast(&mut dice)).collect();
    let values = rows.iter().map(|row| row.values(&alice.id())).collect::<Vec<_>>().join(", ");
    let sql = format!(
        "insert into tasks (id, user_id, title, due_date, due_time, priority, created_at, updated_at) values {values}"
    );
    superuser.batch_execute(&sql).await.expect("arranged");
    let is_over = Arc::new(AtomicBool::new(false));
    let makers: Vec<_> = (1..3)
        .map(|n| tokio::spawn(make_more(alice.clone(), Dice::seeded(start.wrapping_add(n)), Arc::clone(&is_over))))
        .collect();
    for sort in SORTS {
        for is_descending in [false, true] {
            let mut before = rows.clone();
            before.sort_by(|one, other| one.compare(other, sort, is_descending));
            let before: Vec<Uuid> = before.iter().map(|row| row.id).collect();
            let sort = if is_descending { format!("-{sort}") } else { sort.to_owned() };
            let mut seen = walk(&alice, &sort, &[9, 17], true).await;
            let all = seen.clone();
            seen.retain(|id| before.contains(id));
            assert_eq!(seen, before, "{sort}");
            let distinct: std::collections::HashSet<&Uuid> = all.iter().collect();
            assert_eq!(distinct.len(), all.len(), "{sort}");
        }
    }
    is_over.store(true, Relaxed);
    for maker in makers {
        maker.await.expect("every task was made");
    }
}
