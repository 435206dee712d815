//! What time does to recurring tasks: occurrences are made ahead, and those whose day has passed are treated.

use base::db::Tx;
use base::{Result, params};
use jiff::Timestamp;
use jiff::civil::{Date, Time};
use uuid::Uuid;

use super::CountsFrom;
use super::record::{COLUMNS, Recurrence};
use crate::occurrence::{self, Passing, Plan, Status};

/// The first day that an occurrence can have.
const FIRST_DAY: Date = Date::constant(1900, 1, 1);

/// What tending did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tended {
    /// How many occurrences were made.
    pub created: usize,
    /// How many were let go.
    pub missed: usize,
    /// How many were moved to another time.
    pub moved: usize,
}

/// Users with a recurrence whose day is over, at most `limit` of them, longest waiting first. For the service role.
pub async fn owners_to_tend(tx: &mut Tx, now: Timestamp, limit: i64) -> Result<Vec<Uuid>, tokio_postgres::Error> {
    let sql = "select r.user_id from recurrences r join tasks t on t.id = r.task_id and t.user_id = r.user_id
               where (r.tend_at is null or r.tend_at <= $1) and t.status in ('pending', 'in_progress')
               group by r.user_id order by min(coalesce(r.tend_at, '-infinity')), r.user_id limit $2";
    Ok(tx.query(sql, params![now, limit]).await?.iter().map(|row| row.get(0)).collect())
}

/// Makes a user's occurrences ahead, and applies the policies to those whose day has passed since the last time. Doing
/// it again the same day does nothing. In a job's transaction, or any that holds the owner's write lock.
pub async fn tend(tx: &mut Tx, owner: Uuid, now: Timestamp) -> Result<Tended> {
    let recurrences = list_to_tend(tx, owner, now).await?;
    if recurrences.is_empty() {
        return Ok(Tended::default());
    }
    let mut tended =
        Tended { created: occurrence::extend(tx, owner, &recurrences, now, now).await?, ..Tended::default() };
    let passing = |recurrence: Recurrence| {
        let today = recurrence.today(now);
        Passing { recurrence, first: FIRST_DAY, last: today.yesterday().unwrap_or(today), back_on: today }
    };
    let passing: Vec<_> = recurrences.into_iter().map(passing).collect();
    let plan = Plan { passing: &passing, policy: None, lost: Status::Missed };
    let settled = occurrence::settle(tx, owner, &plan, now).await?;
    let was_lost = |task_id: Uuid| settled.iter().any(|(_, after)| after.task_id == task_id && !after.status.is_open());
    for Passing { recurrence, back_on, .. } in passing.iter().filter(|passing| was_lost(passing.recurrence.task_id)) {
        if recurrence.counts_from == CountsFrom::Completion {
            let is_made = occurrence::show_next(tx, owner, recurrence, Some(*back_on), now).await?;
            tended.created += usize::from(is_made);
        }
        occurrence::finish_if_over(tx, owner, recurrence, now).await?;
    }
    tended.missed = settled.iter().filter(|(before, after)| before.status != after.status).count();
    tended.moved = settled.iter().filter(|(before, after)| before.starts_at != after.starts_at).count();
    let ids: Vec<Uuid> = passing.iter().map(|passing| passing.recurrence.id).collect();
    let midnights: Vec<Timestamp> = passing.iter().map(|passing| next_midnight(&passing.recurrence, now)).collect();
    let sql = "update recurrences r set tend_at = m.midnight
               from unnest($2::uuid[], $3::timestamptz[]) as m (id, midnight) where r.user_id = $1 and r.id = m.id";
    tx.execute(sql, params![owner, ids, midnights]).await?;
    Ok(tended)
}

/// The recurrences of open tasks whose day is over.
async fn list_to_tend(tx: &mut Tx, owner: Uuid, now: Timestamp) -> Result<Vec<Recurrence>> {
    let sql = format!(
        "select {COLUMNS} from recurrences r
         where user_id = $1 and (tend_at is null or tend_at <= $2)
           and exists (select from tasks t where t.user_id = $1 and t.id = r.task_id
                       and t.status in ('pending', 'in_progress'))
         order by created_at, id"
    );
    Ok(tx.query(&sql, params![owner, now]).await?.iter().map(Recurrence::from_row).collect())
}

/// When the recurrence's present day is over.
fn next_midnight(recurrence: &Recurrence, now: Timestamp) -> Timestamp {
    let tomorrow = recurrence.today(now).tomorrow().unwrap_or(Date::MAX);
    recurrence.time_zone.instant(tomorrow.to_datetime(Time::midnight()))
}
