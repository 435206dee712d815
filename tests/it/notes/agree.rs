//! Whatever concurrent clients do to a note and its tasks, at rest a box is ticked exactly while its task is done.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{address, check_box, create, find, id, put_with, save, tasks};
use crate::app::{Actor, Answer, TestApp};
use crate::dice::Dice;

/// How many times the clients come to rest.
const ROUNDS: usize = 12;
/// How many clients there are.
const CLIENTS: usize = 4;
/// How many things each does between two rests.
const STEPS: usize = 5;
/// The boxes that come and go.
const BOXES: [&str; 5] = ["a", "b", "c", "d", "e"];
const STATUSES: [&str; 5] = ["pending", "in_progress", "done", "cancelled", "archived"];

#[tokio::test]
async fn boxes_and_tasks_agree_at_rest() {
    let seed = Dice::seed_of_run();
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let note = create(&alice, &json!({"content": []})).await;
    let elsewhere = app.second_process().await;
    let clients = [alice.clone(), elsewhere.seen_by(&alice)];
    let mut saves = (0, 0);
    for round in 0..ROUNDS {
        let run = |client: usize| {
            let dice = Dice::seeded(seed.wrapping_add((round * CLIENTS + client) as u64));
            act(&clients[client % clients.len()], &note, dice)
        };
        for (made, refused) in join_all((0..CLIENTS).map(run)).await {
            saves = (saves.0 + made, saves.1 + refused);
        }
        assert_agreement(&alice, &note, &format!("TEST_SEED={seed}, round {round}")).await;
    }
    assert!(saves.0 > 0 && saves.1 > 0, "TEST_SEED={seed}: saves made and refused: {saves:?}");
}

/// One client's life for a while. Returns how many saves were made, and how many were refused as stale.
async fn act(client: &Actor, note: &Value, mut dice: Dice) -> (usize, usize) {
    let mut saves = (0, 0);
    for _ in 0..STEPS {
        if dice.one_in(2) {
            change_tasks(client, note, &mut dice).await;
            continue;
        }
        let read = client.get(&address(note)).await;
        let mut content = read.json()["content"].clone();
        edit(&mut content, &mut dice);
        if dice.one_in(2) {
            // Somebody may have been faster; then nothing of this may be there.
            let stamp = json!({"content": content, "metadata": {"by": dice.next()}});
            let answer = put_with(client, note, ("if-match", read.header("etag")), &stamp).await;
            match answer.status.as_u16() {
                200 => saves.0 += 1,
                412 => {
                    saves.1 += 1;
                    assert_ne!(find(client, note).await["metadata"], stamp["metadata"], "a refused save was made");
                }
                _ => panic!("{}", answer.text),
            }
        } else {
            save(client, note, &content).await;
        }
    }
    saves
}

/// Ticks, renames, adds and takes away boxes.
fn edit(content: &mut Value, dice: &mut Dice) {
    let blocks = content.as_array_mut().expect("blocks");
    let block = BOXES[dice.below(BOXES.len())];
    let place = blocks.iter().position(|found| found["id"] == block);
    match (place, dice.below(4)) {
        (Some(place), 0) => drop(blocks.remove(place)),
        (Some(place), 1) => blocks[place]["content"][0]["text"] = json!(format!("{block}{}", dice.below(9))),
        (Some(place), _) => {
            let was = blocks[place]["props"]["checked"] == true;
            blocks[place]["props"]["checked"] = json!(!was);
        }
        (None, _) => blocks.push(check_box(block, block, dice.one_in(2))),
    }
}

/// Changes one task, or several at once. A task may be gone by then.
async fn change_tasks(client: &Actor, note: &Value, dice: &mut Dice) {
    let found = tasks(client, note).await;
    if found.is_empty() {
        return;
    }
    let status = json!({"status": STATUSES[dice.below(STATUSES.len())]});
    let task = id(&found[dice.below(found.len())]).to_owned();
    let answer = match dice.below(8) {
        0 => Answer::of(client.request(reqwest::Method::DELETE, &format!("/api/tasks/{task}"))).await,
        1 | 2 => {
            let ids: BTreeSet<&str> = [task.as_str(), id(&found[0])].into();
            client.patch("/api/tasks", &json!({"ids": ids, "set": status})).await
        }
        3 | 4 => client.put(&format!("/api/tasks/{task}"), &status).await,
        _ => client.put(&format!("/api/tasks/{task}/status"), &status).await,
    };
    assert!([200, 204, 404].contains(&answer.status.as_u16()), "{}", answer.text);
}

async fn assert_agreement(actor: &Actor, note: &Value, when: &str) {
    let content = find(actor, note).await["content"].clone();
    let mut statuses = BTreeMap::new();
    for task in tasks(actor, note).await {
        let reference = task["source_reference"].as_str().expect("a reference").to_owned();
        let twin = statuses.insert(reference, task["status"].clone());
        assert!(twin.is_none(), "{when}: a box has two tasks: {task}");
    }
    for block in content.as_array().expect("blocks") {
        if let Some(status) = statuses.get(&format!("{}#{}", id(note), id(block))) {
            assert_eq!(block["props"]["checked"] == true, status == "done", "{when}: {block} and its task, {status}");
        }
    }
}
