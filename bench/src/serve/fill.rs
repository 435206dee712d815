//! What the users have before anybody asks.

use anyhow::{Context, Result};

use crate::almanac::{Almanac, User, messages};

/// How many tasks, and how many messages, each has.
const THINGS_PER_USER: usize = 500;

/// Lays out everybody's tasks, and messages in conversations of twenty.
pub(super) async fn fill(almanac: &Almanac, users: &[User]) -> Result<()> {
    let client = almanac.superuser().await?;
    for user in users {
        client.batch_execute(&tasks(&user.id)).await.context("cannot lay out the tasks")?;
        client.batch_execute(&messages(&user.id, THINGS_PER_USER)).await.context("cannot lay out the messages")?;
    }
    for sql in ["vacuum analyze", "checkpoint"] {
        client.batch_execute(sql).await?;
    }
    Ok(())
}

fn tasks(user: &str) -> String {
    format!(
        "insert into tasks (id, user_id, title, description, status, priority, due_date, tags, created_at, updated_at)
         select gen_random_uuid(), '{user}', 'Task ' || n, 'Something about task ' || n, 'pending',
                (array['low', 'medium', 'high', 'urgent'])[1 + n % 4],
                case when n % 3 > 0 then current_date + (n * 7919) % 700 - 350 end,
                jsonb_build_array('tag' || n % 10, 'tag' || n % 7), now() - make_interval(mins => n * 10),
                now() - make_interval(mins => n * 10)
         from generate_series(1, {THINGS_PER_USER}) n"
    )
}
