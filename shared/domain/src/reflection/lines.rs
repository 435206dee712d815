//! What happened in a period, as rows: the task, the occurrence if it is about one, and how many there are in all.

use base::db::Tx;
use base::params;
use tokio_postgres::{Error, Row};
use uuid::Uuid;

use super::draft::Span;

/// What was completed in the period, in that order.
pub(super) async fn list_done(tx: &mut Tx, owner: Uuid, span: &Span, count_max: i64) -> Result<Vec<Row>, Error> {
    let sql = "with lines as (
             select id as task_id, null::uuid as occurrence_id, title, goal_id, due_date, completed_at from tasks
             where user_id = $1 and status = 'done' and completed_at >= $2 and completed_at < $3
             union all
             select o.task_id, o.id, coalesce(o.title, t.title), t.goal_id, o.due_date, o.completed_at
             from occurrences o join tasks t on t.user_id = $1 and t.id = o.task_id
             where o.user_id = $1 and o.status = 'done' and o.completed_at >= $2 and o.completed_at < $3
         )
         select *, count(*) over () as total from lines order by completed_at, task_id, occurrence_id limit $4";
    tx.query(sql, params![owner, span.starts_at, span.ends_at, count_max]).await
}

/// What was due in the period and not completed by its end, the longest due first. A task that recurs is due by its
/// occurrences.
pub(super) async fn list_slipped(tx: &mut Tx, owner: Uuid, span: &Span, count_max: i64) -> Result<Vec<Row>, Error> {
    let sql = "with lines as (
             select id as task_id, null::uuid as occurrence_id, title, goal_id, due_date, due_time, completed_at
             from tasks t
             where user_id = $1 and due_date between $2 and $3
               and (status in ('pending', 'in_progress') or (status = 'done' and completed_at >= $4))
               and not exists (select from recurrences r where r.user_id = $1 and r.task_id = t.id)
             union all
             select o.task_id, o.id, coalesce(o.title, t.title), t.goal_id, o.due_date, o.due_time, o.completed_at
             from occurrences o join tasks t on t.user_id = $1 and t.id = o.task_id
             where o.user_id = $1 and o.due_date between $2 and $3
               and (o.status in ('pending', 'in_progress', 'missed') or (o.status = 'done' and o.completed_at >= $4))
         )
         select *, count(*) over () as total from lines
         order by due_date, due_time nulls last, task_id, occurrence_id limit $5";
    let (from, to) = (span.starts_on.date(), span.due_to.date());
    tx.query(sql, params![owner, from, to, span.ends_at, count_max]).await
}

/// What had its due date changed in the period and did not get it back, the latest change first.
///
/// The change log has the images before and after each change. The time of a change is that of the later image, since
/// undoing puts an earlier one back. What changed since the period began says so itself, which spares looking through
/// the log of all the rest.
pub(super) async fn list_moved(tx: &mut Tx, owner: Uuid, span: &Span, count_max: i64) -> Result<Vec<Row>, Error> {
    let sql = "with things as (
             select 'task' as entity, id, id as task_id, null::uuid as occurrence_id, title, goal_id from tasks
             where user_id = $1 and updated_at >= $2
             union all
             select 'occurrence', o.id, o.task_id, o.id, coalesce(o.title, t.title), t.goal_id
             from occurrences o join tasks t on t.user_id = $1 and t.id = o.task_id
             where o.user_id = $1 and o.updated_at >= $2
         )
         select t.task_id, t.occurrence_id, t.title, t.goal_id, m.moved_from, m.moved_to, count(*) over () as total
         from things t
         cross join lateral (
             select (array_agg(d.before order by d.seq) filter (where d.before is not null))[1]::date as moved_from,
                    (array_agg(d.after order by d.seq desc))[1]::date as moved_to, max(d.seq) as seq
             from (
                 select seq, before ->> 'due_date' as before, after ->> 'due_date' as after,
                        greatest((before ->> 'updated_at')::timestamptz, (after ->> 'updated_at')::timestamptz) as at
                 from changes
                 where user_id = $1 and entity = t.entity and entity_id = t.id and operation = 'update'
             ) d
             where d.before is distinct from d.after and d.at >= $2 and d.at < $3
         ) m
         where m.moved_from is not null and m.moved_from is distinct from m.moved_to
         order by m.seq desc limit $4";
    tx.query(sql, params![owner, span.starts_at, span.ends_at, count_max]).await
}
