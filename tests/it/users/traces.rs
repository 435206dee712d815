//! What is left of somebody, wherever it may be.

use base::params;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::app::TestApp;
use crate::isolation::rules::RULES;

/// The database, whole.
pub(super) struct Traces {
    pub(super) superuser: Client,
}

/// Values to put into a column of JSON, until one is taken.
const JSON: [&str; 3] = ["jsonb_build_object($2::text, $2::text)", "jsonb_build_array($2::text)", "to_jsonb($2::text)"];

impl Traces {
    pub(super) async fn of(app: &TestApp) -> Self {
        Self { superuser: app.superuser().await }
    }

    async fn names(&self, sql: &str) -> Vec<String> {
        let rows = self.superuser.query_typed(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Puts a word into every column of text or JSON of one of this user's rows in every table, past the API and its
    /// rules, and gives those that took it.
    pub(super) async fn plant(&self, owner: Uuid, word: &str) -> Vec<String> {
        // Without triggers and references, as some rows would not be there otherwise.
        self.superuser.batch_execute("set session_replication_role = replica").await.expect("a superuser");
        let mut planted = Vec::new();
        // The rows of erasures stay, and nothing of a user's ever comes to be in one.
        for rule in RULES.iter().filter(|rule| rule.table != "erasures") {
            let (Some(column), table) = (rule.owner, rule.table) else { continue };
            let one = format!("select from {table} where {column} = $1");
            if self.superuser.query_typed(&one, params![owner]).await.expect("a look").is_empty() {
                let id = Uuid::from_u128(owner.as_u128() + 1);
                let made = self.superuser.execute_typed(rule.insert, params![owner, id]).await;
                made.unwrap_or_else(|error| panic!("{table}: {error:?}"));
            }
            for (name, kind) in self.columns(table).await {
                let values = if kind == "jsonb" { &JSON[..] } else { &["$2::text"][..] };
                for value in values {
                    let sql = format!(
                        "update {table} set \"{name}\" = {value}
                         where ctid = (select ctid from {table} where {column} = $1 limit 1)"
                    );
                    if self.superuser.execute_typed(&sql, params![owner, word]).await.is_ok_and(|rows| rows == 1) {
                        planted.push(format!("{table}.{name}"));
                        break;
                    }
                }
            }
        }
        self.superuser.batch_execute("reset session_replication_role").await.expect("a superuser");
        planted
    }

    async fn columns(&self, table: &str) -> Vec<(String, String)> {
        let sql = "select attname::text, format_type(atttypid, null) from pg_attribute
                   where attrelid = ('public.' || $1)::regclass and attnum > 0 and not attisdropped
                     and attgenerated = '' and atttypid in ('text'::regtype, 'jsonb'::regtype)";
        let rows = self.superuser.query_typed(sql, params![table]).await.expect("columns");
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    /// The tables of all schemas that have a row with this text anywhere in it.
    pub(super) async fn tables_with(&self, text: &str) -> Vec<String> {
        let tables = "select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
                      where c.relkind in ('r', 'p', 'm') and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
                      order by 1";
        let mut found = Vec::new();
        for table in self.names(tables).await {
            let sql = format!("select from {table} t where strpos(lower(t::text), lower($1)) > 0 limit 1");
            if !self.superuser.query_typed(&sql, params![text]).await.expect("a search").is_empty() {
                found.push(table);
            }
        }
        found
    }

    /// All rows of a user, as one text for each table.
    pub(super) async fn rows_of(&self, owner: Uuid) -> Vec<(String, String)> {
        let mut rows = Vec::new();
        for rule in &RULES {
            let (Some(column), table) = (rule.owner, rule.table) else { continue };
            let sql = format!(
                "select coalesce(string_agg(t::text, E'\\n' order by t::text), '') from {table} t where {column} = $1"
            );
            let row = self.superuser.query_typed_one(&sql, params![owner]).await.expect("rows");
            rows.push((table.to_owned(), row.get(0)));
        }
        rows
    }
}
