-- People, who vouches for them, and how they sign in.

create table public.users (
    id uuid primary key,
    email text check (char_length(email) <= 320),
    full_name text check (char_length(full_name) <= 200),
    role text not null default 'user' check (role in ('user', 'admin')),
    is_active boolean not null default true,
    preferences jsonb not null default '{}' check (jsonb_typeof(preferences) = 'object'),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create index users_created_at_id on public.users (created_at desc, id desc);

-- An issuer's subject is one user. The built-in issuer names users by their id and needs no row.
create table public.identities (
    issuer text not null,
    subject text not null,
    user_id uuid not null references public.users on delete cascade,
    created_at timestamptz not null default now(),
    -- The issuer's own time of the newest change it told us, so that an older message changes nothing.
    told_at timestamptz,
    primary key (issuer, subject)
);
create index identities_user_id on public.identities (user_id);

-- Subjects that their issuer has deleted. A late message, or a token that has not run out yet, must not make
-- the user again.
create table public.deleted_identities (
    issuer text not null,
    subject text not null,
    deleted_at timestamptz not null default now(),
    primary key (issuer, subject)
);

-- The built-in issuer's passwords. The address is unique here and not in users: an address that another
-- issuer tells is not proof of owning the account that signs in with it.
create table public.credentials (
    user_id uuid primary key references public.users on delete cascade,
    email_key text not null constraint credentials_email_key unique,
    password_hash text not null,
    updated_at timestamptz not null default now()
);

-- One row per sign-in. A refresh token names the session and a counter and is signed, so the row holds no
-- secret, any token can be made again from its counter, and an older one is known for what it is.
create table public.sessions (
    id uuid primary key,
    user_id uuid not null references public.users on delete cascade,
    counter integer not null default 0,
    rotated_at timestamptz not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    ended_at timestamptz,
    end_reason text check (end_reason in ('logout', 'reuse', 'deactivated', 'password'))
);
create index sessions_user_id on public.sessions (user_id);

create table public.idempotency_keys (
    user_id uuid not null references public.users on delete cascade,
    key text not null check (char_length(key) <= 255),
    fingerprint bytea not null,
    status smallint,
    answer jsonb,
    created_at timestamptz not null default now(),
    primary key (user_id, key)
);

alter table public.users enable row level security;
alter table public.users force row level security;
alter table public.identities enable row level security;
alter table public.identities force row level security;
alter table public.deleted_identities enable row level security;
alter table public.deleted_identities force row level security;
alter table public.credentials enable row level security;
alter table public.credentials force row level security;
alter table public.sessions enable row level security;
alter table public.sessions force row level security;
alter table public.idempotency_keys enable row level security;
alter table public.idempotency_keys force row level security;

-- Supabase grants everything on new tables to its roles; start from nothing.
revoke all on public.users, public.identities, public.deleted_identities, public.credentials, public.sessions,
    public.idempotency_keys from anon, authenticated;

-- Users read themselves and change what is theirs to change; role and state are not.
grant select on public.users to authenticated;
grant update (full_name, preferences, updated_at) on public.users to authenticated;
create policy users_select_own on public.users for select to authenticated
    using (id = (select auth.uid()));
create policy users_update_own on public.users for update to authenticated
    using (id = (select auth.uid())) with check (id = (select auth.uid()));

grant select on public.identities to authenticated;
create policy identities_select_own on public.identities for select to authenticated
    using (user_id = (select auth.uid()));

-- Passwords, refresh tokens and deleted identities are nobody's to read: only functions of schema almanac touch them.

grant select, insert, update, delete on public.idempotency_keys to authenticated;
create policy idempotency_keys_own on public.idempotency_keys for all to authenticated
    using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));

-- Where service_role may not bypass row-level security (only a superuser can grant that), these let it.
grant select, insert, update, delete
    on public.users, public.identities, public.deleted_identities, public.credentials, public.sessions,
    public.idempotency_keys to service_role;
create policy users_service on public.users for all to service_role using (true) with check (true);
create policy identities_service on public.identities for all to service_role using (true) with check (true);
create policy deleted_identities_service on public.deleted_identities for all to service_role using (true) with check (true);
create policy credentials_service on public.credentials for all to service_role using (true) with check (true);
create policy sessions_service on public.sessions for all to service_role using (true) with check (true);
create policy idempotency_keys_service on public.idempotency_keys for all to service_role using (true) with check (true);

-- Functions that work before there is a user ------------------------------------------------------------

create function almanac.find_user(p_id uuid)
returns table (id uuid, role text, is_active boolean)
language sql stable security definer set search_path = '' as $$
    select u.id, u.role, u.is_active from public.users u where u.id = p_id
$$;

-- Held by a transaction that makes or deletes the user of a subject, so that these never happen at once.
create function almanac.lock_identity(p_issuer text, p_subject text)
returns void
language sql volatile security definer set search_path = '' as $$
    select pg_advisory_xact_lock(hashtextextended(p_issuer || chr(10) || p_subject, 0))
$$;

-- Maps an external subject to its user, who is made on first sight. Two first sights at once make one; a
-- subject that its issuer has deleted has no user any more.
create function almanac.find_or_provision_user(p_new_id uuid, p_issuer text, p_subject text, p_email text, p_name text)
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
        if exists (select from public.deleted_identities d where d.issuer = p_issuer and d.subject = p_subject) then
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

