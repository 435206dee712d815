-- The roles and functions that row-level security stands on. Supabase has them already; there, and on a
-- second database of the same cluster, this only adds what is missing. Roles belong to the whole cluster,
-- so another migration may create them at the same moment.
do $$
declare
    name text;
begin
    foreach name in array array['anon', 'authenticated', 'service_role'] loop
        if to_regrole(name) is null then
            begin
                execute format('create role %I nologin noinherit', name);
            exception when duplicate_object or unique_violation then null;
            end;
        end if;
    end loop;
    -- The logins have no password yet: `almanac migrate` sets one, a local server needs none.
    foreach name in array array['almanac_app', 'almanac_service'] loop
        if to_regrole(name) is null then
            begin
                execute format('create role %I login noinherit', name);
            exception when duplicate_object or unique_violation then null;
            end;
        end if;
    end loop;
end
$$;

-- The application may become a visitor or a user and nothing more; jobs and webhooks may become the service.
grant anon, authenticated to almanac_app;
grant service_role to almanac_service;
-- Functions below run as service_role, so whoever migrates must be able to give them away. From PostgreSQL 16 on,
-- who makes a role is its member and may still not become it.
do $$
declare
    needed text := case when current_setting('server_version_num')::int >= 160000 then 'SET' else 'MEMBER' end;
begin
    if not pg_has_role(current_user, 'service_role', needed) then
        execute format('grant service_role to %I', current_user);
    end if;
end
$$;

create schema if not exists auth;
do $$
begin
    if to_regprocedure('auth.uid()') is null then
        create function auth.uid() returns uuid language sql stable as $f$
            select nullif(coalesce(
                nullif(current_setting('request.jwt.claim.sub', true), ''),
                nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'), '')::uuid
        $f$;
        grant usage on schema auth to anon, authenticated, service_role;
        grant execute on function auth.uid() to anon, authenticated, service_role;
    end if;
end
$$;

-- Functions that work before there is a user. Only the application's own login may call them: a
-- transaction that became a user cannot.
create schema almanac;
revoke all on schema almanac from public;
grant usage, create on schema almanac to service_role;
grant usage on schema almanac to almanac_app, almanac_service;

grant usage on schema public to anon, authenticated, service_role;
