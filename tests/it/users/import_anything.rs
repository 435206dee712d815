//! Imports of whatever can be kept, and of more than comes at once.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::export;
use super::import_me::{PATH, content, document, task};
use crate::app::{Answer, TestApp};
use crate::dice::Dice;

/// A text of anything that can be kept.
fn text(dice: &mut Dice) -> String {
    const PIECES: [&str; 14] =
        ["a", "Z", " ", "\"", "\\", "'", "{", "\u{1}", "\n", "é", "字", "🙂", "\u{202e}", "\u{feff}"];
    (0..=dice.below(20)).map(|_| PIECES[dice.below(PIECES.len())]).collect()
}

/// JSON of anything that can be kept, this many levels deep at most.
fn anything(dice: &mut Dice, levels: usize) -> Value {
    match dice.below(if levels == 0 { 5 } else { 7 }) {
        0 => Value::Null,
        1 => json!(dice.one_in(2)),
        2 => json!(dice.next()),
        3 => json!(f64::from(u32::try_from(dice.below(1 << 30)).expect("small")) / 1024.0 - 1000.0),
        4 => json!(text(dice)),
        5 => (0..dice.below(4)).map(|_| anything(dice, levels - 1)).collect(),
        _ => Value::Object((0..dice.below(4)).map(|_| (text(dice), anything(dice, levels - 1))).collect()),
    }
}

#[tokio::test]
async fn whatever_can_be_kept_comes_back() {
    let seed = Dice::seed_of_run();
    let mut dice = Dice::seeded(seed);
    let (here, there) = (TestApp::start().await, TestApp::start().await);
    for round in 0..5 {
        let name = format!("alice{round}");
        let (alice, ally) = (here.register(&name).await, there.register(&name).await);
        let mut ids: Vec<Uuid> = Vec::new();
        let mut tasks = Vec::new();
        for _ in 0..200 {
            let id = Uuid::from_u128(u128::from(dice.next()) << 64 | u128::from(dice.next()));
            let parent = (!ids.is_empty() && dice.one_in(2)).then(|| ids[dice.below(ids.len())]);
            ids.push(id);
            let metadata = json!({text(&mut dice): anything(&mut dice, 4)});
            let description = if dice.one_in(3) { Value::Null } else { json!(text(&mut dice)) };
            tasks.push(task(&json!({"id": id, "parent_id": parent, "title": text(&mut dice), "metadata": metadata,
                                    "description": description})));
        }
        // In any order: children may come before their parents.
        for place in (1..tasks.len()).rev() {
            tasks.swap(place, dice.below(place + 1));
        }
        let preferences = json!({"any": anything(&mut dice, 3)});
        let given = json!({"format": "almanac-export", "version": 1, "entities": {"task": tasks},
                           "user": {"full_name": null, "preferences": preferences}});
        let answer = alice.post(PATH, &given).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let exported = export(&alice).await;
        assert_eq!(exported["user"], given["user"]);
        for row in exported["entities"]["task"].as_array().expect("tasks") {
            let of_same_id = tasks.iter().find(|task| task["id"] == row["id"]).expect("it was given");
            for field in ["title", "description", "parent_id", "metadata"] {
                assert_eq!(row[field], of_same_id[field], "{field}");
            }
        }
        assert_eq!(ally.post(PATH, &exported).await.status, 200);
        assert_eq!(content(export(&ally).await), content(exported));
    }
}

#[tokio::test]
async fn takes_much_and_not_more() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let mut dice = Dice::seeded(7);
    let tasks = (0..3000).map(|_| {
        let id = Uuid::from_u128(u128::from(dice.next()) << 64 | u128::from(dice.next()));
        task(&json!({"id": id, "description": "x".repeat(1000)}))
    });
    let body = document(&json!({"task": tasks.collect::<Vec<_>>()}));
    let answer = alice.post(PATH, &body).await;
    assert_eq!(answer.json()["counts"]["task"], 3000, "{}", answer.text);
    assert_eq!(export(&alice).await["entities"]["task"].as_array().map(Vec::len), Some(3000));
    let much = " ".repeat(64 * 1024 * 1024 + 1);
    let much = alice.request(Method::POST, PATH).header("content-type", "application/json").body(much);
    Answer::of(much).await.assert_problem(413, "too_large");
}
