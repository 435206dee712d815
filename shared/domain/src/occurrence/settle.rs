//! What becomes of occurrences whose day passes without them.

use std::collections::HashMap;

use base::db::Tx;
use base::{Result, params};
use jiff::Timestamp;
use jiff::civil::{Date, Time};
use uuid::Uuid;

use super::{COLUMNS, Occurrence, Status, slot};
use crate::period::Day;
use crate::recurrence::{MissedPolicy, Recurrence};
use crate::task::DueTime;

/// The most occurrences that are settled at once, oldest first. What is more waits for the next time.
const SETTLED_MAX: i64 = 2_000;

/// Which occurrences pass, and how they are to be treated.
pub(crate) struct Plan<'p> {
    /// Whose occurrences pass.
    pub(crate) passing: &'p [Passing],
    /// The policy for all, instead of each one's own.
    pub(crate) policy: Option<MissedPolicy>,
    /// What those become that are let go.
    pub(crate) lost: Status,
}

/// The days of a recurrence whose open occurrences pass.
#[derive(Debug, Clone)]
pub(crate) struct Passing {
    pub(crate) recurrence: Recurrence,
    pub(crate) first: Date,
    pub(crate) last: Date,
    /// The first day on which something can be done again.
    pub(crate) back_on: Date,
}

impl Passing {
    /// From when on something can be done again.
    fn from(&self, now: Timestamp) -> Timestamp {
        self.recurrence.time_zone.instant(self.back_on.to_datetime(Time::midnight())).max(now)
    }
}

/// An occurrence before and after.
pub(crate) type Settled = (Occurrence, Occurrence);

/// Treats what passes by its policy, and tells all that was looked at, changed or not.
pub(crate) async fn settle(tx: &mut Tx, owner: Uuid, plan: &Plan<'_>, now: Timestamp) -> Result<Vec<Settled>> {
    let passing = find_passing(tx, owner, plan).await?;
    if passing.is_empty() {
        return Ok(Vec::new());
    }
    let of_task: HashMap<Uuid, &Passing> =
        plan.passing.iter().map(|passing| (passing.recurrence.task_id, passing)).collect();
    let policy_of = |task_id: &Uuid| plan.policy.unwrap_or(of_task[task_id].recurrence.missed_policy);
    let mut newest: HashMap<Uuid, Uuid> = HashMap::new();
    for (occurrence, _) in &passing {
        newest.insert(occurrence.task_id, occurrence.id);
    }
    let stays = |occurrence: &Occurrence| match policy_of(&occurrence.task_id) {
        // What was begun is not let go.
        _ if occurrence.status == Status::InProgress => true,
        MissedPolicy::Must | MissedPolicy::All => true,
        MissedPolicy::Latest => newest[&occurrence.task_id] == occurrence.id,
        MissedPolicy::Skip => false,
    };
    let mut settled = Vec::with_capacity(passing.len());
    let mut calendar = None;
    for (occurrence, minutes) in &passing {
        let Passing { recurrence, back_on, .. } = of_task[&occurrence.task_id];
        let mut after = occurrence.clone();
        if !stays(occurrence) {
            after.status = plan.lost;
        } else if recurrence.auto_reschedule && occurrence.due_time.is_some() {
            if calendar.is_none() {
                let moving: Vec<Uuid> = passing.iter().map(|(occurrence, _)| occurrence.id).collect();
                let from = plan.passing.iter().map(|passing| passing.from(now)).min().unwrap_or(now);
                calendar = Some(slot::find_busy(tx, owner, from, &moving).await?);
            }
            let from = of_task[&occurrence.task_id].from(now);
            let place =
                calendar.as_mut().and_then(|(hours, busy)| busy.take(&recurrence.time_zone, *hours, from, *minutes));
            match place {
                Some(start) => put_at(&mut after, recurrence, start),
                None if policy_of(&occurrence.task_id) == MissedPolicy::Must => {
                    put_on(&mut after, recurrence, *back_on);
                }
                None => {}
            }
        } else if recurrence.auto_reschedule || policy_of(&occurrence.task_id) == MissedPolicy::Must {
            put_on(&mut after, recurrence, *back_on);
        }
        if after != *occurrence {
            after.updated_at = now;
        }
        settled.push((occurrence.clone(), after));
    }
    write(tx, owner, &settled, now).await?;
    Ok(settled)
}

