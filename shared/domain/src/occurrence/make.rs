//! Making occurrences ahead, and taking back what nobody touched.

use base::db::Tx;
use base::{Result, params};
use jiff::civil::{Date, DateTime, Time};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::{HORIZON, HORIZON_MAX, IS_PLAIN, OCCURRENCES_MAX, Status, id_of};
use crate::recurrence::{self, CountsFrom, End, Instance, Recurrence};
use crate::task::Task;

/// How much further than [`HORIZON`] they are made, so that not every day makes one more.
const HORIZON_SLACK: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How long ago occurrences may lie that were not made in time: longer than that nobody was served.
const LATE_MAX: SignedDuration = SignedDuration::from_hours(90 * 24);

/// The most occurrences that are made at once; those of further recurrences are made the next time.
const ROWS_MAX: usize = 20_000;

/// Rows to be made, column by column.
#[derive(Default)]
struct Rows {
    ids: Vec<Uuid>,
    task_ids: Vec<Uuid>,
    original_starts: Vec<DateTime>,
    due_times: Vec<Option<Time>>,
    starts_at: Vec<Timestamp>,
}

impl Rows {
    fn push(&mut self, recurrence: &Recurrence, instance: Instance) {
        self.ids.push(id_of(recurrence.task_id, instance.local));
        self.task_ids.push(recurrence.task_id);
        self.original_starts.push(instance.local);
        self.due_times.push((!recurrence.all_day).then(|| instance.local.time()));
        self.starts_at.push(instance.at);
    }

    /// Makes the rows that are not there. One that nobody touched is put where the rule has it now.
    async fn insert(self, tx: &mut Tx, owner: Uuid, now: Timestamp) -> Result<usize> {
        if self.ids.is_empty() {
            return Ok(0);
        }
        let sql = format!(
            "insert into occurrences as o
                 (id, user_id, task_id, original_start, due_date, due_time, starts_at, created_at, updated_at)
             select r.id, $1, r.task_id, r.original_start, r.original_start::date, r.due_time, r.starts_at, $7, $7
             from unnest($2::uuid[], $3::uuid[], $4::timestamp[], $5::time[], $6::timestamptz[])
                 as r (id, task_id, original_start, due_time, starts_at)
             on conflict (id) do update
             set due_date = excluded.due_date, due_time = excluded.due_time, starts_at = excluded.starts_at,
                 updated_at = excluded.updated_at
             where {IS_PLAIN}
               and (o.due_time, o.starts_at) is distinct from (excluded.due_time, excluded.starts_at)"
        );
        let Self { ids, task_ids, original_starts, due_times, starts_at } = self;
        let made = tx.execute(&sql, params![owner, ids, task_ids, original_starts, due_times, starts_at, now]).await?;
        Ok(usize::try_from(made).unwrap_or(usize::MAX))
    }
}

/// Makes the occurrences of recurrences that are not made as far as `until`, and tells how many. `until` is brought
/// within [`HORIZON`] and [`HORIZON_MAX`] from now. After some 20,000 it leaves further recurrences as they are.
pub async fn extend(
    tx: &mut Tx,
    owner: Uuid,
    recurrences: &[Recurrence],
    until: Timestamp,
    now: Timestamp,
) -> Result<usize> {
    let after = |ahead: SignedDuration| now.saturating_add(ahead).unwrap_or(Timestamp::MAX);
    let least = after(HORIZON);
    let until = until.clamp(least, after(HORIZON_MAX));
    let goal = until.max(after(HORIZON + HORIZON_SLACK));
    let is_behind = |recurrence: &&Recurrence| recurrence.materialized_until.is_none_or(|reached| reached < until);
    let (mut rows, mut ids, mut reached) = (Rows::default(), Vec::new(), Vec::new());
    let mut made = 0;
    for recurrence in recurrences.iter().filter(is_behind) {
        if rows.ids.len() >= ROWS_MAX {
            break;
        }
        ids.push(recurrence.id);
        if recurrence.counts_from == CountsFrom::Completion {
            reached.push(goal);
            made += usize::from(show_next(tx, owner, recurrence, None, now).await?);
            continue;
        }
        let since = recurrence.time_zone.instant(recurrence.since);
        let late = now.saturating_sub(LATE_MAX).unwrap_or(since);
        let from = recurrence.materialized_until.unwrap_or(late).max(late).max(since);
        let before = rows.ids.len();
        let series = recurrence.series();
        let most = OCCURRENCES_MAX * 5;
        series.instances_between(from, goal).take(most).for_each(|instance| rows.push(recurrence, instance));
        let is_cut = rows.ids.len() - before == most;
        reached.push(rows.starts_at.last().copied().filter(|_| is_cut).unwrap_or(goal));
    }
    if ids.is_empty() {
        return Ok(0);
    }
    made += rows.insert(tx, owner, now).await?;
    let sql = "update recurrences r set materialized_until = m.reached
               from unnest($2::uuid[], $3::timestamptz[]) as m (id, reached) where r.user_id = $1 and r.id = m.id";
    tx.execute(sql, params![owner, ids, reached]).await?;
    Ok(made)
}

