//! A page of a long list costs what the page costs: the statements that the program really sends are explained.

use crate::app::{Actor, TestApp};

const TASKS: usize = 10_000;

/// The statement that a request sends, caught while it waits for the table.
async fn statement_of(app: &TestApp, actor: &Actor, path: &str) -> String {
    let mut holder = app.superuser().await;
    let held = holder.transaction().await.expect("begun");
    held.batch_execute("lock table tasks in access exclusive mode").await.expect("locked");
    let watcher = app.superuser().await;
    let (answer, statement) = tokio::join!(actor.get(path), async {
        let waiting = "select query from pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock' and query like 'select %from tasks %'";
        let statement = loop {
            match watcher.query_opt(waiting, &[]).await.expect("the activity can be read") {
                Some(row) => break row.get::<_, String>(0),
                None => tokio::task::yield_now().await,
            }
        };
        held.rollback().await.expect("released");
        statement
    });
    assert_eq!(answer.status, 200, "{}", answer.text);
    statement
}

/// The plan of a statement, run as this user, with these values for its parameters.
async fn plan_of(app: &TestApp, actor: &Actor, statement: &str, values: &[&str]) -> String {
    let mut statement = statement.to_owned();
    for (index, value) in values.iter().enumerate().rev() {
        statement = statement.replace(&format!("${}", index + 1), value);
    }
    let mut superuser = app.superuser().await;
    let tx = superuser.transaction().await.expect("begun");
    let act = format!("set local role authenticated; set local \"request.jwt.claim.sub\" = '{}'", actor.id());
    tx.batch_execute(&act).await.expect("acting as the user");
    let rows = tx.query(&format!("explain (costs off) {statement}"), &[]).await;
    let rows = rows.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
    rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn long_lists_are_read_from_an_index() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let superuser = app.superuser().await;
    for owner in [&alice, &bob] {
        let sql = format!(
            "insert into tasks (id, user_id, title, status, completed_at, due_date, source, source_reference, created_at, updated_at)
             select gen_random_uuid(), '{}', 'task ' || n, case when n % 20 = 0 then 'pending' else 'done' end,
                    case when n % 20 > 0 then now() end, case when n % 3 > 0 then date '2026-01-01' + n % 700 end,
                    'note', gen_random_uuid() || '#b', now() - n * interval '1 minute', now() - n * interval '1 minute'
             from generate_series(1, {TASKS}) n",
            owner.id()
        );
        superuser.batch_execute(&sql).await.expect("arranged");
    }
    superuser.batch_execute("analyze tasks").await.expect("analyzed");
    let (owner, cursor) = (format!("'{}'::uuid", alice.id()), "(select id from tasks limit 1)");
    let middle = "select id::text from tasks where user_id::text = $1 order by created_at offset 5000 limit 1";
    let middle: String = superuser.query_one(middle, &[&alice.id()]).await.expect("there is one").get(0);
    for (query, index) in [
        ("", "tasks_created_at"),
        ("&sort=created_at", "tasks_created_at"),
        ("&sort=due", "tasks_due_order"),
        ("&sort=-due", "tasks_due_latest"),
        ("&sort=updated_at", "tasks_updated_at"),
        ("&sort=-updated_at", "tasks_updated_at"),
        ("&sort=due&status=pending,in_progress", "tasks_open"),
    ] {
        let first = statement_of(&app, &alice, &format!("/api/tasks?limit=50{query}")).await;
        let plan = plan_of(&app, &alice, &first, &[&owner, "51"]).await;
        assert!(plan.contains(index) && !plan.contains("Seq Scan") && !plan.contains("Sort"), "{query}: {plan}");
        let later = statement_of(&app, &alice, &format!("/api/tasks?limit=50&before={middle}{query}")).await;
        let plan = plan_of(&app, &alice, &later, &[&owner, cursor, "51"]).await;
        assert!(plan.contains(index) && !plan.contains("Sort"), "{query}: {plan}");
        assert!(plan.contains("AND (ROW("), "a page begins at its place in the index: {query}: {plan}");
    }
}
