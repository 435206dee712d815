//! Occurrences as rows, which Almanac makes when somebody looks ahead, beside one plain `insert … select` of as many.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use tokio_postgres::{Client, NoTls};

use crate::almanac::{Almanac, User, call};
use crate::capture::LOGIN;
use crate::report::Report;
use crate::sample::median;
use crate::{upstream, wire};

/// How many tasks of each user recur, every day.
const TASKS: usize = 50;
/// How far ahead is looked, in days, today included: within the year that Almanac makes occurrences for.
const DAYS: usize = 360;

/// Measures `rounds` users of each side.
pub(super) async fn run(report: &mut Report, program: &Path, folder: &Path, rounds: usize) -> Result<()> {
    let _absent = fs::remove_dir_all(folder);
    // No model is asked, but the program wants an address.
    let upstream = upstream::spawn().await?;
    let almanac = Almanac::start(program, folder, upstream).await?;
    // The first of each side only warms up.
    let users = almanac.register(2 * rounds + 2).await?;
    let superuser = almanac.superuser().await?;
    for user in &users {
        superuser.batch_execute(&recurring_tasks(&user.id)).await.context("cannot lay out the tasks")?;
    }
    superuser.batch_execute("analyze tasks; analyze recurrences; checkpoint").await?;
    let days: (String, String) = days(&superuser).await?;
    let (peer, connection) = tokio_postgres::connect(&almanac.database_url(LOGIN), NoTls).await?;
    tokio::spawn(connection);

    let (mut own, mut plain, mut ratios) = (vec![], vec![], vec![]);
    for (round, pair) in users.chunks_exact(2).enumerate() {
        let ours = look_ahead(&almanac, &superuser, &pair[0], &days).await?;
        let theirs = insert(&peer, &superuser, &pair[1]).await?;
        if round > 0 {
            own.push(ours);
            plain.push(theirs);
            ratios.push(ours / theirs);
        }
    }
    report.line(&format!(
        "\nInto the database: {TASKS} tasks that recur daily, looked at {DAYS} days ahead for the first time, as often \
         as there are rounds."
    ));
    report.head(&["rows", "Almanac, rows per second", "insert … select", "of that"]);
    report.row(&[
        (TASKS * DAYS).to_string(),
        format!("{:.0}", median(&own)),
        format!("{:.0}", median(&plain)),
        format!("{:.2}", median(&ratios)),
    ]);
    Ok(())
}

/// Rows per second of a request that finds none made yet.
async fn look_ahead(almanac: &Almanac, superuser: &Client, user: &User, days: &(String, String)) -> Result<f64> {
    let path = format!("/api/occurrences?from={}&to={}&limit=1", days.0, days.1);
    let request = wire::request("GET", &path, &[("authorization", &user.bearer())], "");
    let begun = Instant::now();
    call(almanac.address, &request).await?;
    let seconds = begun.elapsed().as_secs_f64();
    let made = count(superuser, user, &format!("and due_date <= '{}'", days.1)).await?;
    ensure!(made == TASKS * DAYS, "{made} occurrences were made");
    // Some days more are made at once.
    rate(count(superuser, user, "").await?, seconds)
}

/// Rows per second of the database alone, as the same user, with the same log.
async fn insert(peer: &Client, superuser: &Client, user: &User) -> Result<f64> {
    let sql = format!(
        "begin;
         select set_config('role', 'authenticated', true), set_config('request.jwt.claim.sub', '{user}', true),
                set_config('request.jwt.claims', '{{\"sub\":\"{user}\",\"role\":\"authenticated\"}}', true);
         insert into occurrences
             (id, user_id, task_id, original_start, due_date, due_time, starts_at, created_at, updated_at)
         select gen_random_uuid(), '{user}', t.id, d + time '09:00', d, '09:00', d + time '09:00', now(), now()
         from tasks t cross join (select current_date + n as d from generate_series(0, {DAYS} - 1) n) d
         where t.user_id = '{user}';
         commit",
        user = user.id
    );
    let begun = Instant::now();
    peer.batch_execute(&sql).await?;
    let seconds = begun.elapsed().as_secs_f64();
    let made = count(superuser, user, "").await?;
    ensure!(made == TASKS * DAYS, "{made} rows were inserted");
    rate(made, seconds)
}

fn rate(rows: usize, seconds: f64) -> Result<f64> {
    Ok(f64::from(u32::try_from(rows)?) / seconds)
}

async fn count(superuser: &Client, user: &User, which: &str) -> Result<usize> {
    let sql = format!("select count(*) from occurrences where user_id = '{}' {which}", user.id);
    let count: i64 = superuser.query_one(&sql, &[]).await?.get(0);
    Ok(usize::try_from(count)?)
}

/// Today, and the last day that is looked at.
async fn days(superuser: &Client) -> Result<(String, String)> {
    let sql = format!("select current_date::text, (current_date + {DAYS} - 1)::text");
    let row = superuser.query_one(&sql, &[]).await?;
    Ok((row.get(0), row.get(1)))
}

/// Tasks that recur from today on, of which no occurrence was made yet.
fn recurring_tasks(user: &str) -> String {
    format!(
        "with t as (
             insert into tasks (id, user_id, title, created_at, updated_at)
             select gen_random_uuid(), '{user}', 'Daily ' || n, now(), now() from generate_series(1, {TASKS}) n
             returning id
         )
         insert into recurrences (id, user_id, task_id, rule, start, time_zone, all_day, counts_from, missed_policy,
                                  auto_reschedule, since, created_at, updated_at)
         select gen_random_uuid(), '{user}', id, 'FREQ=DAILY', current_date + time '09:00', 'Europe/Berlin', false,
                'schedule', 'latest', false, current_date, now(), now() from t"
    )
}
