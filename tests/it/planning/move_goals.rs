//! However many move goals at once, a tree stays a tree.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{GOALS, goal_at, id_of, make_goal};
use crate::app::TestApp;
use crate::dice::Dice;

const GOALS_COUNT: usize = 6;
const MOVERS: u64 = 6;
const MOVES: usize = 15;

#[tokio::test]
async fn moves_at_once_make_no_circle() {
    let seed = Dice::seed_of_run();
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let mut goals = Vec::new();
    for place in 0..GOALS_COUNT {
        goals.push(make_goal(&alice, &place.to_string(), "week", Value::Null).await);
    }
    let mut movers = tokio::task::JoinSet::new();
    for mover in 0..MOVERS {
        let (alice, goals) = (alice.clone(), goals.clone());
        movers.spawn(async move {
            let mut dice = Dice::seeded(seed.wrapping_add(mover));
            let mut refused = 0;
            for _ in 0..MOVES {
                let (goal, parent) = (&goals[dice.below(GOALS_COUNT)], &goals[dice.below(GOALS_COUNT)]);
                let to = if dice.one_in(4) { Value::Null } else { parent["id"].clone() };
                let moved = alice.put(&goal_at(goal), &json!({"parent_goal_id": to})).await;
                if moved.status != 200 {
                    moved.assert_problem(409, "cycle");
                    refused += 1;
                }
            }
            refused
        });
    }
    let refused: usize = movers.join_all().await.into_iter().sum();
    assert!(refused > 0, "some moves would have closed a circle");

    let page = alice.get(&format!("{GOALS}?limit=100")).await.json();
    let parents: HashMap<&str, Option<&str>> =
        page.as_array().expect("a list").iter().map(|goal| (id_of(goal), goal["parent_goal_id"].as_str())).collect();
    for goal in &goals {
        let (mut at, mut steps) = (id_of(goal), 0);
        while let Some(parent) = parents[at] {
            (at, steps) = (parent, steps + 1);
            assert!(steps < GOALS_COUNT, "a circle at {at}");
        }
    }
}

/// Undoing writes past the handlers; the database itself keeps the tree.
#[tokio::test]
async fn undoing_makes_no_circle() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let (a, b) = (make_goal(&alice, "a", "week", Value::Null).await, make_goal(&alice, "b", "week", Value::Null).await);
    let below = |goal: &Value| json!({"parent_goal_id": goal["id"]});
    assert_eq!(alice.put(&goal_at(&a), &below(&b)).await.status, 200);
    let freed = alice.put(&goal_at(&a), &json!({"parent_goal_id": null})).await;
    assert_eq!(alice.put(&goal_at(&b), &below(&a)).await.status, 200);
    let undone = alice.post(&format!("/api/undo/{}", freed.header("action-group")), &Value::Null).await;
    assert_eq!(undone.status, 409, "{}", undone.text);
    assert_eq!(alice.get(&goal_at(&a)).await.json()["parent_goal_id"], Value::Null);
    assert_eq!(alice.get(&goal_at(&b)).await.json()["parent_goal_id"], a["id"]);
}