/// Makes a recurrence's occurrences anew: what nobody touched and is not past goes where the rule has it now.
pub(crate) async fn rebuild(tx: &mut Tx, owner: Uuid, recurrence: &Recurrence, now: Timestamp) -> Result<()> {
    let from = today_of(recurrence, now);
    let begin = recurrence.time_zone.local(from);
    let reached = recurrence.materialized_until.unwrap_or(now).max(now.saturating_add(HORIZON).unwrap_or(now));
    let series = recurrence.series();
    let by_schedule = recurrence.counts_from == CountsFrom::Schedule;
    let kept = series.instances_between(from, reached).take(if by_schedule { OCCURRENCES_MAX * 5 } else { 0 });
    let kept: Vec<Uuid> = kept.map(|instance| id_of(recurrence.task_id, instance.local)).collect();
    let sql = format!(
        "delete from occurrences o
         where o.user_id = $1 and o.task_id = $2 and {IS_PLAIN} and o.due_date >= $3 and not (o.id = any($4))"
    );
    tx.execute(&sql, params![owner, recurrence.task_id, begin.date(), kept]).await?;
    extend(tx, owner, &[recurrence.made_until(from)], reached, now).await?;
    Ok(())
}

/// When the present day began in the recurrence's zone, but not before it keeps occurrences.
fn today_of(recurrence: &Recurrence, now: Timestamp) -> Timestamp {
    let midnight = recurrence.today(now).to_datetime(Time::midnight());
    recurrence.time_zone.instant(midnight.max(recurrence.since))
}

/// Of what counts from completion: makes the next occurrence when none is open. Not before the day `least`, if given.
/// False when none is to come, or one is open.
pub(crate) async fn show_next(
    tx: &mut Tx,
    owner: Uuid,
    recurrence: &Recurrence,
    least: Option<Date>,
    now: Timestamp,
) -> Result<bool> {
    let sql = "select original_start, due_date, status, coalesce(completed_at, updated_at) as ended_at,
                   count(*) over () as made,
                   bool_or(status in ('pending', 'in_progress')) over () as has_open
               from occurrences where user_id = $1 and task_id = $2 order by original_start desc limit 1";
    let newest = tx.query_opt(sql, params![owner, recurrence.task_id]).await?;
    let series = recurrence.series();
    let is_late_enough = |instance: &Instance| least.is_none_or(|least| instance.local.date() >= least);
    let next = match newest {
        None => {
            let from = recurrence.time_zone.instant(recurrence.since);
            series.instances_from(from).find(is_late_enough)
        }
        Some(row) if row.get("has_open") => None,
        Some(row) => {
            let made: i64 = row.get("made");
            if matches!(recurrence.rule.end(), End::Count(count) if made >= i64::from(count)) {
                return Ok(false);
            }
            let (original_start, due_date): (DateTime, Date) = (row.get("original_start"), row.get("due_date"));
            // What passed unseen counts from its own day, what was done or skipped from that one.
            let ended_on = match Status::from_name(row.get("status")) {
                Status::Done | Status::Skipped => recurrence.time_zone.local(row.get("ended_at")).date(),
                _ => due_date,
            };
            let series = series.restarted_on(ended_on);
            let begin = least.map_or(ended_on, |least| least.max(ended_on)).to_datetime(Time::midnight());
            let is_next = |instance: &Instance| instance.local.date() > ended_on && instance.local > original_start;
            let mut later = series.instances_from(recurrence.time_zone.instant(begin));
            later.find(|instance| is_next(instance) && is_late_enough(instance))
        }
    };
    let mut rows = Rows::default();
    if let Some(instance) = next {
        rows.push(recurrence, instance);
    }
    Ok(rows.insert(tx, owner, now).await? > 0)
}

/// Ends the occurrences of tasks that recur no longer, or are closed: what nobody touched goes, the rest that is open
/// is cancelled.
pub(crate) async fn close_all(tx: &mut Tx, owner: Uuid, task_ids: &[Uuid], now: Timestamp) -> Result<()> {
    let task_ids = task_ids.to_vec();
    let sql = format!("delete from occurrences o where o.user_id = $1 and o.task_id = any($2) and {IS_PLAIN}");
    tx.execute(&sql, params![owner, task_ids]).await?;
    let sql = "update occurrences set status = 'cancelled', updated_at = $3
               where user_id = $1 and task_id = any($2) and status in ('pending', 'in_progress')";
    tx.execute(sql, params![owner, task_ids, now]).await?;
    Ok(())
}

/// What a change of tasks' statuses means for their occurrences: a closed task has none that are open, and one that is
/// open again has them made again.
pub(crate) async fn follow_tasks(tx: &mut Tx, owner: Uuid, changed: &[(&Task, Task)], now: Timestamp) -> Result<()> {
    let turned = |to_open: bool| {
        let turned = changed.iter().filter(move |(before, after)| {
            before.status.is_open() != after.status.is_open() && after.status.is_open() == to_open
        });
        turned.map(|(task, _)| task.id).collect::<Vec<Uuid>>()
    };
    let (closed, opened) = (turned(false), turned(true));
    if closed.is_empty() && opened.is_empty() {
        return Ok(());
    }
    let recurring = recurrence::list_of_tasks(tx, owner, &[closed.as_slice(), opened.as_slice()].concat()).await?;
    let is_closed = |recurrence: &&Recurrence| closed.contains(&recurrence.task_id);
    let ended: Vec<Uuid> = recurring.iter().filter(is_closed).map(|recurrence| recurrence.task_id).collect();
    if !ended.is_empty() {
        close_all(tx, owner, &ended, now).await?;
    }
    let opened = recurring.iter().filter(|recurrence| !is_closed(recurrence));
    let unmade: Vec<Recurrence> = opened.map(|recurrence| recurrence.made_until(today_of(recurrence, now))).collect();
    extend(tx, owner, &unmade, now, now).await?;
    Ok(())
}
