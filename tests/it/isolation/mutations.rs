//! Breaks the database in every way that is worth breaking, one at a time, and demands that it is noticed.

use std::fmt::Write as _;

use super::behaviour::Actor;
use super::every_table::{stage_in, violations};
use super::rules::{Columns, RULES, Rule};
use super::stage::Stage;
use super::{behaviour, catalogue};
use crate::cluster::TestDatabase;

/// One way to break the database, and the way back.
struct Mutation {
    apply: String,
    undo: String,
    /// The table it is about; without one it is about logins and functions.
    table: Option<&'static str>,
    /// Who must notice it by trying the database. Where it is nobody the catalogue has to tell, because a second
    /// barrier still stands: a policy without a right opens nothing, nor does a right without a policy.
    shows_to: Option<Actor>,
}

/// A policy as the catalogue tells it, each part ready to be written again.
struct Policy {
    name: String,
    role: String,
    command: String,
    using: Option<String>,
    check: Option<String>,
}

const POLICIES: &str = "select policyname::text, array_to_string(roles, ', '), cmd, qual, with_check
    from pg_policies where schemaname = 'public' and tablename = $1 and permissive = 'PERMISSIVE' order by 1";

impl Policy {
    async fn all(stage: &Stage, table: &str) -> Vec<Self> {
        let rows = stage.superuser.query(POLICIES, &[&table]).await.expect("the policies can be read");
        let policy = |row: &tokio_postgres::Row| Self {
            name: row.get(0),
            role: row.get(1),
            command: row.get(2),
            using: row.get(3),
            check: row.get(4),
        };
        rows.iter().map(policy).collect()
    }

    fn create(&self, table: &str) -> String {
        let mut sql = format!("create policy {} on {table} for {} to {}", self.name, self.command, self.role);
        for (clause, condition) in [("using", &self.using), ("with check", &self.check)] {
            if let Some(condition) = condition {
                write!(sql, " {clause} ({condition})").expect("a string takes all");
            }
        }
        sql
    }

    fn mutations(&self, rule: &'static Rule) -> Vec<Mutation> {
        let (name, table) = (&self.name, rule.table);
        let alter = format!("alter policy {name} on {table}");
        // Its loss takes a right away: from users, or from the service, which the webhooks and logins need.
        let mut all = vec![Mutation {
            apply: format!("drop policy {name} on {table}"),
            undo: self.create(table),
            table: Some(table),
            shows_to: Some(if self.role == "service_role" { Actor::Service } else { Actor::User }),
        }];
        for (clause, condition) in [("using", &self.using), ("with check", &self.check)] {
            let Some(condition) = condition.as_deref().filter(|condition| *condition != "true") else { continue };
            all.push(Mutation {
                apply: format!("{alter} {clause} (true)"),
                undo: format!("{alter} {clause} ({condition})"),
                table: Some(table),
                // Where the owner's column cannot be written, a changed row stays its owner's without any check.
                shows_to: to_user(clause == "using" || rule.owner.is_some_and(|owner| rule.may_update.contains(owner))),
            });
        }
        for other in ["public", "authenticated", "anon"].into_iter().filter(|other| *other != self.role) {
            all.push(Mutation {
                apply: format!("{alter} to {other}"),
                undo: format!("{alter} to {}", self.role),
                table: Some(table),
                // A policy for the service is `true`: given to users it opens what they have a right to.
                shows_to: to_user(other == "authenticated" && rule.is_open()),
            });
        }
        all
    }
}

/// A user notices it, if somebody does.
fn to_user(shows: bool) -> Option<Actor> {
    shows.then_some(Actor::User)
}

/// The table's switches, and policies that somebody might add.
fn of_switches(rule: &'static Rule) -> Vec<Mutation> {
    let table = rule.table;
    let mutation =
        |apply: String, undo: String, shows| Mutation { apply, undo, table: Some(table), shows_to: to_user(shows) };
    let alter = |action: &str| format!("alter table {table} {action} row level security");
    let mut all = vec![
        mutation(alter("disable"), alter("enable"), rule.is_open()),
        // The program never logs in as the owner, so that only the catalogue tells.
        mutation(alter("no force"), alter("force"), false),
    ];
    for (command, conditions, shows) in [
        ("select", "using (true)", rule.may_select),
        ("insert", "with check (true)", rule.may_insert),
        // An update that names rows, or reads them, is held by the policy for reading as well; one that does neither is not.
        ("update", "using (true) with check (true)", rule.may_update != Columns::None),
        ("delete", "using (true)", rule.may_delete),
        ("all", "using (true) with check (true)", rule.is_open()),
    ] {
        let create = format!("create policy extra on {table} for {command} to authenticated {conditions}");
        all.push(mutation(create, format!("drop policy extra on {table}"), shows));
    }
    all
}

