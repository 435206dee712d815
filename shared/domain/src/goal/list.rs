//! Finding goals, each with its progress as it is now.

use base::db::Tx;
use base::page::Page;
use base::params;
use tokio_postgres::Error;
use uuid::Uuid;

use super::progress::with_progress;
use super::{Goal, Status};
use crate::period::{Day, Timeframe};

/// Which goals are wanted; all of it must hold.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Those that span this much time.
    pub timeframe: Option<Timeframe>,
    /// Those with this status.
    pub status: Option<Status>,
    /// Those at this place of the tree.
    pub above: Option<Above>,
    /// Those whose period holds this day.
    pub on: Option<Day>,
    /// Those that are due on this day or later.
    pub due_from: Option<Day>,
    /// Those that are due on this day or earlier.
    pub due_to: Option<Day>,
    /// Those with all of these words in the title or the description.
    pub words: Option<String>,
}

/// What is above a goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Above {
    /// No goal.
    Nothing,
    /// This goal, directly.
    Goal(Uuid),
}

/// One goal.
pub async fn find(tx: &mut Tx, owner: Uuid, id: Uuid) -> Result<Option<Goal>, Error> {
    let sql = with_progress("select * from goals where user_id = $1 and id = $2");
    Ok(tx.query_opt(&sql, params![owner, id]).await?.as_ref().map(Goal::from_row))
}

/// A page of goals, newest first.
pub async fn list(tx: Tx, owner: Uuid, page: &Page, filter: &Filter) -> Result<Vec<Goal>, Error> {
    let sql = with_progress(
        "select * from goals
         where user_id = $1
           and ($2::timestamptz is null or created_at < $2)
           and ($3::uuid is null
                or (created_at, id) < (select created_at, id from goals where user_id = $1 and id = $3))
           and ($4::text is null or timeframe = $4)
           and ($5::text is null or status = $5)
           and ($6::bool is null or (parent_goal_id is null) = $6)
           and ($7::uuid is null or parent_goal_id = $7)
           and ($8::date is null or starts_on = date_trunc(timeframe, $8::timestamp)::date)
           and ($9::date is null or due_date >= $9)
           and ($10::date is null or due_date <= $10)
           and ($11::text is null or search @@ websearch_to_tsquery('simple', $11))
         order by created_at desc, id desc limit $12",
    );
    let (is_root, parent) = match filter.above {
        None => (None, None),
        Some(Above::Nothing) => (Some(true), None),
        Some(Above::Goal(parent)) => (None, Some(parent)),
    };
    let rows = tx
        .query_and_commit(
            &sql,
            params![
                owner,
                page.before_time(),
                page.before_id(),
                filter.timeframe.map(Timeframe::name),
                filter.status.map(Status::name),
                is_root,
                parent,
                filter.on.map(Day::date),
                filter.due_from.map(Day::date),
                filter.due_to.map(Day::date),
                crate::message::searchable(filter.words.as_deref()),
                page.fetch()
            ],
        )
        .await?;
    Ok(rows.iter().map(Goal::from_row).collect())
}

/// The goals that are worked on or reached and whose period has a day of `first` to `last` in it, the newest
/// `count_max` of them.
pub async fn list_within(tx: &mut Tx, owner: Uuid, first: Day, last: Day, count_max: i64) -> Result<Vec<Goal>, Error> {
    let sql = with_progress(
        "select * from goals
         where user_id = $1 and status in ('active', 'done')
           and starts_on <= $3 and starts_on >= date_trunc(timeframe, $2::timestamp)::date
         order by created_at desc, id desc limit $4",
    );
    let (first, last) = (first.date(), last.date());
    Ok(tx.query(&sql, params![owner, first, last, count_max]).await?.iter().map(Goal::from_row).collect())
}
