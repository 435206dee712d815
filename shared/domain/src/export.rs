//! The export: everything that is a user's, as one JSON document.
//!
//! The document is written piece by piece, all from one moment of the database, so it is as consistent as it would be if
//! nobody wrote meanwhile, and takes no more memory than a piece. The rows look as the change log keeps them. What
//! kinds there are, and which of their columns are computed, follows from [`ENTITIES`] and the log's triggers.

use std::collections::{BTreeMap, VecDeque};

use base::db::Tx;
use base::{Error, Result, params};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::change::ENTITIES;

/// What the document says it is.
pub const FORMAT: &str = "almanac-export";
/// The version of its shape. It grows when an older import would misread it.
pub const VERSION: u64 = 1;
/// How many rows are read at once.
const ROWS_AT_ONCE: usize = 50;
/// How long whoever reads the document may take between two pieces, in milliseconds, before the database ends it.
const IDLE_TIMEOUT_MS: u32 = 30_000;

/// A document that is being written.
pub struct Export {
    tx: Tx,
    owner: Uuid,
    /// What is still to be written.
    parts: VecDeque<Part>,
    /// Whether the rows of the first part are being read.
    is_reading: bool,
}

/// A stretch of the document.
enum Part {
    /// Text as it stands.
    Text(String),
    /// The rows of a statement, as the items of an array.
    Rows(String),
}

impl Export {
    /// Begins a document in a snapshot of the owner's. `changes` puts the change log behind the rest. None when there
    /// is no such user.
    ///
    /// # Errors
    ///
    /// 409 `export_running` while another one of this user's is being written.
    pub async fn begin(mut tx: Tx, owner: Uuid, changes: bool, now: Timestamp) -> Result<Option<Self>> {
        let sql = "select pg_try_advisory_xact_lock(hashtextextended('export ' || $1, 0)) as is_first,
                          set_config('timezone', 'UTC', true),
                          set_config('idle_in_transaction_session_timeout', $2, true)";
        let begun = tx.query_one(sql, params![owner.to_string(), IDLE_TIMEOUT_MS.to_string()]).await?;
        if !begun.get::<_, bool>("is_first") {
            return Err(Error::conflict("export_running", "Another export is running. Let it end first."));
        }
        let Some((account, user)) = head(&mut tx, owner).await? else { return Ok(None) };
        let mut parts = VecDeque::from([Part::Text(format!(
            "{{\"format\":{},\"version\":{VERSION},\"exported_at\":{},\"account\":{account},\"user\":{user},\"entities\":{{",
            json!(FORMAT),
            json!(now)
        ))]);
        let hidden = hidden_columns(&mut tx).await?;
        let entities = ENTITIES.iter().filter(|entity| entity.table != "users").enumerate();
        for (place, entity) in entities {
            let comma = if place == 0 { "" } else { "," };
            let hidden = hidden.get(entity.table).map_or("{}", String::as_str);
            parts.push_back(Part::Text(format!("{comma}\n\"{}\":[", entity.name)));
            parts.push_back(Part::Rows(rows_of(entity.table, hidden)));
            parts.push_back(Part::Text("]".to_owned()));
        }
        parts.push_back(Part::Text("}".to_owned()));
        if changes {
            let sql = "select (to_jsonb(c) - 'user_id')::text from changes c where user_id = $1 order by seq";
            parts.push_back(Part::Text(",\n\"changes\":[".to_owned()));
            parts.push_back(Part::Rows(sql.to_owned()));
            parts.push_back(Part::Text("]".to_owned()));
        }
        parts.push_back(Part::Text("}\n".to_owned()));
        Ok(Some(Self { tx, owner, parts, is_reading: false }))
    }

    /// The next piece of the document, of at most 50 rows; none when it is whole.
    pub async fn next(&mut self) -> Result<Option<String>> {
        let mut piece = String::new();
        while let Some(part) = self.parts.front() {
            match part {
                Part::Text(text) => {
                    piece.push_str(text);
                    self.parts.pop_front();
                }
                Part::Rows(sql) => {
                    if !self.is_reading {
                        let declare = format!("declare export no scroll cursor for {sql}");
                        self.tx.execute(&declare, params![self.owner]).await?;
                    }
                    let fetch = format!("fetch {ROWS_AT_ONCE} from export");
                    let rows = self.tx.query(&fetch, &[]).await?;
                    for (place, row) in rows.iter().enumerate() {
                        piece.push_str(if place == 0 && !self.is_reading { "\n" } else { ",\n" });
                        piece.push_str(row.get(0));
                    }
                    self.is_reading = rows.len() == ROWS_AT_ONCE;
                    if !self.is_reading {
                        self.tx.execute("close export", &[]).await?;
                        self.parts.pop_front();
                    }
                    return Ok(Some(piece));
                }
            }
        }
        Ok(if piece.is_empty() { None } else { Some(piece) })
    }
}

/// What tells whose document it is, which an import ignores, and what the user may change about themselves.
async fn head(tx: &mut Tx, owner: Uuid) -> Result<Option<(Value, Value)>> {
    let sql = "select jsonb_build_object(
                   'id', id, 'email', email, 'role', role, 'created_at', created_at, 'updated_at', updated_at,
                   'identities', (select coalesce(jsonb_agg(to_jsonb(i) - 'user_id' order by i.issuer, i.subject), '[]')
                                  from identities i where i.user_id = u.id)) as account,
                   jsonb_build_object('full_name', full_name, 'preferences', preferences) as account_user
               from users u where id = $1";
    Ok(tx.query_opt(sql, params![owner]).await?.map(|row| (row.get("account"), row.get("account_user"))))
}

/// For each table that the log follows, the columns that its images leave out, as an array of PostgreSQL's.
pub(crate) async fn hidden_columns(tx: &mut Tx) -> Result<BTreeMap<String, String>> {
    // A trigger's arguments end with a zero byte each: the entity, then the columns.
    let sql = r"select c.relname::text as table_name, split_part(encode(t.tgargs, 'escape'), '\000', 2) as columns
                from pg_trigger t join pg_class c on c.oid = t.tgrelid
                where t.tgname = 'log_insert' and c.relnamespace = 'public'::regnamespace";
    let rows = tx.query(sql, &[]).await?;
    Ok(rows.iter().map(|row| (row.get("table_name"), row.get("columns"))).collect())
}

/// The rows of a table as the log would keep them. A reply that is still being written is not in the log; here it is
/// what it would be if its writer stopped now.
fn rows_of(table: &str, hidden: &str) -> String {
    let image = format!("to_jsonb(t) - 'user_id' - '{}'::text[]", hidden.replace('\'', "''"));
    let image = if table == "messages" {
        format!(
            "{image} || case when status = 'streaming' then '{{\"status\":\"interrupted\"}}' else '{{}}' end::jsonb"
        )
    } else {
        image
    };
    format!("select ({image})::text from {table} t where user_id = $1 order by id")
}
