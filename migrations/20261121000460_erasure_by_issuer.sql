-- An issuer's deletion of a user is carried out like the user's own: shut out at once, and deleted by a job, which has
-- the time that much takes.

-- Shuts a user out, drops what waits to be done for them, and leaves their erasure to the outbox. Whoever calls it holds the
-- user's write lock.
create function almanac.begin_erasure(p_user_id uuid, p_id uuid, p_token_hash bytea, p_now timestamptz)
returns void
language plpgsql volatile security definer set search_path = '' as $$
begin
    perform almanac.deactivate_user(p_user_id, p_now);
    insert into public.erasures (id, user_id, token_hash, requested_at) values (p_id, p_user_id, p_token_hash, p_now);
    -- Workers take the lane first, too.
    perform from public.outbox_lanes l where l.user_id = p_user_id for update;
    delete from public.outbox o where o.user_id = p_user_id and o.delivered_at is null and o.dead_at is null;
    insert into public.outbox (user_id, kind) values (p_user_id, 'erase_user');
end
$$;

-- As before, on the function above.
create or replace function almanac.request_erasure(p_user_id uuid, p_id uuid, p_token_hash bytea, p_now timestamptz)
returns table (outcome text)
language plpgsql volatile security definer set search_path = '' as $$
declare
    v_user public.users;
begin
    perform pg_advisory_xact_lock(hashtextextended('write ' || p_user_id, 0));
    select * into v_user from public.users u where u.id = p_user_id;
    if not found then
        return query select 'unknown';
    elsif not v_user.is_active then
        return query select 'deactivated';
    elsif v_user.role = 'admin' then
        return query select 'administrator';
    else
        perform almanac.begin_erasure(p_user_id, p_id, p_token_hash, p_now);
        return query select 'requested';
    end if;
end
$$;

-- The issuer says that a subject is gone for good: it never comes back, and its user, if there is one, is erased, whatever
-- their role or state. Gives that user when there is something to do for them from now on; told again, an erasure that
-- waits is left alone, and one that was given up is begun anew.
create function almanac.erase_subject(p_issuer text, p_subject text, p_id uuid, p_token_hash bytea, p_now timestamptz)
returns table (user_id uuid)
language plpgsql volatile security definer set search_path = '' as $$
declare
    v_user_id uuid;
begin
    perform almanac.lock_identity(p_issuer, p_subject);
    insert into public.deleted_identities (identity_hash, deleted_at)
    values (almanac.identity_hash(p_issuer, p_subject), p_now)
    on conflict (identity_hash) do update set expires_at = null;
    select i.user_id into v_user_id from public.identities i where i.issuer = p_issuer and i.subject = p_subject;
    if v_user_id is null then
        return;
    end if;
    perform pg_advisory_xact_lock(hashtextextended('write ' || v_user_id, 0));
    -- It may have been carried out while this waited.
    if not exists (select from public.users u where u.id = v_user_id) then
        return;
    elsif not exists (
        select from public.erasures e where e.user_id = v_user_id and e.completed_at is null
    ) then
        perform almanac.begin_erasure(v_user_id, p_id, p_token_hash, p_now);
    elsif exists (
        select from public.outbox o where o.user_id = v_user_id and o.kind = 'erase_user'
          and o.delivered_at is null and o.dead_at is null
    ) then
        return;
    else
        insert into public.outbox (user_id, kind) values (v_user_id, 'erase_user');
    end if;
    return query select v_user_id;
end
$$;

do $$
declare
    f regprocedure;
begin
    for f in
        select p.oid::regprocedure from pg_proc p
        where p.pronamespace = 'almanac'::regnamespace and p.proname in ('begin_erasure', 'request_erasure', 'erase_subject')
    loop
        execute format('revoke all on function %s from public', f);
        execute format('alter function %s owner to service_role', f);
    end loop;
end
$$;
grant execute on function almanac.request_erasure(uuid, uuid, bytea, timestamptz) to almanac_app;

-- Lets the daily pruning find sessions that are over.
create index sessions_ended_at on public.sessions (ended_at) where ended_at is not null;
create index sessions_expires_at on public.sessions (expires_at);
