//! Taking entries and noting what became of them.

use std::time::Duration;

use base::params;
use domain::outbox::{self, Kind, Settlement};
use serde_json::json;

use super::outbox::{LEASE, Outbox};

#[tokio::test]
async fn an_entry_is_in_one_hand_at_a_time() {
    let outbox = Outbox::open().await;
    let alice = outbox.user().await;
    outbox.add_many(alice, 2).await;
    let first = outbox.claim().await.expect("an entry is due");
    assert_eq!((first.entry.attempt, &first.entry.payload), (1, &json!({"number": 0})));
    assert_eq!(outbox.claim().await, None, "neither the entry nor the one behind it");
    assert!(outbox.settle(&first, Settlement::Delivered).await);
    let second = outbox.claim().await.expect("the next is due");
    assert_eq!(second.entry.payload, json!({"number": 1}));
    assert!(outbox.settle(&second, Settlement::Delivered).await);
    assert_eq!(outbox.claim().await, None);
    assert!(outbox.standings().await.iter().all(|entry| entry.delivered_at.is_some() && entry.attempts == 1));
}

#[tokio::test]
async fn what_was_rolled_back_is_not_delivered() {
    let outbox = Outbox::open().await;
    let alice = outbox.user().await;
    let mut tx = outbox.app.as_writer(alice).await.unwrap();
    outbox::add(&mut tx, alice, Kind::TendRecurrences, &json!({})).await.unwrap();
    drop(tx);
    assert_eq!(outbox.claim().await, None);
}

#[tokio::test]
async fn a_worker_that_was_overtaken_notes_nothing() {
    let outbox = Outbox::open().await;
    let alice = outbox.user().await;
    outbox.add_many(alice, 1).await;
    let stale = outbox.claim().await.expect("an entry is due");
    outbox.clock.advance(LEASE + Duration::from_millis(1));
    let fresh = outbox.claim().await.expect("its time is over");
    assert_eq!((fresh.entry.id, fresh.entry.attempt), (stale.entry.id, 2));
    for settlement in [Settlement::Delivered, Settlement::Released, Settlement::Dead { reason: String::new() }] {
        assert!(!outbox.settle(&stale, settlement).await);
    }
    let [entry] = &outbox.standings().await[..] else { panic!("one entry") };
    assert!(entry.is_open() && entry.attempts == 2);
    assert!(outbox.settle(&fresh, Settlement::Delivered).await);
    assert!(!outbox.settle(&fresh, Settlement::Released).await, "a claim is settled once");
    assert!(outbox.standings().await[0].delivered_at.is_some());
}

#[tokio::test]
async fn a_failed_entry_holds_back_those_behind_it_and_nobody_else() {
    let outbox = Outbox::open().await;
    let (alice, bob) = (outbox.user().await, outbox.user().await);
    outbox.add_many(alice, 2).await;
    outbox.add_many(bob, 1).await;
    let failing = outbox.claim().await.expect("an entry is due");
    assert_eq!(failing.entry.user_id, alice);
    let due_at = outbox.clock.now() + Duration::from_mins(5);
    assert!(outbox.settle(&failing, Settlement::Failed { due_at, reason: "no".to_owned() }).await);
    let of_bob = outbox.claim().await.expect("the other user does not wait");
    assert_eq!(of_bob.entry.user_id, bob);
    assert!(outbox.settle(&of_bob, Settlement::Delivered).await);
    assert_eq!(outbox.claim().await, None);
    // An entry that comes in the meantime waits too.
    outbox.add(alice, json!({"number": 2})).await;
    assert_eq!(outbox.claim().await, None);
    outbox.clock.advance(Duration::from_mins(5));
    let again = outbox.claim().await.expect("it is due again");
    assert_eq!((again.entry.id, again.entry.attempt), (failing.entry.id, 2));
}

#[tokio::test]
async fn users_take_turns() {
    let outbox = Outbox::open().await;
    let (alice, bob) = (outbox.user().await, outbox.user().await);
    outbox.add_many(alice, 20).await;
    outbox.add_many(bob, 2).await;
    let mut owners = Vec::new();
    for _ in 0..5 {
        let claim = outbox.claim().await.expect("entries are due");
        owners.push(claim.entry.user_id);
        assert!(outbox.settle(&claim, Settlement::Delivered).await);
    }
    assert_eq!(owners, [alice, bob, alice, bob, alice]);
}

