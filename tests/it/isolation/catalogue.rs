//! What the catalogue says: rights and switches whose loss or excess no single statement would show.

use std::collections::BTreeSet;

use super::rules::{Columns, Rule, rule_of};
use super::stage::Stage;

/// Row-level security is on for the table and for its owner.
const SWITCHES: &str = "select relkind = 'r' and relrowsecurity and relforcerowsecurity
    from pg_class where oid = ('public.' || $1)::regclass";

/// Who may do what, other than the owner and the service, each as `grantee PRIVILEGE` or `grantee PRIVILEGE(column)`.
const GRANTS: &str = "with t as (select * from pg_class where oid = ('public.' || $1)::regclass),
    granted as (
        select a.grantee, a.privilege_type as privilege
        from t, aclexplode(t.relacl) a
        union all
        select a.grantee, format('%s(%s)', a.privilege_type, c.attname)
        from t join pg_attribute c on c.attrelid = t.oid, aclexplode(c.attacl) a
        where c.attacl is not null
    )
    select coalesce(r.rolname::text, 'public') || ' ' || g.privilege
    from granted g left join pg_roles r on r.oid = g.grantee
    where g.grantee <> (select relowner from t) and r.rolname is distinct from 'service_role'";

const POLICIES: &str = "select policyname::text, array_to_string(roles, ','), cmd, qual, with_check
    from pg_policies where schemaname = 'public' and tablename = $1";

/// Roles that are more than they may be, as sentences.
const ROLES: &str = "
    select format('%s is superuser, bypasses row-level security, or may make roles or databases', rolname)
    from pg_roles
    where rolname in ('anon', 'authenticated', 'almanac_app', 'almanac_service')
      and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication)
    union all
    select format('%s has the rights of %s without becoming it', l.rolname, r.rolname)
    from pg_roles l, pg_roles r
    where l.rolname in ('almanac_app', 'almanac_service') and r.rolname in ('anon', 'authenticated', 'service_role')
      and pg_has_role(l.oid, r.oid, 'USAGE')
    union all
    select format('%s may become %s', l.rolname, r.rolname)
    from pg_roles l, pg_roles r
    where l.rolname in ('anon', 'authenticated', 'almanac_app', 'almanac_service') and l.oid <> r.oid
      and pg_has_role(l.oid, r.oid, 'MEMBER')
      and (l.rolname, r.rolname) not in
          (('almanac_app', 'anon'), ('almanac_app', 'authenticated'), ('almanac_service', 'service_role'))";

/// Functions and schemas that are open to those who must not use them, as sentences. The one function that sees past the
/// policies and that users may call names ids of the caller's notes; `tests/it/notes/search_notes.rs` tries it.
const FUNCTIONS: &str = "
    select format('%s may execute %s', r.rolname, p.oid::regprocedure)
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace, pg_roles r
    where (n.nspname = 'almanac' or (n.nspname in ('public', 'auth') and p.prosecdef))
      and r.rolname in ('anon', 'authenticated', 'almanac_service')
      and has_function_privilege(r.oid, p.oid, 'execute')
      and not (r.rolname = 'authenticated' and n.nspname = 'public' and p.proname = 'search_notes')
    union all
    select format('%s takes names from the caller''s search path', p.oid::regprocedure)
    from pg_proc p
    where (p.pronamespace = 'almanac'::regnamespace or p.pronamespace = 'public'::regnamespace and p.prosecdef)
      and not coalesce(p.proconfig @> array['search_path=\"\"'], false)
      -- Of one with a body as in standard SQL, names were looked up when it was made.
      and p.prosqlbody is null
    union all
    select format('%s runs as %s', p.oid::regprocedure, p.proowner::regrole)
    from pg_proc p
    where (p.pronamespace = 'almanac'::regnamespace or p.pronamespace = 'public'::regnamespace and p.prosecdef)
      and p.proowner <> 'service_role'::regrole
    union all
    select format('%s may use or change schema %s', r.rolname, s.schema)
    from pg_roles r, (values ('almanac', 'usage'), ('almanac', 'create'), ('public', 'create'), ('auth', 'create'))
        as s (schema, privilege)
    where r.rolname in ('anon', 'authenticated', 'almanac_app', 'almanac_service')
      and not (s.privilege = 'usage' and r.rolname in ('almanac_app', 'almanac_service'))
      and has_schema_privilege(r.oid, s.schema, s.privilege)";

/// Everything that is wrong with one table.
pub(super) async fn of_table(stage: &Stage, table: &str) -> Vec<String> {
    let Some(rule) = rule_of(table) else { return vec![format!("{table} has no rule")] };
    let mut violations = policies(stage, rule).await;
    let switches = stage.superuser.query_one(SWITCHES, &[&table]).await.expect("the table is there");
    if !switches.get::<_, bool>(0) {
        violations.push(format!("{table} is not a table with row-level security enabled and forced"));
    }
    let granted = stage.superuser.query(GRANTS, &[&table]).await.expect("the rights can be read");
    let granted: BTreeSet<String> = granted.iter().map(|row| row.get(0)).collect();
    let expected = grants_of(rule);
    let differing = granted.symmetric_difference(&expected);
    violations.extend(differing.map(|grant| format!("{table}: {grant} is granted and not expected, or the reverse")));
    violations
}

/// Everything that is wrong with roles, functions and schemas.
pub(super) async fn of_logins(stage: &Stage) -> Vec<String> {
    let mut violations = stage.names(ROLES).await;
    violations.extend(stage.names(FUNCTIONS).await);
    violations
}

/// What the rule means in grants.
fn grants_of(rule: &Rule) -> BTreeSet<String> {
    let mut grants = BTreeSet::new();
    let whole = [(rule.may_select, "SELECT"), (rule.may_insert, "INSERT"), (rule.may_delete, "DELETE")];
    grants.extend(whole.iter().filter(|(may, _)| *may).map(|(_, privilege)| format!("authenticated {privilege}")));
    match rule.may_update {
        Columns::None => {}
        Columns::All => drop(grants.insert("authenticated UPDATE".to_owned())),
        Columns::Only(columns) => {
            grants.extend(columns.iter().map(|column| format!("authenticated UPDATE({column})")));
        }
    }
    grants
}

/// A policy is for the service, or it lets users at their own rows and names them by `(select auth.uid())`, which
/// is evaluated once and not for each row.
async fn policies(stage: &Stage, rule: &Rule) -> Vec<String> {
    let own = format!("({} = ( SELECT auth.uid() AS uid))", rule.owner.unwrap_or_default());
    let rows = stage.superuser.query(POLICIES, &[&rule.table]).await.expect("the policies can be read");
    let mut violations = Vec::new();
    for row in rows {
        let (name, roles): (String, String) = (row.get(0), row.get(1));
        let (using, check): (Option<String>, Option<String>) = (row.get(3), row.get(4));
        let keeps_to_own = [using, check].into_iter().flatten().all(|condition| condition == own);
        let is_right = match roles.as_str() {
            "service_role" => true,
            "authenticated" => rule.is_open() && keeps_to_own,
            _ => false,
        };
        if !is_right {
            violations.push(format!("{}: policy {name} lets {roles} at more than their own rows", rule.table));
        }
    }
    violations
}
