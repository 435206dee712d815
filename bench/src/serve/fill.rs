//! What the users have before anybody asks.

use anyhow::{Context, Result};

use crate::almanac::{Almanac, User};

/// How many tasks, and how many messages, each has.
const THINGS_PER_USER: usize = 500;

/// Lays out everybody's tasks, and messages in conversations of twenty.
pub(super) async fn fill(almanac: &Almanac, users: &[User]) -> Result<()> {
    let client = almanac.superuser().await?;
    for user in users {
        client.batch_execute(&tasks(&user.id)).await.context("cannot lay out the tasks")?;
        client.batch_execute(&messages(&user.id)).await.context("cannot lay out the messages")?;
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

fn messages(user: &str) -> String {
    format!(
        "with c as (
             insert into conversations (id, user_id, title, created_at, updated_at)
             select gen_random_uuid(), '{user}', 'Plans ' || n, now(), now()
             from generate_series(1, {THINGS_PER_USER} / 20) n
             returning id
         ), numbered as (
             select id, row_number() over () as number from c
         )
         insert into messages (id, conversation_id, user_id, role, content, model, finish_reason, input_tokens,
                               output_tokens, created_at, updated_at)
         select gen_random_uuid(), c.id, '{user}', case when n % 2 = 1 then 'user' else 'assistant' end,
                repeat('Some words about the plan for ' || n || '. ', 8), 'openai/bench',
                case when n % 2 = 0 then 'stop' end, case when n % 2 = 0 then 90 end,
                case when n % 2 = 0 then 60 end, now() - make_interval(mins => n), now() - make_interval(mins => n)
         from generate_series(1, {THINGS_PER_USER}) n
         join numbered c on c.number = 1 + n % ({THINGS_PER_USER} / 20)"
    )
}
