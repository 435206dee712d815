-- Consents, and the erasure of a user with every trace.

-- What somebody decided on a purpose, such as the terms or marketing, each decision a row that stays.
create table public.consents (
    id uuid primary key,
    user_id uuid not null references public.users on delete cascade,
    purpose text not null check (char_length(purpose) between 1 and 100),
    -- Of the text that was shown.
    version text not null check (char_length(version) between 1 and 50),
    granted boolean not null,
    decided_at timestamptz not null,
    unique (id, user_id)
);
create index consents_user_id on public.consents (user_id, purpose, decided_at desc, id desc);

alter table public.consents enable row level security;
alter table public.consents force row level security;

-- Decisions are added and never changed.
revoke all on public.consents from anon, authenticated;
grant select, insert on public.consents to authenticated;
create policy consents_select_own on public.consents for select to authenticated
    using (user_id = (select auth.uid()));
create policy consents_insert_own on public.consents for insert to authenticated
    with check (user_id = (select auth.uid()));

grant select, insert, update, delete on public.consents to service_role;
create policy consents_service on public.consents for all to service_role using (true) with check (true);

select almanac.track('public.consents', 'consent');

-- Erasures that were asked for. Once one is done, nothing in it tells whose it was.
create table public.erasures (
    id uuid primary key,
    -- Whose, until they are gone.
    user_id uuid references public.users on delete set null,
    -- The receipt has 256 random bits, so its hash gives nothing away and needs no salt.
    token_hash bytea not null constraint erasures_token_hash unique check (octet_length(token_hash) = 32),
    requested_at timestamptz not null,
    completed_at timestamptz,
    -- How many rows of each table there were before the first was deleted.
    counts jsonb check (jsonb_typeof(counts) = 'object'),
    check (completed_at is null or counts is not null)
);
create index erasures_user_id on public.erasures (user_id);

alter table public.erasures enable row level security;
alter table public.erasures force row level security;

-- Whoever has the receipt has no account any more, so only the functions below read it.
revoke all on public.erasures from anon, authenticated;
grant select, insert, update, delete on public.erasures to service_role;
create policy erasures_service on public.erasures for all to service_role using (true) with check (true);

-- Subjects that are gone are remembered by a hash. Those whom their issuer has deleted never come back. Whoever
-- erased the account here may come again, but not with a token from before. The program before this one writes the
-- columns that go; where it still runs, the issuer sends the deletion again.
alter table public.deleted_identities add column identity_hash bytea check (octet_length(identity_hash) = 32),
    add column expires_at timestamptz;
update public.deleted_identities set identity_hash = sha256(convert_to(issuer || chr(10) || subject, 'UTF8'));
alter table public.deleted_identities drop constraint deleted_identities_pkey,
    drop column issuer, drop column subject, add primary key (identity_hash);
create index deleted_identities_expires_at on public.deleted_identities (expires_at) where expires_at is not null;

create function almanac.identity_hash(p_issuer text, p_subject text)
returns bytea
language sql immutable set search_path = '' as $$
    select sha256(convert_to(p_issuer || chr(10) || p_subject, 'UTF8'))
$$;

create or replace function almanac.find_or_provision_user(
    p_new_id uuid, p_issuer text, p_subject text, p_email text, p_name text)
returns table (id uuid, role text, is_active boolean)
language plpgsql volatile security definer set search_path = '' as $$
declare
    found_id uuid;
begin
    select i.user_id into found_id from public.identities i where i.issuer = p_issuer and i.subject = p_subject;
    if found_id is null then
        perform almanac.lock_identity(p_issuer, p_subject);
        select i.user_id into found_id from public.identities i where i.issuer = p_issuer and i.subject = p_subject;
    end if;
    if found_id is null then
        if exists (
            select from public.deleted_identities d
            where d.identity_hash = almanac.identity_hash(p_issuer, p_subject)
              and (d.expires_at is null or d.expires_at > now())
        ) then
            return;
        end if;
        insert into public.users (id, email, full_name)
        values (p_new_id, left(p_email, 320), left(p_name, 200));
        insert into public.identities (issuer, subject, user_id) values (p_issuer, p_subject, p_new_id);
        found_id := p_new_id;
    end if;
    return query select u.id, u.role, u.is_active from public.users u where u.id = found_id;
end
$$;

-- A user asks to be erased: from here on they are shut out, and what waits to be done for them is dropped but for the erasure.
-- `outcome` is requested; unknown or deactivated when there is nobody who could ask; administrator when they must
-- first hand that over.
create function almanac.request_erasure(p_user_id uuid, p_id uuid, p_token_hash bytea, p_now timestamptz)
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
        perform almanac.deactivate_user(p_user_id, p_now);
        insert into public.erasures (id, user_id, token_hash, requested_at) values (p_id, p_user_id, p_token_hash, p_now);
        -- Workers take the lane first, too.
        perform from public.outbox_lanes l where l.user_id = p_user_id for update;
        delete from public.outbox o where o.user_id = p_user_id and o.delivered_at is null and o.dead_at is null;
        insert into public.outbox (user_id, kind) values (p_user_id, 'erase_user');
        return query select 'requested';
    end if;
end
$$;

create function almanac.find_erasure(p_token_hash bytea)
returns table (requested_at timestamptz, completed_at timestamptz, counts jsonb)
language sql stable security definer set search_path = '' as $$
    select e.requested_at, e.completed_at, case when e.completed_at is not null then e.counts end
    from public.erasures e where e.token_hash = p_token_hash
