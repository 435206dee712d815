-- What two databases must have in common to be the same one: each row is a fact.

-- Every row of every table.
select 'rows', format('%I.%I', schemaname, tablename),
       (xpath('/row/digest/text()', query_to_xml(format(
           'select count(*) || '' '' || coalesce(md5(string_agg(md5(t::text), '''' order by md5(t::text))), '''') as digest from %I.%I t',
           schemaname, tablename), false, true, '')))[1]::text
from pg_tables where schemaname not in ('pg_catalog', 'information_schema')
union all
-- Row-level security, owners and rights.
select 'table', c.oid::regclass::text,
       concat_ws(' ', c.relkind, c.relrowsecurity, c.relforcerowsecurity, c.relowner::regrole,
                 (select array_agg(acl::text order by acl::text) from unnest(c.relacl) acl))
from pg_class c where c.relnamespace::regnamespace::text !~ '^(pg_|information_schema)'
union all
select 'column rights', attrelid::regclass || '.' || attname, array(select acl::text from unnest(attacl) acl order by 1)::text
from pg_attribute where attacl is not null and attrelid::regclass::text !~ '^(pg_|information_schema)'
union all
select 'schema', nspname, concat_ws(' ', nspowner::regrole, (select array_agg(acl::text order by acl::text) from unnest(nspacl) acl))
from pg_namespace where nspname !~ '^(pg_|information_schema)'
union all
select 'policy', schemaname || '.' || tablename || '.' || policyname, concat_ws(' ', permissive, roles, cmd, qual, with_check)
from pg_policies
union all
select 'function', p.oid::regprocedure::text,
       concat_ws(' ', p.proowner::regrole, p.prosecdef, p.proconfig, md5(p.prosrc),
                 (select array_agg(acl::text order by acl::text) from unnest(p.proacl) acl))
from pg_proc p where p.pronamespace::regnamespace::text !~ '^(pg_|information_schema)'
union all
select 'trigger', tgrelid::regclass || '.' || tgname, pg_get_triggerdef(oid) from pg_trigger where not tgisinternal
union all
select 'constraint', conrelid::regclass || '.' || conname, pg_get_constraintdef(oid)
from pg_constraint where connamespace::regnamespace::text !~ '^(pg_|information_schema)'
union all
select 'index', indexrelid::regclass::text, pg_get_indexdef(indexrelid) || ' ' || indisvalid
from pg_index join pg_class c on c.oid = indexrelid
where c.relnamespace::regnamespace::text !~ '^(pg_|information_schema)'
union all
select 'sequence', schemaname || '.' || sequencename, last_value::text from pg_sequences
union all
-- Roles are the cluster's and not in the backup.
select 'role', rolname, concat_ws(' ', rolcanlogin, rolinherit, rolbypassrls, rolsuper, rolcreaterole,
       array(select roleid::regrole::text from pg_auth_members m where m.member = r.oid order by 1))
from pg_roles r where rolname in ('anon', 'authenticated', 'service_role', 'almanac_app', 'almanac_service')
order by 1, 2;