-- A new user of the built-in issuer. Breaks credentials_email_key when the address is taken.
create function almanac.register_user(p_id uuid, p_email text, p_email_key text, p_name text, p_password_hash text)
returns setof public.users
language plpgsql volatile security definer set search_path = '' as $$
begin
    insert into public.users (id, email, full_name) values (p_id, p_email, p_name);
    insert into public.credentials (user_id, email_key, password_hash) values (p_id, p_email_key, p_password_hash);
    return query select * from public.users u where u.id = p_id;
end
$$;

create function almanac.find_credentials(p_email_key text)
returns table (user_id uuid, password_hash text, is_active boolean)
language sql stable security definer set search_path = '' as $$
    select c.user_id, c.password_hash, u.is_active
    from public.credentials c join public.users u on u.id = c.user_id
    where c.email_key = p_email_key
$$;

create function almanac.replace_password_hash(p_user_id uuid, p_old_hash text, p_new_hash text)
returns void
language sql volatile security definer set search_path = '' as $$
    update public.credentials set password_hash = p_new_hash, updated_at = now()
    where user_id = p_user_id and password_hash = p_old_hash
$$;

create function almanac.begin_session(p_id uuid, p_user_id uuid, p_now timestamptz, p_expires_at timestamptz)
returns setof public.users
language plpgsql volatile security definer set search_path = '' as $$
begin
    insert into public.sessions (id, user_id, rotated_at, created_at, expires_at)
    values (p_id, p_user_id, p_now, p_now, p_expires_at);
    return query select * from public.users u where u.id = p_user_id;
end
$$;

-- Rotates a refresh token, whose signature the caller has checked. What it answers:
--   rotated  the presented token was the current one; the next one is now current
--   grace    it was the one before, within the grace period (a lost answer, two tabs): the current one stands
--   reused   it was an older one, so somebody copied it: the session ends
--   unknown, expired, ended, deactivated  what they say
create function almanac.rotate_session(
    p_id uuid, p_counter integer, p_now timestamptz, p_grace_seconds integer, p_expires_at timestamptz)
returns table (outcome text, user_id uuid, counter integer)
language plpgsql volatile security definer set search_path = '' as $$
declare
    s public.sessions;
    active boolean;
begin
    select * into s from public.sessions where sessions.id = p_id for update;
    if not found then
        return query select 'unknown', null::uuid, null::integer;
        return;
    end if;
    select u.is_active into active from public.users u where u.id = s.user_id;
    if s.ended_at is not null then
        return query select 'ended', s.user_id, null::integer;
    elsif s.expires_at <= p_now then
        return query select 'expired', s.user_id, null::integer;
    elsif not active then
        return query select 'deactivated', s.user_id, null::integer;
    elsif p_counter = s.counter then
        update public.sessions set counter = s.counter + 1, rotated_at = p_now, expires_at = p_expires_at
        where sessions.id = p_id;
        return query select 'rotated', s.user_id, s.counter + 1;
    elsif p_counter = s.counter - 1 and p_now < s.rotated_at + make_interval(secs => p_grace_seconds) then
        return query select 'grace', s.user_id, s.counter;
    elsif p_counter < s.counter then
        update public.sessions set ended_at = p_now, end_reason = 'reuse' where sessions.id = p_id;
        return query select 'reused', s.user_id, null::integer;
    else
        return query select 'unknown', null::uuid, null::integer;
    end if;
end
$$;

create function almanac.end_session(p_id uuid, p_reason text, p_now timestamptz)
returns void
language sql volatile security definer set search_path = '' as $$
    update public.sessions set ended_at = p_now, end_reason = p_reason where id = p_id and ended_at is null
$$;

create function almanac.deactivate_user(p_user_id uuid, p_now timestamptz)
returns void
language sql volatile security definer set search_path = '' as $$
    update public.users set is_active = false, updated_at = p_now where id = p_user_id;
    update public.sessions set ended_at = p_now, end_reason = 'deactivated' where user_id = p_user_id and ended_at is null
$$;

-- What administrators may do. The caller has checked the role; it is checked here again.
create function almanac.list_users_as_admin(p_admin_id uuid, p_limit bigint, p_before_id uuid, p_before_time timestamptz)
returns setof public.users
language sql stable security definer set search_path = '' as $$
    select u.* from public.users u
    where exists (select from public.users a where a.id = p_admin_id and a.role = 'admin' and a.is_active)
      and (p_before_time is null or u.created_at < p_before_time)
      and (p_before_id is null
           or (u.created_at, u.id) < (select b.created_at, b.id from public.users b where b.id = p_before_id))
    order by u.created_at desc, u.id desc limit p_limit
$$;

create function almanac.update_user_as_admin(p_admin_id uuid, p_user_id uuid, p_role text, p_is_active boolean, p_now timestamptz)
returns setof public.users
language plpgsql volatile security definer set search_path = '' as $$
begin
    if not exists (select from public.users a where a.id = p_admin_id and a.role = 'admin' and a.is_active) then
        return;
    end if;
    update public.users u set role = coalesce(p_role, u.role), is_active = coalesce(p_is_active, u.is_active), updated_at = p_now
    where u.id = p_user_id;
    if p_is_active is false then
        update public.sessions s set ended_at = p_now, end_reason = 'deactivated' where s.user_id = p_user_id and s.ended_at is null;
    end if;
    return query select * from public.users u where u.id = p_user_id;
end
$$;

do $$
declare
    f regprocedure;
begin
    for f in select p.oid::regprocedure from pg_proc p where p.pronamespace = 'almanac'::regnamespace loop
        execute format('revoke all on function %s from public', f);
        execute format('grant execute on function %s to almanac_app', f);
        execute format('alter function %s owner to service_role', f);
    end loop;
end
$$;
