//! What was given up, and `almanac jobs`, which looks after it.

use std::process::Output;

use domain::outbox::{self, Kind, Settlement};
use serde_json::json;
use tokio::process::Command;

use super::outbox::Outbox;

/// Runs `almanac jobs` on the outbox's database.
async fn jobs(outbox: &Outbox, arguments: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_almanac"));
    program.arg("jobs").args(arguments).env_clear();
    program.env("DATABASE_SERVICE_URL", outbox.database.url("almanac_service"));
    program.output().await.expect("the program runs")
}

fn said(output: &Output) -> (bool, String) {
    (output.status.success(), format!("{}{}", text(&output.stdout), text(&output.stderr)))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Gives up the entry that is due.
async fn give_up(outbox: &Outbox) -> i64 {
    let claim = outbox.claim().await.expect("an entry is due");
    assert!(outbox.settle(&claim, Settlement::Dead { reason: "sink_away: No answer.".to_owned() }).await);
    claim.entry.id
}

#[tokio::test]
async fn those_behind_a_dead_entry_go_on_and_it_can_be_tried_again() {
    let outbox = Outbox::open().await;
    let alice = outbox.user().await;
    outbox.add_many(alice, 2).await;
    let dead = give_up(&outbox).await;
    let next = outbox.claim().await.expect("the one behind it goes on");
    assert!(next.entry.id > dead);
    assert!(outbox.jobs().retry_dead(dead).await.unwrap());
    assert!(!outbox.jobs().retry_dead(dead).await.unwrap(), "it is dead no more");
    assert_eq!(outbox.claim().await, None, "the lane is in somebody's hands");
    assert!(outbox.settle(&next, Settlement::Delivered).await);
    let again = outbox.claim().await.expect("it is due again");
    assert_eq!((again.entry.id, again.entry.attempt), (dead, 1));
    assert!(outbox.settle(&again, Settlement::Delivered).await);
    assert!(outbox.standings().await.iter().all(|entry| entry.delivered_at.is_some()));
}

#[tokio::test]
async fn a_dead_entry_is_not_tried_again_while_a_newer_one_does_its_work() {
    let outbox = Outbox::open().await;
    let alice = outbox.user().await;
    let add = async || {
        let mut tx = outbox.app.as_writer(alice).await.unwrap();
        outbox::add_single(&mut tx, alice, Kind::TendRecurrences, &json!({})).await.unwrap();
        tx.commit().await.unwrap();
    };
    add().await;
    let dead = give_up(&outbox).await;
    add().await;
    assert!(!outbox.jobs().retry_dead(dead).await.unwrap());
    let newer = outbox.claim().await.expect("the newer one");
    assert!(outbox.settle(&newer, Settlement::Delivered).await);
    assert!(outbox.jobs().retry_dead(dead).await.unwrap());
}

#[tokio::test]
async fn the_command_line_lists_and_tries_again() {
    let outbox = Outbox::open().await;
    let (alice, bob) = (outbox.user().await, outbox.user().await);
    assert_eq!(said(&jobs(&outbox, &["list"]).await), (true, "Nothing was given up.\n".to_owned()));
    outbox.add_many(alice, 1).await;
    let first = give_up(&outbox).await;
    outbox.add_many(bob, 1).await;
    give_up(&outbox).await;
    let (well, list) = said(&jobs(&outbox, &["list"]).await);
    assert!(well && list.contains("2 entries were given up"), "{list}");
    let line = list.lines().find(|line| line.starts_with(&format!("{first}\t"))).expect("a line of its own");
    for part in ["tend_recurrences", &alice.to_string(), "1 attempts", "sink_away: No answer."] {
        assert!(line.contains(part), "{line}");
    }
    let (well, told) = said(&jobs(&outbox, &["retry", &first.to_string(), "9999"]).await);
    assert!(
        !well && told.contains(&format!("{first} is tried again")) && told.contains("do their work: 9999."),
        "{told}"
    );
    assert!(said(&jobs(&outbox, &["retry", "--all"]).await).0);
    assert!(outbox.standings().await.iter().all(|entry| !entry.is_dead && entry.attempts == 0));
}

#[tokio::test]
async fn the_command_line_runs_a_job() {
    let outbox = Outbox::open().await;
    assert_eq!(text(&jobs(&outbox, &["run", "prune"]).await.stdout), "prune: 0\n");
    let (well, told) = said(&jobs(&outbox, &["run", "sweep"]).await);
    assert!(!well && told.contains("the jobs are drain, prune, tend-recurrences"), "{told}");
}
