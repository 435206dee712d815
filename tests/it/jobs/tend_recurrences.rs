//! The hourly sweep over recurring tasks: through the outbox, once for each user who needs it.

use std::time::{Duration, Instant};

use base::params;
use jobs::Job;

use super::outbox::Outbox;

async fn run(outbox: &Outbox, job: Job) -> u64 {
    // Longer than a handler may take, so that draining begins at all.
    job.run(&outbox.jobs(), Instant::now() + Duration::from_mins(5)).await.expect("the job runs")
}

#[tokio::test]
async fn tends_to_each_user_who_needs_it_once() {
    let outbox = Outbox::open().await;
    let (alice, _bob) = (outbox.user().await, outbox.user().await);
    let series = "with task as (insert into tasks (id, user_id, title, created_at, updated_at)
                      values ($1, $1, 'Water the plants', now(), now()) returning id)
                  insert into recurrences (id, user_id, task_id, rule, start, time_zone, all_day, counts_from,
                      missed_policy, auto_reschedule, since, created_at, updated_at)
                  select id, id, id, 'FREQ=DAILY', current_date, 'UTC', true, 'schedule', 'all', false, current_date,
                      now(), now() from task";
    outbox.superuser.execute_typed(series, params![alice]).await.expect("a recurring task");
    assert_eq!(run(&outbox, Job::TendRecurrences).await, 1);
    assert_eq!(run(&outbox, Job::TendRecurrences).await, 0, "she waits already");
    assert_eq!(run(&outbox, Job::Drain).await, 1);
    let [entry] = &outbox.standings().await[..] else { panic!("one entry") };
    assert!(entry.delivered_at.is_some() && entry.user_id == alice, "{entry:?}");
    let made = "select count(*) from occurrences where user_id = $1";
    assert!(outbox.superuser.query_one(made, &[&alice]).await.unwrap().get::<_, i64>(0) > 0);
    let by_job = "select count(*) from changes where user_id = $1 and entity = 'occurrence' and actor <> 'job'";
    assert_eq!(outbox.superuser.query_one(by_job, &[&alice]).await.unwrap().get::<_, i64>(0), 0);
    assert_eq!(run(&outbox, Job::TendRecurrences).await, 0, "nothing is left to tend to");
}
