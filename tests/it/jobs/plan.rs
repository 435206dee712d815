//! Finding work costs the same with a million entries behind it and with thousands that must wait.

use base::params;
use tokio_postgres::Client;

use super::outbox::Outbox;

/// What was delivered; enough that reading all of it would be chosen by no planner and seen in any plan.
const DELIVERED: i64 = 30_000;
/// What waits behind one user's failing entry.
const WAITING: i64 = 5_000;

/// How a statement is carried out, without its parameters' values.
async fn plan(superuser: &Client, sql: &str) -> String {
    let rows = superuser.query_typed(&format!("explain (costs off) {sql}"), &[]).await.expect("a plan");
    rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn looks_at_nothing_that_is_delivered_or_must_wait() {
    let outbox = Outbox::open().await;
    let (alice, bob) = (outbox.user().await, outbox.user().await);
    let fill = "insert into outbox (user_id, kind, delivered_at) select $1, 'test', case when $3 then now() end
                from generate_series(1, $2)";
    outbox.superuser.execute_typed(fill, params![alice, DELIVERED, true]).await.unwrap();
    outbox.superuser.execute_typed(fill, params![bob, WAITING, false]).await.unwrap();
    outbox
        .superuser
        .batch_execute(
            "insert into users (id) select gen_random_uuid() from generate_series(1, 2000);
        insert into outbox_lanes (user_id) select id from users on conflict do nothing;
        insert into idempotency_keys (user_id, key, fingerprint, created_at)
        select id, 'key', '\\x00', now() - random() * interval '1 day' from users;
        analyze outbox; analyze outbox_lanes; analyze idempotency_keys",
        )
        .await
        .unwrap();
    let lane = plan(
        &outbox.superuser,
        "select user_id from outbox_lanes where due_at <= now()
        order by due_at limit 1 for update skip locked",
    )
    .await;
    assert!(lane.contains("Index Scan using outbox_lanes_due_at"), "{lane}");
    let oldest = format!(
        "select id from outbox where user_id = '{bob}' and delivered_at is null and dead_at is null
        order by user_id, id limit 1"
    );
    let oldest = plan(&outbox.superuser, &oldest).await;
    assert!(oldest.contains("using outbox_open on outbox") && !oldest.contains("Sort"), "{oldest}");
    for (what, sql) in [
        (
            "outbox_delivered_at",
            "select id from outbox where delivered_at < now() - interval '7 days'
            order by delivered_at limit 1000",
        ),
        ("outbox_dead_at", "select id from outbox where dead_at is not null order by dead_at desc limit 10"),
        (
            "idempotency_keys_created_at",
            "select key from idempotency_keys where created_at < now() - interval '23 hours'
            order by created_at limit 1000",
        ),
    ] {
        let plan = plan(&outbox.superuser, sql).await;
        assert!(plan.contains(what), "{plan}");
    }
}