/// Rights that nobody should have.
async fn of_rights(stage: &Stage, rule: &'static Rule) -> Vec<Mutation> {
    let table = rule.table;
    let grant = |right: &str, role: &str, shows_to| Mutation {
        apply: format!("grant {right} on {table} to {role}"),
        undo: format!("revoke {right} on {table} from {role}"),
        table: Some(table),
        shows_to,
    };
    let mut all = Vec::new();
    for right in ["select", "insert", "update", "delete", "truncate", "references", "trigger"] {
        // Without a policy an insert stays refused, with the same error.
        let is_tried = matches!(right, "select" | "update" | "delete");
        for role in ["public", "anon", "almanac_app", "almanac_service"] {
            all.push(grant(right, role, is_tried.then_some(Actor::Nobody)));
        }
        let has_already = match right {
            "select" => rule.may_select,
            "insert" => rule.may_insert,
            // A right to some columns would be taken back with the right to all; they are tried one by one below.
            "update" => rule.may_update != Columns::None,
            "delete" => rule.may_delete,
            _ => false,
        };
        if !has_already {
            all.push(grant(right, "authenticated", to_user(is_tried)));
        }
    }
    for column in stage.columns(table).await {
        if !rule.may_update.contains(&column) {
            // The policy for updates refuses another owner, with the same error as a missing right.
            let is_checked = rule.may_update != Columns::None && rule.owner == Some(&column);
            all.push(grant(&format!("update ({column})"), "authenticated", to_user(!is_checked)));
        }
        if !rule.may_select {
            all.push(grant(&format!("select ({column})"), "authenticated", Some(Actor::User)));
        }
    }
    all
}

/// Functions and schemas. Roles belong to the whole server, which other tests share: what may happen to them is tried on
/// the servers of `supabase_shaped`.
async fn of_functions(stage: &Stage) -> Vec<Mutation> {
    let mutation = |apply: String, undo: String| Mutation { apply, undo, table: None, shows_to: None };
    let mut all = Vec::new();
    let functions =
        "select oid::regprocedure::text from pg_proc where pronamespace = 'almanac'::regnamespace order by 1";
    // A body as in standard SQL looks nothing up when it runs.
    let resolved = "select oid::regprocedure::text from pg_proc where prosqlbody is not null";
    let resolved = stage.names(resolved).await;
    for function in stage.names(functions).await {
        for role in ["public", "anon", "authenticated"] {
            all.push(mutation(
                format!("grant execute on function {function} to {role}"),
                format!("revoke execute on function {function} from {role}"),
            ));
        }
        if !resolved.contains(&function) {
            all.push(mutation(
                format!("alter function {function} set search_path = public"),
                format!("alter function {function} set search_path = ''"),
            ));
        }
        all.push(mutation(
            format!("alter function {function} owner to postgres"),
            format!("alter function {function} owner to service_role"),
        ));
    }
    for (right, schema) in [("usage", "almanac"), ("create", "almanac"), ("create", "public"), ("create", "auth")] {
        for role in ["public", "anon", "authenticated"] {
            all.push(mutation(
                format!("grant {right} on schema {schema} to {role}"),
                format!("revoke {right} on schema {schema} from {role}"),
            ));
        }
    }
    all
}

async fn is_noticed(stage: &Stage, mutation: &Mutation) -> bool {
    let violations = match (mutation.table, mutation.shows_to) {
        (Some(table), Some(actor)) => behaviour::of_table_to(stage, table, actor).await,
        (Some(table), None) => catalogue::of_table(stage, table).await,
        (None, _) => catalogue::of_logins(stage).await,
    };
    !violations.is_empty()
}

async fn survivors(stage: &Stage, mutations: &[Mutation]) -> Vec<String> {
    let run = async |sql: &str| {
        stage.superuser.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    };
    let mut survivors = Vec::new();
    for mutation in mutations {
        run(&mutation.apply).await;
        if !is_noticed(stage, mutation).await {
            survivors.push(mutation.apply.clone());
        }
        run(&mutation.undo).await;
    }
    survivors
}

#[tokio::test]
async fn every_weakening_is_noticed() {
    let database = TestDatabase::create().await;
    let stage = stage_in(&database).await;
    let mut mutations = of_functions(&stage).await;
    for rule in &RULES {
        for policy in Policy::all(&stage, rule.table).await {
            mutations.extend(policy.mutations(rule));
        }
        mutations.extend(of_switches(rule));
        mutations.extend(of_rights(&stage, rule).await);
    }
    assert_eq!(survivors(&stage, &mutations).await, [""; 0], "of {} mutations", mutations.len());
    assert_eq!(violations(&stage).await, [""; 0], "all were undone");
}