#[tokio::test]
async fn an_entry_that_is_committed_while_the_lane_closes_is_seen() {
    let outbox = Outbox::open().await;
    let alice = outbox.user().await;
    outbox.add_many(alice, 1).await;
    let claim = outbox.claim().await.expect("an entry is due");
    let mut tx = outbox.app.as_writer(alice).await.unwrap();
    outbox::add(&mut tx, alice, Kind::TendRecurrences, &json!({"number": 1})).await.unwrap();
    let (settled, ()) = tokio::join!(outbox.settle(&claim, Settlement::Delivered), async {
        // The other waits for the lane by now.
        wait_for_a_waiting_lock(&outbox).await;
        tx.commit().await.unwrap();
    });
    assert!(settled);
    assert_eq!(outbox.claim().await.expect("the new entry is due").entry.payload, json!({"number": 1}));
}

async fn wait_for_a_waiting_lock(outbox: &Outbox) {
    let waiting = "select count(*) from pg_stat_activity
                   where datname = current_database() and wait_event_type = 'Lock'";
    while outbox.superuser.query_one(waiting, &[]).await.expect("the locks").get::<_, i64>(0) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn work_that_need_not_be_done_twice_waits_once() {
    let outbox = Outbox::open().await;
    let (alice, bob) = (outbox.user().await, outbox.user().await);
    let mut tx = outbox.app.as_writer(alice).await.unwrap();
    for _ in 0..3 {
        outbox::add_single(&mut tx, alice, Kind::TendRecurrences, &json!({})).await.unwrap();
    }
    tx.commit().await.unwrap();
    let owners = vec![alice, bob, outbox.clock.new_id()];
    let mut tx = outbox.service.as_service().await.unwrap();
    let added = outbox::add_single_to_each(&mut tx, owners.clone(), Kind::TendRecurrences).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(added, 1, "alice has one, and the third is nobody");
    for _ in 0..2 {
        let claim = outbox.claim().await.expect("one for each");
        assert!(outbox.settle(&claim, Settlement::Delivered).await);
    }
    let mut tx = outbox.service.as_service().await.unwrap();
    let added = outbox::add_single_to_each(&mut tx, owners, Kind::TendRecurrences).await.unwrap();
    assert_eq!(added, 2, "what was delivered waits no more");
}

#[tokio::test]
async fn entries_go_with_their_user_even_while_they_are_handled() {
    let outbox = Outbox::open().await;
    let alice = outbox.user().await;
    outbox.add_many(alice, 2).await;
    let claim = outbox.claim().await.expect("an entry is due");
    outbox.superuser.execute_typed("delete from users where id = $1", params![alice]).await.unwrap();
    assert!(!outbox.settle(&claim, Settlement::Delivered).await);
    assert_eq!(outbox.claim().await, None);
    assert!(outbox.standings().await.is_empty());
}

#[tokio::test]
async fn a_lane_without_entries_is_closed() {
    let outbox = Outbox::open().await;
    let (alice, bob) = (outbox.user().await, outbox.user().await);
    outbox.add_many(alice, 1).await;
    outbox.superuser.execute("delete from outbox", &[]).await.unwrap();
    outbox.add_many(bob, 1).await;
    assert_eq!(outbox.claim().await.expect("the next lane's").entry.user_id, bob);
    let open = "select count(*) from outbox_lanes where user_id = $1 and due_at is not null";
    assert_eq!(outbox.superuser.query_one(open, &[&alice]).await.unwrap().get::<_, i64>(0), 0);
}

#[tokio::test]
async fn a_payload_is_an_object_of_bounded_size() {
    let outbox = Outbox::open().await;
    let alice = outbox.user().await;
    for payload in [json!([1]), json!({"text": "a".repeat(70_000)})] {
        let mut tx = outbox.app.as_writer(alice).await.unwrap();
        assert!(outbox::add(&mut tx, alice, Kind::TendRecurrences, &payload).await.is_err());
    }
}
