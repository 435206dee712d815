//! Branches: the way from the first message of a conversation down to one.

use base::db::Tx;
use base::params;
use jiff::Timestamp;
use tokio_postgres::Error;
use uuid::Uuid;

use super::{COLUMNS, Message};

/// The messages of a branch or of a whole conversation, without their texts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outline {
    /// The messages, oldest first.
    pub ids: Vec<Uuid>,
    /// How long their texts are together, in bytes.
    pub content_bytes: i64,
}

/// The messages from the root of a branch down to `leaf`, the newest `count_max` of them, oldest first.
pub async fn list_branch(tx: &mut Tx, owner: Uuid, leaf: Uuid, count_max: i64) -> Result<Vec<Message>, Error> {
    let sql = format!(
        "with recursive branch as (
             select m.*, 1 as depth from messages m where m.user_id = $1 and m.id = $2
             union all
             select m.*, b.depth + 1 from messages m join branch b on m.id = b.parent_id
             where m.user_id = $1 and b.depth < $3
         )
         select {COLUMNS} from branch order by depth desc"
    );
    Ok(tx.query(&sql, params![owner, leaf, count_max]).await?.iter().map(Message::from_row).collect())
}

/// The branch down to `leaf`; when it has more messages than `count_max`, the newest `count_max` + 1 of them.
pub async fn outline_branch(tx: &mut Tx, owner: Uuid, leaf: Uuid, count_max: i64) -> Result<Outline, Error> {
    let sql = "with recursive branch as (
                   select id, parent_id, 0::bigint as depth from messages where user_id = $1 and id = $2
                   union all
                   select m.id, m.parent_id, b.depth + 1 from messages m join branch b on m.id = b.parent_id
                   where m.user_id = $1 and b.depth < $3
               )
               select m.id, octet_length(m.content)::bigint as content_bytes
               from branch b join messages m on m.id = b.id order by b.depth desc";
    outline(tx, sql, params![owner, leaf, count_max]).await
}

/// All messages of a conversation.
pub async fn outline_conversation(tx: &mut Tx, owner: Uuid, conversation: Uuid) -> Result<Outline, Error> {
    let sql = "select id, octet_length(content)::bigint as content_bytes from messages
               where user_id = $1 and conversation_id = $2 order by created_at, id";
    outline(tx, sql, params![owner, conversation]).await
}

async fn outline(
    tx: &mut Tx,
    sql: &str,
    params: &[(&(dyn tokio_postgres::types::ToSql + Sync), tokio_postgres::types::Type)],
) -> Result<Outline, Error> {
    let mut outline = Outline::default();
    for row in tx.query(sql, params).await? {
        outline.ids.push(row.get("id"));
        outline.content_bytes += row.get::<_, i64>("content_bytes");
    }
    Ok(outline)
}

/// These messages, in this order; those that are not there are left out.
pub async fn find_all(tx: Tx, owner: Uuid, ids: &[Uuid]) -> Result<Vec<Message>, Error> {
    let sql = format!(
        "select {COLUMNS} from messages where user_id = $1 and id = any($2::uuid[]) order by array_position($2, id)"
    );
    Ok(tx.query_and_commit(&sql, params![owner, ids.to_vec()]).await?.iter().map(Message::from_row).collect())
}

/// Copies a branch, each of `originals` to the id at the same place of `copies`, into another conversation. Copies
/// keep when they were written and not what they cost: they cost nothing.
pub async fn copy_branch(
    tx: &mut Tx,
    owner: Uuid,
    originals: &[Uuid],
    copies: &[Uuid],
    conversation: Uuid,
    now: Timestamp,
) -> Result<(), Error> {
    let sql = "with places as (
                   select * from unnest($2::uuid[], $3::uuid[]) with ordinality as p (original, copy, place)
               )
               insert into messages (id, user_id, conversation_id, parent_id, role, content, model, status,
                                     finish_reason, error_code, created_at, updated_at)
               select p.copy, $1, $4, above.copy, m.role, m.content, m.model,
                      case when m.status = 'streaming' then 'interrupted' else m.status end,
                      m.finish_reason, m.error_code, m.created_at, $5
               from places p
               join messages m on m.user_id = $1 and m.id = p.original
               left join places above on above.place = p.place - 1
               order by p.place";
    tx.execute(sql, params![owner, originals.to_vec(), copies.to_vec(), conversation, now]).await.map(drop)
}