$$;

-- How many rows of each table are a user's; tables without any are left out.
create function almanac.count_rows(p_user_id uuid)
returns jsonb
language plpgsql stable security definer set search_path = '' as $$
declare
    v_table record;
    v_count bigint;
    v_counts jsonb := jsonb_build_object('users', 1);
begin
    for v_table in
        select c.oid::regclass as name, c.relname as label from pg_class c
        join pg_attribute a on a.attrelid = c.oid and a.attname = 'user_id' and not a.attisdropped
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and c.relname <> 'erasures'
    loop
        execute format('select count(*) from %s where user_id = $1', v_table.name) into v_count using p_user_id;
        if v_count > 0 then
            v_counts := v_counts || jsonb_build_object(v_table.label, v_count);
        end if;
    end loop;
    return v_counts;
end
$$;

-- Deletes rows of a user who asked to be erased, of a table that has more than p_limit of theirs: that many of them. Gives how many; none
-- when what is left is little enough for erase_user. Deleting is logged, too, so the log comes last.
create function almanac.erase_some(p_user_id uuid, p_limit integer)
returns bigint
language plpgsql volatile security definer set search_path = '' as $$
declare
    v_table record;
    v_count bigint;
begin
    perform pg_advisory_xact_lock(hashtextextended('write ' || p_user_id, 0));
    update public.erasures e set counts = almanac.count_rows(p_user_id)
    where e.user_id = p_user_id and e.completed_at is null and e.counts is null;
    if not exists (select from public.erasures e where e.user_id = p_user_id and e.completed_at is null) then
        return 0;
    end if;
    for v_table in
        select c.oid::regclass as name from pg_class c
        join pg_attribute a on a.attrelid = c.oid and a.attname = 'user_id' and not a.attisdropped
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
          and c.relname not in ('erasures', 'outbox', 'outbox_lanes')
        order by c.relname = 'changes', c.oid desc
    loop
        execute format('select count(*) from (select from %s where user_id = $1 limit $2 + 1) as part', v_table.name)
            into v_count using p_user_id, p_limit;
        if v_count > p_limit then
            execute format('delete from %1$s where ctid = any (array(select ctid from %1$s where user_id = $1 limit $2))',
                           v_table.name) using p_user_id, p_limit;
            get diagnostics v_count = row_count;
            return v_count;
        end if;
    end loop;
    return 0;
end
$$;

-- Deletes a user with every trace, looks for what may be left, completes their erasure if they asked for one, and gives how
-- many rows of each table they had; null when there is no such user (any more). Whatever goes wrong, nothing has
-- happened. A trace is a row that is theirs, or one that is nobody's and has their id or e-mail address in it;
-- what others have written about them is not.
create function almanac.erase_user(p_user_id uuid, p_now timestamptz)
returns jsonb
language plpgsql volatile security definer set search_path = '' as $$
declare
    v_email text;
    v_table record;
    v_counts jsonb;
    v_is_left boolean;
begin
    perform pg_advisory_xact_lock(hashtextextended('write ' || p_user_id, 0));
    select lower(u.email) into v_email from public.users u where u.id = p_user_id for update;
    if not found then
        return null;
    end if;
    select e.counts into v_counts from public.erasures e where e.user_id = p_user_id and e.counts is not null limit 1;
    v_counts := coalesce(v_counts, almanac.count_rows(p_user_id));

    -- A token from before may still be valid for a while, and must not make the account anew.
    insert into public.deleted_identities as d (identity_hash, deleted_at, expires_at)
    select almanac.identity_hash(i.issuer, i.subject), p_now, p_now + interval '24 hours'
    from public.identities i where i.user_id = p_user_id
    on conflict (identity_hash) do update set deleted_at = excluded.deleted_at, expires_at = excluded.expires_at
    where d.expires_at is not null;
    update public.erasures e set user_id = null, completed_at = p_now, counts = v_counts where e.user_id = p_user_id;
    delete from public.users u where u.id = p_user_id;

    for v_table in
        select c.oid::regclass as name,
               exists (select from pg_attribute a
                       where a.attrelid = c.oid and a.attname = 'user_id' and not a.attisdropped) as has_owner
        from pg_class c
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and c.relname <> 'users'
    loop
        if v_table.has_owner then
            execute format('select exists (select from %s where user_id = $1)', v_table.name)
                into v_is_left using p_user_id;
        else
            execute format('select exists (select from %s t where position($1 in lower(t::text)) > 0
                                           or position($2 in lower(t::text)) > 0)', v_table.name)
                into v_is_left using p_user_id::text, v_email;
        end if;
        if v_is_left then
            raise exception 'table % still knows the user', v_table.name;
        end if;
    end loop;
    return v_counts;
end
$$;

do $$
declare
    f regprocedure;
begin
    for f in
        select p.oid::regprocedure from pg_proc p
        where p.pronamespace = 'almanac'::regnamespace
          and p.proname in ('identity_hash', 'request_erasure', 'find_erasure', 'count_rows', 'erase_some', 'erase_user')
    loop
        execute format('revoke all on function %s from public', f);
        execute format('alter function %s owner to service_role', f);
        if f::text ~ '(request|find)_erasure' then
            execute format('grant execute on function %s to almanac_app', f);
        end if;
    end loop;
end
$$;
