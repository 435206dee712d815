//! What is kept for a time only.

use std::time::{Duration, Instant};

use base::params;
use domain::outbox::Settlement;
use jobs::Job;

use super::outbox::Outbox;

async fn prune(outbox: &Outbox) -> u64 {
    Job::Prune.run(&outbox.jobs(), Instant::now() + Duration::from_mins(1)).await.expect("the job runs")
}

#[tokio::test]
async fn delivered_entries_are_kept_for_a_week() {
    let outbox = Outbox::open().await;
    let alice = outbox.user().await;
    outbox.add_many(alice, 3).await;
    for settlement in [Settlement::Delivered, Settlement::Dead { reason: String::new() }] {
        let claim = outbox.claim().await.expect("an entry is due");
        assert!(outbox.settle(&claim, settlement).await);
    }
    outbox.clock.advance(Duration::from_hours(7 * 24 - 1));
    assert_eq!(prune(&outbox).await, 0);
    outbox.clock.advance(Duration::from_hours(2));
    assert_eq!(prune(&outbox).await, 1);
    let left = outbox.standings().await;
    assert!(left.len() == 2 && left[0].is_dead && left[1].is_open(), "neither the dead nor the waiting: {left:?}");
}

#[tokio::test]
async fn entries_that_were_given_up_are_kept_for_ninety_days() {
    let outbox = Outbox::open().await;
    let alice = outbox.user().await;
    outbox.add_many(alice, 2).await;
    for settlement in [Settlement::Dead { reason: String::new() }, Settlement::Delivered] {
        let claim = outbox.claim().await.expect("an entry is due");
        assert!(outbox.settle(&claim, settlement).await);
    }
    outbox.clock.advance(Duration::from_hours(90 * 24 - 1));
    assert_eq!(prune(&outbox).await, 1, "what was delivered");
    assert!(outbox.standings().await[0].is_dead);
    outbox.clock.advance(Duration::from_hours(2));
    assert_eq!(prune(&outbox).await, 1);
    assert_eq!(outbox.standings().await, []);
}

#[tokio::test]
async fn sessions_are_kept_for_thirty_days_after_their_end() {
    let outbox = Outbox::open().await;
    let alice = outbox.user().await;
    // Days since they ended, and days since they run out; more than one batch of the last.
    let insert = "insert into sessions (id, user_id, rotated_at, created_at, ended_at, expires_at)
                  select gen_random_uuid(), $1, now(), now(), now() - make_interval(days => $2),
                         now() - make_interval(days => $3) from generate_series(1, $4)";
    let none: Option<i32> = None;
    for (ended, expired, count) in
        [(Some(31), -1, 3), (Some(29), -1, 5), (none, 29, 7), (none, -30, 11), (none, 31, 2_500)]
    {
        outbox.superuser.execute_typed(insert, params![alice, ended, expired, count]).await.expect("sessions");
    }
    assert_eq!(prune(&outbox).await, 2_503);
    let left = outbox.superuser.query_one("select count(*) from sessions", &[]).await.unwrap();
    assert_eq!(left.get::<_, i64>(0), 5 + 7 + 11);
}

#[tokio::test]
async fn idempotency_keys_are_kept_for_a_day() {
    let outbox = Outbox::open().await;
    let alice = outbox.user().await;
    let insert = r"insert into idempotency_keys (user_id, key, fingerprint, created_at)
                   select $1, n::text, '\x00', now() - make_interval(hours => $2) from generate_series(1, $3) n";
    // More than one batch.
    outbox.superuser.execute_typed(insert, params![alice, 25_i32, 2_500_i32]).await.unwrap();
    let fresh = r"insert into idempotency_keys (user_id, key, fingerprint, created_at)
                  values ($1, 'fresh', '\x00', now() - interval '23 hours')";
    outbox.superuser.execute_typed(fresh, params![alice]).await.unwrap();
    assert_eq!(prune(&outbox).await, 2_500);
    let left = outbox.superuser.query_one("select string_agg(key, ',') from idempotency_keys", &[]).await.unwrap();
    assert_eq!(left.get::<_, &str>(0), "fresh");
}

#[tokio::test]
async fn links_are_shown_to_their_owner_for_a_month_after_they_have_ended() {
    let outbox = Outbox::open().await;
    let alice = outbox.user().await;
    let superuser = &outbox.superuser;
    for sql in [
        "insert into conversations (id, user_id, title, created_at, updated_at) values ($1, $1, 'A', now(), now())",
        "insert into messages (id, conversation_id, user_id, role, content, model, created_at, updated_at)
         values ($1, $1, $1, 'user', 'Hello', 'local/demo', now(), now())",
        "insert into conversation_shares
            (id, user_id, conversation_id, until_message_id, title, token_hash, expires_at, created_at)
         select gen_random_uuid(), $1, $1, $1, 'A', sha256(days::text::bytea), now() - make_interval(days => days), now()
         from unnest(array[31, 32, 29]) days",
    ] {
        superuser.execute_typed(sql, params![alice]).await.expect(sql);
    }
    assert_eq!(prune(&outbox).await, 2);
    let logged = "select count(*) from changes
                  where entity = 'conversation_share' and operation = 'delete' and actor = 'job'";
    assert_eq!(superuser.query_one(logged, &[]).await.unwrap().get::<_, i64>(0), 2);
}

#[tokio::test]
async fn stops_when_its_time_is_over() {
    let outbox = Outbox::open().await;
    let alice = outbox.user().await;
    outbox.add_many(alice, 1).await;
    let claim = outbox.claim().await.expect("an entry is due");
    assert!(outbox.settle(&claim, Settlement::Delivered).await);
    outbox.clock.advance(Duration::from_hours(8 * 24));
    assert_eq!(Job::Prune.run(&outbox.jobs(), Instant::now()).await.unwrap(), 0);
    assert_eq!(prune(&outbox).await, 1);
}
