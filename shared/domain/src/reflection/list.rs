//! Finding reflections.

use base::db::Tx;
use base::page::Page;
use base::params;
use tokio_postgres::Error;
use uuid::Uuid;

use super::{COLUMNS, Kind, Reflection};
use crate::period::Day;

/// Which reflections are wanted; all of it must hold.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Those of this kind.
    pub kind: Option<Kind>,
    /// Those that look back on this day or a later one.
    pub from: Option<Day>,
    /// Those that look back on this day or an earlier one.
    pub to: Option<Day>,
    /// Those with all of these words.
    pub words: Option<String>,
}

/// A page of reflections, newest first.
pub async fn list(tx: Tx, owner: Uuid, page: &Page, filter: &Filter) -> Result<Vec<Reflection>, Error> {
    let sql = format!(
        "select {COLUMNS} from reflections
         where user_id = $1
           and ($2::timestamptz is null or created_at < $2)
           and ($3::uuid is null
                or (created_at, id) < (select created_at, id from reflections where user_id = $1 and id = $3))
           and ($4::text is null or reflection_type = $4)
           and ($5::date is null or ends_on >= $5)
           and ($6::date is null or starts_on <= $6)
           and ($7::text is null or search @@ websearch_to_tsquery('simple', $7))
         order by created_at desc, id desc limit $8"
    );
    let rows = tx
        .query_and_commit(
            &sql,
            params![
                owner,
                page.before_time(),
                page.before_id(),
                filter.kind.map(Kind::name),
                filter.from.map(Day::date),
                filter.to.map(Day::date),
                crate::message::searchable(filter.words.as_deref()),
                page.fetch()
            ],
        )
        .await?;
    Ok(rows.iter().map(Reflection::from_row).collect())
}
