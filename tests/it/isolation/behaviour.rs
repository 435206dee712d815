//! What the database does when it is tried, through the program's own logins and roles.

use base::db::Tx;
use base::params;
use tokio_postgres::error::SqlState;

use super::rules::{Rule, rule_of};
use super::stage::{Outcome, Stage};

/// Who tries a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Actor {
    /// Bob, who is signed in.
    User,
    /// A visitor, a login that has taken on no role, a user without claims.
    Nobody,
    /// Webhooks and jobs.
    Service,
}

/// Everything that is wrong with one table.
pub(super) async fn of_table(stage: &Stage, table: &str) -> Vec<String> {
    let mut violations = Vec::new();
    for actor in [Actor::User, Actor::Nobody, Actor::Service] {
        violations.extend(of_table_to(stage, table, actor).await);
    }
    violations
}

/// What is wrong with one table for one actor.
pub(super) async fn of_table_to(stage: &Stage, table: &str, actor: Actor) -> Vec<String> {
    let Some(rule) = rule_of(table) else {
        return vec![format!("{table} has no rule: say in isolation/rules.rs who may do what with it")];
    };
    let columns = stage.columns(table).await;
    let mut found = Found { table: table.to_owned(), violations: Vec::new() };
    match actor {
        Actor::User => by_bob(stage, rule, &columns, &mut found).await,
        Actor::Nobody => by_nobody(stage, rule, &columns[0], &mut found).await,
        Actor::Service => by_service(stage, rule, &columns[0], &mut found).await,
    }
    found.violations
}

/// Everything that is wrong with the logins and with the functions that work before there is a user.
pub(super) async fn of_logins(stage: &Stage) -> Vec<String> {
    let mut found = Found { table: "logins".to_owned(), violations: Vec::new() };
    for (role, login) in [("service_role", &stage.app), ("authenticated", &stage.service), ("postgres", &stage.app)] {
        let tx = login.as_app().await.expect("a connection");
        let sql = format!("set local role {role}");
        found.expect(&sql, &Outcome::Refused, stage.attempt(tx, &sql, stage.bob).await);
    }
    let tx = stage.app.as_service().await.expect("a connection");
    found.expect("the app as the service", &Outcome::Refused, stage.attempt(tx, "select", stage.bob).await);
    functions(stage, &mut found).await;
    found.violations
}

/// A user: their own rows and nothing else. Statements name no owner, so that only the policies decide; each
/// person has one row in each table, so another number than 1 is somebody else's row or a lost right.
async fn by_bob(stage: &Stage, rule: &Rule, columns: &[String], found: &mut Found) {
    let (table, alice, bob) = (rule.table, stage.alice, stage.bob);
    let own = |may: bool| if may { Outcome::Rows(1) } else { Outcome::Refused };
    let select = stage.as_bob(&format!("select from {table}"), bob).await;
    found.expect("bob selects", &own(rule.may_select), select);
    let delete = stage.as_bob(&format!("delete from {table}"), bob).await;
    found.expect("bob deletes", &own(rule.may_delete), delete);
    for column in columns {
        let may = rule.may_update.contains(column);
        // What may not be written is tried with a value that needs no right to read.
        let value = if may { column } else { "null" };
        let update = stage.as_bob(&format!("update {table} set {column} = {value}"), bob).await;
        found.expect(&format!("bob updates {column}"), &own(may), update);
    }
    // An update that reads nothing is held by the policy for updates alone, not by the one for reading.
    let nullable = stage.nullable_columns(table).await;
    if let Some(column) = nullable.iter().find(|column| rule.may_update.contains(column)) {
        let update = stage.as_bob(&format!("update {table} set {column} = null"), bob).await;
        found.expect(&format!("bob empties {column}"), &Outcome::Rows(1), update);
    }
    let Some(owner) = rule.owner else {
        found.expect("bob inserts", &Outcome::Refused, stage.as_bob(rule.insert, bob).await);
        return;
    };
    found.expect("bob inserts", &own(rule.may_insert), stage.as_bob(rule.insert, bob).await);
    found.expect("bob inserts for alice", &Outcome::Refused, stage.as_bob(rule.insert, alice).await);
    let give = format!("update {table} set {owner} = $1");
    found.expect("bob gives a row to alice", &Outcome::Refused, stage.as_bob(&give, alice).await);
}

