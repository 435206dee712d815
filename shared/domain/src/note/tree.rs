//! Where a note stands in the tree of notes.

use base::db::Tx;
use base::{Error, Result, params};
use uuid::Uuid;

/// How many levels of notes may lie below each other.
pub const LEVELS_MAX: i32 = 32;

/// Whether a note may be put below `parent`: `moved`, with all below it, or a new one.
///
/// # Errors
///
/// 422 `/parent_id` when there is no such note, 409 `cycle` when it is below the moved one, 409 `too_deep`.
pub(super) async fn check_place(tx: &mut Tx, owner: Uuid, moved: Option<Uuid>, parent: Uuid) -> Result<()> {
    let place = tx
        .query_one(
            "with recursive above (id, parent_id, level) as (
                 select id, parent_id, 1 from notes where user_id = $1 and id = $2
                 union all
                 select n.id, n.parent_id, a.level + 1 from notes n join above a on n.id = a.parent_id
                 where n.user_id = $1 and a.level <= $4
             ),
             below (id, level) as (
                 select id, 1 from notes where user_id = $1 and id = $3
                 union all
                 select n.id, b.level + 1 from notes n join below b on n.parent_id = b.id
                 where n.user_id = $1 and b.level <= $4
             )
             select exists (select from above) as is_there,
                    exists (select from above where id = $3) as is_cycle,
                    coalesce((select max(level) from above), 0) + coalesce((select max(level) from below), 1) as levels",
            params![owner, parent, moved, LEVELS_MAX],
        )
        .await?;
    if !place.get::<_, bool>("is_there") {
        return Err(Error::invalid("/parent_id", "There is no such note."));
    }
    if place.get("is_cycle") {
        let detail = format!("The note {parent} is this one, or below it: a note cannot be below itself.");
        return Err(Error::conflict("cycle", detail.clone()).with_field("/parent_id", detail));
    }
    if place.get::<_, i32>("levels") > LEVELS_MAX {
        let detail = format!("Notes lie at most {LEVELS_MAX} levels deep.");
        return Err(Error::conflict("too_deep", detail.clone()).with_field("/parent_id", detail));
    }
    Ok(())
}