/// The open occurrences that pass, in the order of their original starts, with how long each takes in minutes.
async fn find_passing(tx: &mut Tx, owner: Uuid, plan: &Plan<'_>) -> Result<Vec<(Occurrence, i32)>> {
    let task_ids: Vec<Uuid> = plan.passing.iter().map(|passing| passing.recurrence.task_id).collect();
    let first: Vec<Date> = plan.passing.iter().map(|passing| passing.first).collect();
    let last: Vec<Date> = plan.passing.iter().map(|passing| passing.last).collect();
    let sql = format!(
        "select {COLUMNS}, coalesce(o.estimate_minutes, t.estimate_minutes, $5) as minutes
         from unnest($2::uuid[], $3::date[], $4::date[]) as p (task_id, first, last)
         join occurrences o on o.user_id = $1 and o.task_id = p.task_id and o.due_date between p.first and p.last
             and o.status in ('pending', 'in_progress')
         join tasks t on t.user_id = $1 and t.id = o.task_id
         order by o.original_start, o.id limit $6"
    );
    let rows = tx.query(&sql, params![owner, task_ids, first, last, slot::MINUTES_DEFAULT, SETTLED_MAX]).await?;
    Ok(rows.iter().map(|row| (Occurrence::from_row(row), row.get("minutes"))).collect())
}

/// Moves an occurrence to an instant.
fn put_at(occurrence: &mut Occurrence, recurrence: &Recurrence, start: Timestamp) {
    let local = recurrence.time_zone.local(start);
    occurrence.due_date = Day::nearest(local.date());
    occurrence.due_time = DueTime::try_from(local.time()).ok();
    occurrence.starts_at = start;
    occurrence.moved = occurrence.due() != occurrence.original_start;
}

/// Moves an occurrence to a day, at the same time of day.
fn put_on(occurrence: &mut Occurrence, recurrence: &Recurrence, date: Date) {
    occurrence.due_date = Day::nearest(date);
    occurrence.starts_at = recurrence.time_zone.instant(occurrence.due());
    occurrence.moved = occurrence.due() != occurrence.original_start;
}

/// Writes what changed, with one statement for what was let go and one for what was moved.
async fn write(tx: &mut Tx, owner: Uuid, settled: &[Settled], now: Timestamp) -> Result<()> {
    let lost = settled.iter().filter(|(before, after)| before.status != after.status);
    let lost: Vec<Uuid> = lost.map(|(before, _)| before.id).collect();
    if let Some((_, after)) = settled.iter().find(|(before, after)| before.status != after.status) {
        let sql = "update occurrences set status = $3, updated_at = $4 where user_id = $1 and id = any($2)";
        tx.execute(sql, params![owner, lost, after.status.name(), now]).await?;
    }
    let moved = settled.iter().filter(|(before, after)| before.starts_at != after.starts_at);
    let moved: Vec<&Occurrence> = moved.map(|(_, after)| after).collect();
    if !moved.is_empty() {
        let ids: Vec<Uuid> = moved.iter().map(|after| after.id).collect();
        let dates: Vec<Date> = moved.iter().map(|after| after.due_date.date()).collect();
        let times: Vec<Option<Time>> = moved.iter().map(|after| after.due_time.map(DueTime::time)).collect();
        let starts: Vec<Timestamp> = moved.iter().map(|after| after.starts_at).collect();
        let sql = "update occurrences o
                   set due_date = m.due_date, due_time = m.due_time, starts_at = m.starts_at, updated_at = $6,
                       moved = m.due_date + coalesce(m.due_time, '00:00') <> o.original_start
                   from unnest($2::uuid[], $3::date[], $4::time[], $5::timestamptz[])
                       as m (id, due_date, due_time, starts_at)
                   where o.user_id = $1 and o.id = m.id";
        tx.execute(sql, params![owner, ids, dates, times, starts, now]).await?;
    }
    Ok(())
}