/// A login that has become nobody, and a visitor, may touch no table. Somebody without claims owns nothing.
async fn by_nobody(stage: &Stage, rule: &Rule, column: &str, found: &mut Found) {
    let verbs = verbs(rule, column, "null");
    for (login, role) in [(&stage.app, None), (&stage.app, Some("anon")), (&stage.service, None)] {
        for (verb, sql) in &verbs {
            let outcome = stage.attempt(stage.as_nobody(login, role).await, sql, stage.alice).await;
            let who = role.unwrap_or(if std::ptr::eq(login, &raw const stage.app) { "the app" } else { "the service" });
            found.expect(&format!("{who} {verb}s as nobody"), &Outcome::Refused, outcome);
        }
    }
    for (verb, sql) in &verbs {
        let tx = stage.as_nobody(&stage.app, Some("authenticated")).await;
        let outcome = stage.attempt(tx, sql, stage.alice).await;
        if !matches!(outcome, Outcome::Refused | Outcome::Rows(0)) {
            found.violations.push(format!("{}: without claims {verb} gives {outcome:?}", rule.table));
        }
    }
}

/// Webhooks and jobs: everybody's rows, in every way. Without this they break, and so do the functions that run
/// as this role, such as those of a login.
async fn by_service(stage: &Stage, rule: &Rule, column: &str, found: &mut Found) {
    let mut tx = stage.service.as_service().await.expect("a connection");
    let [select, insert, update, delete] = verbs(rule, column, column);
    for ((verb, sql), rows) in [(select, 2), (update, 2), (delete, 2), (insert, 1)] {
        let outcome = run(&mut tx, stage, &sql).await;
        found.expect(&format!("the service {verb}s"), &Outcome::Rows(rows), outcome);
    }
}

/// The functions of schema almanac are for the app before there is a user: not for users, nor for visitors.
async fn functions(stage: &Stage, found: &mut Found) {
    let calls = stage
        .names(
            "select format('select from almanac.%I(%s)', p.proname,
                 (select string_agg('null::' || format_type(t.oid, null), ', ' order by t.place)
                  from unnest(p.proargtypes) with ordinality as t (oid, place)))
             from pg_proc p where p.pronamespace = 'almanac'::regnamespace order by 1",
        )
        .await;
    assert!(!calls.is_empty(), "the functions are found");
    for call in calls {
        found.expect(&format!("bob: {call}"), &Outcome::Refused, stage.as_bob(&call, stage.bob).await);
        let tx = stage.as_nobody(&stage.app, Some("anon")).await;
        found.expect(&format!("anon: {call}"), &Outcome::Refused, stage.attempt(tx, &call, stage.bob).await);
    }
    let mut tx = stage.app.as_app().await.expect("a connection");
    let known = tx.execute("select from almanac.find_user($1)", params![stage.bob]).await;
    found.expect("the app finds a user", &Outcome::Rows(1), Outcome::of(known));
}

/// A row of one's own can still point at somebody else's; the references forbid it.
pub(super) async fn of_references(stage: &Stage) -> Vec<String> {
    let mut found = Found { table: "references".to_owned(), violations: Vec::new() };
    let message =
        "insert into messages (id, user_id, conversation_id, parent_id, role, content, model, created_at, updated_at)
                   values ($1, $2, $3, $4, 'user', '', '', now(), now())";
    let share = "insert into conversation_shares
                     (id, user_id, conversation_id, until_message_id, title, token_hash, created_at)
                 values ($1, $2, $3, $4, 'x', sha256($1::text::bytea), now())";
    let (alice, bob) = (stage.alice, stage.bob);
    for (what, sql, conversation, near) in [
        ("hangs a message on alice's conversation", message, alice, None),
        ("hangs a message on alice's message", message, bob, Some(alice)),
        ("shares alice's conversation", share, alice, Some(alice)),
        ("shares alice's message", share, bob, Some(alice)),
    ] {
        let mut tx = stage.app.as_user(bob).await.expect("a connection");
        let outcome = tx.execute(sql, params![stage.new_id(), bob, conversation, near]).await;
        let code = outcome.as_ref().err().and_then(tokio_postgres::Error::code);
        if code != Some(&SqlState::FOREIGN_KEY_VIOLATION) {
            found.violations.push(format!("bob {what}: {outcome:?}"));
        }
    }
    found.violations
}

/// One statement for each verb. An update to the column's own value needs the right to read it, one to null does not.
fn verbs(rule: &Rule, column: &str, value: &str) -> [(&'static str, String); 4] {
    let table = rule.table;
    [
        ("select", format!("select from {table}")),
        ("insert", rule.insert.to_owned()),
        ("update", format!("update {table} set {column} = {value}")),
        ("delete", format!("delete from {table}")),
    ]
}

async fn run(tx: &mut Tx, stage: &Stage, sql: &str) -> Outcome {
    Outcome::of(tx.execute(sql, params![stage.alice, stage.new_id()]).await)
}

/// What was found to be wrong with a table.
struct Found {
    table: String,
    violations: Vec<String>,
}

impl Found {
    #[expect(clippy::needless_pass_by_value, reason = "an outcome is looked at once")]
    fn expect(&mut self, what: &str, expected: &Outcome, outcome: Outcome) {
        if outcome != *expected {
            self.violations.push(format!("{}: {what}: {outcome:?}, not {expected:?}", self.table));
        }
    }
}
