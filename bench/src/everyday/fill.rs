//! The things of those who read.

use anyhow::{Context, Result, ensure};

use super::THINGS_PER_USER;
use crate::almanac::{Almanac, User};

/// How many notes of each user have both `harbour`, which 200 have, and `lantern`, which 520 have.
pub(super) const HITS: usize = 20;

/// Lays out everybody's notes and tasks, with their change log, tasks last.
pub(super) async fn fill(almanac: &Almanac, users: &[User]) -> Result<()> {
    let client = almanac.superuser().await?;
    // Nothing of this has to survive a crash.
    client.batch_execute("set synchronous_commit = off").await?;
    for user in users {
        client.batch_execute(&notes(&user.id)).await.context("cannot lay out the notes")?;
        client.batch_execute(&tasks(&user.id)).await.context("cannot lay out the tasks")?;
    }
    // Vacuum moves what waits beside the index of words into it, as it does by itself in time.
    for table in ["notes", "tasks", "changes"] {
        client.batch_execute(&format!("vacuum analyze {table}")).await?;
        let sql = format!("select count(*) from {table} group by user_id order by 1 desc limit 1");
        let count: i64 = client.query_one(&sql, &[]).await?.get(0);
        ensure!(count >= i64::try_from(THINGS_PER_USER)?, "{count} {table} were laid out");
    }
    client.batch_execute("checkpoint").await?;
    Ok(())
}

/// One note a day, forty words each in two blocks.
fn notes(user: &str) -> String {
    format!(
        "insert into notes (id, user_id, title, content, created_at, updated_at)
         select gen_random_uuid(), '{user}', 'Day ' || n, jsonb_build_array(
                    jsonb_build_object('id', 'a' || n, 'type', 'paragraph', 'props', '{{}}'::jsonb, 'children', '[]'::jsonb,
                        'content', jsonb_build_array(jsonb_build_object('type', 'text', 'styles', '{{}}'::jsonb, 'text',
                            case when n % 2 = 0 then 'plan ' else '' end
                            || case when n % 50 = 0 then 'harbour ' else '' end
                            || case when n % 500 = 0 or n % 20 = 1 then 'lantern ' else '' end || w.words))),
                    jsonb_build_object('id', 'b' || n, 'type', 'paragraph', 'props', '{{}}'::jsonb, 'children', '[]'::jsonb,
                        'content', 'Nothing else of note.')),
                now() - make_interval(days => n), now() - make_interval(days => n)
         from generate_series(1, {THINGS_PER_USER}) n
         cross join lateral (
             select string_agg('word' || (random() * 3000)::int, ' ') as words
             from generate_series(1, 35) where n > 0) w"
    )
}

/// One task every ten minutes: of twenty one is archived, twelve are done, and seven open, most of them with a date.
fn tasks(user: &str) -> String {
    format!(
        "insert into tasks (id, user_id, title, description, status, priority, due_date, tags, completed_at,
                            created_at, updated_at)
         select gen_random_uuid(), '{user}', 'Task ' || n, repeat('What is to be done about it. ', 4),
                case when n % 20 = 0 then 'archived' when n % 20 < 13 then 'done' else 'pending' end,
                (array['low', 'medium', 'high', 'urgent'])[1 + n % 4],
                case when n % 3 > 0 then current_date + (n * 7919) % 700 - 350 end,
                jsonb_build_array('tag' || n % 10, 'tag' || n % 7), case when n % 20 between 1 and 12 then now() end,
                now() - make_interval(mins => n * 10), now() - make_interval(mins => n * 10)
         from generate_series(1, {THINGS_PER_USER}) n"
    )
}
