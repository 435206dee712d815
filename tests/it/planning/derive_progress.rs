//! Derived progress is what its definition says, whatever the tree.

use std::fmt::Write;

use serde_json::{Value, json};
use uuid::Uuid;

use super::{GOALS, goal_at, make_goal, make_task};
use crate::app::TestApp;
use crate::dice::Dice;

/// One goal of a random tree, as the test knows it.
struct Node {
    id: Uuid,
    parent: Option<usize>,
    status: &'static str,
    manual: Option<i64>,
    tasks: Vec<&'static str>,
}

/// A fraction. Its parts stay small, since the trees are.
#[derive(Clone, Copy)]
struct Fraction(i128, i128);

impl Fraction {
    fn plus(self, other: Self) -> Self {
        Self(self.0 * other.1 + other.0 * self.1, self.1 * other.1).reduced()
    }

    fn reduced(self) -> Self {
        let (mut a, mut b) = (self.0.abs(), self.1);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        Self(self.0 / a.max(1), self.1 / a.max(1))
    }
}

/// The definition, word by word.
fn progress(nodes: &[Node], at: usize) -> Fraction {
    let node = &nodes[at];
    if let Some(percent) = node.manual {
        return Fraction(percent.into(), 1);
    }
    if node.status == "done" {
        return Fraction(100, 1);
    }
    let counts = |status: &&&str| !["cancelled", "archived"].contains(*status);
    let tasks = node.tasks.iter().filter(counts).map(|status| Fraction(if *status == "done" { 100 } else { 0 }, 1));
    let below = (0..nodes.len()).filter(|other| nodes[*other].parent == Some(at) && counts(&&nodes[*other].status));
    let items: Vec<Fraction> = tasks.chain(below.map(|other| progress(nodes, other))).collect();
    let count = i128::try_from(items.len()).expect("few");
    let sum = items.into_iter().fold(Fraction(0, 1), Fraction::plus);
    Fraction(sum.0, sum.1 * count.max(1)).reduced()
}

fn random_tree(dice: &mut Dice) -> Vec<Node> {
    let clock = base::Clock::system();
    let count = 1 + dice.below(12);
    (0..count)
        .map(|place| Node {
            id: clock.new_id(),
            parent: (place > 0 && !dice.one_in(5)).then(|| dice.below(place)),
            status: ["active", "active", "active", "done", "cancelled", "archived"][dice.below(6)],
            manual: dice.one_in(6).then(|| i64::try_from(dice.below(101)).expect("small")),
            tasks: (0..dice.below(5))
                .map(|_| ["pending", "in_progress", "done", "done", "cancelled", "archived"][dice.below(6)])
                .collect(),
        })
        .collect()
}

/// Puts the tree into the database as it is, since making it over HTTP takes its time. Its height is at most 12.
async fn plant(app: &TestApp, owner: &str, nodes: &[Node]) {
    let superuser = app.superuser().await;
    let mut sql = String::from("begin;");
    for node in nodes {
        let parent = node.parent.map_or("null".to_owned(), |at| format!("'{}'", nodes[at].id));
        let manual = node.manual.map_or("null".to_owned(), |percent| percent.to_string());
        write!(
            sql,
            "insert into goals (id, user_id, parent_goal_id, title, timeframe, starts_on, status, progress, created_at, updated_at)
             values ('{}', '{owner}', {parent}, 't', 'week', '2026-11-16', '{}', {manual}, now(), now());",
            node.id, node.status
        )
        .expect("a text takes text");
        for status in &node.tasks {
            let completed = if *status == "done" { "now()" } else { "null" };
            write!(
                sql,
                "insert into tasks (id, user_id, title, status, goal_id, completed_at, created_at, updated_at)
                 values (gen_random_uuid(), '{owner}', 't', '{status}', '{}', {completed}, now(), now());",
                node.id
            )
            .expect("a text takes text");
        }
    }
    superuser.batch_execute(&(sql + "commit;")).await.expect("the tree is planted");
}

#[tokio::test]
async fn equals_the_definition_on_random_trees() {
    let seed = Dice::seed_of_run();
    let mut dice = Dice::seeded(seed);
    let app = TestApp::start().await;
    let bob = app.register("bob").await;
    for round in 0..40 {
        let actor = app.register(&format!("gardener{round}")).await;
        let nodes = random_tree(&mut dice);
        plant(&app, &actor.id(), &nodes).await;
        let page = actor.get(&format!("{GOALS}?limit=100")).await.json();
        let listed = page.as_array().expect("a list");
        assert_eq!(listed.len(), nodes.len());
        for (at, node) in nodes.iter().enumerate() {
            let Fraction(sum, parts) = progress(&nodes, at);
            let expected = json!(sum.div_euclid(parts));
            let found = listed.iter().find(|goal| goal["id"] == json!(node.id)).expect("it is listed");
            assert_eq!(found["progress"], expected, "round {round}, goal {at} of {}", nodes.len());
            if at == 0 {
                assert_eq!(&actor.get(&goal_at(found)).await.json(), found);
            }
        }
    }
    assert_eq!(bob.get(GOALS).await.text, "[]");
}

#[tokio::test]
async fn is_never_stale() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let year = make_goal(&alice, "year", "year", Value::Null).await;
    let week = make_goal(&alice, "week", "week", json!({"parent_goal_id": year["id"]})).await;
    make_goal(&alice, "empty", "week", json!({"parent_goal_id": year["id"]})).await;
    let task = make_task(&alice, "task", json!({"goal_id": week["id"]})).await;
    let task_at = format!("/api/tasks/{}", task["id"].as_str().expect("an id"));
    for (status, of_week, of_year) in
        [("in_progress", 0, 0), ("done", 100, 50), ("pending", 0, 0), ("done", 100, 50), ("cancelled", 0, 0)]
    {
        let set = alice.put(&format!("{task_at}/status"), &json!({"status": status})).await;
        assert_eq!(set.status, 200, "{}", set.text);
        let found = [alice.get(&goal_at(&week)).await.json(), alice.get(&goal_at(&year)).await.json()];
        assert_eq!(found.map(|goal| goal["progress"].as_i64()), [Some(of_week), Some(of_year)], "{status}");
    }
}

#[tokio::test]
async fn thirds_are_whole() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let top = make_goal(&alice, "top", "year", Value::Null).await;
    for _ in 0..3 {
        let middle = make_goal(&alice, "middle", "month", json!({"parent_goal_id": top["id"]})).await;
        for status in ["done", "done", "done", "done", "done", "done", "done"] {
            make_task(&alice, "task", json!({"goal_id": middle["id"], "status": status})).await;
        }
    }
    assert_eq!(alice.get(&goal_at(&top)).await.json()["progress"], 100);
    make_task(&alice, "one more", json!({"goal_id": top["id"], "status": "pending"})).await;
    assert_eq!(alice.get(&goal_at(&top)).await.json()["progress"], 75);
}
