-- The change log: every insert, update and delete of a user's things, in the order in which they were committed.
--
-- A user's changes are numbered without gaps. The number comes from a row that the transaction then holds until it
-- commits, so a greater number is also a later commit. Writers take the user's write lock before anything else
-- (Db::as_writer), so holding that row never makes them wait for each other in circles.

create table public.change_counters (
    user_id uuid primary key references public.users on delete cascade,
    seq bigint not null check (seq > 0)
);

create table public.changes (
    user_id uuid not null references public.users on delete cascade,
    seq bigint not null check (seq > 0),
    entity text not null,
    entity_id uuid not null,
    operation text not null check (operation in ('insert', 'update', 'delete')),
    -- The row before and after, without its owner and without what is computed.
    before jsonb,
    after jsonb,
    actor text not null check (actor in ('user', 'assistant', 'google', 'stripe', 'job')),
    action_group uuid not null,
    changed_at timestamptz not null,
    primary key (user_id, seq),
    check ((before is null) = (operation = 'insert')),
    check ((after is null) = (operation = 'delete'))
);
create index changes_action_group on public.changes (user_id, action_group);
create index changes_entity on public.changes (user_id, entity, entity_id, seq);

alter table public.change_counters enable row level security;
alter table public.change_counters force row level security;
alter table public.changes enable row level security;
alter table public.changes force row level security;

-- Users read their log; only the functions below write it.
revoke all on public.change_counters, public.changes from anon, authenticated;
grant select on public.changes to authenticated;
create policy changes_select_own on public.changes for select to authenticated
    using (user_id = (select auth.uid()));

grant select, insert, update, delete on public.change_counters, public.changes to service_role;
create policy change_counters_service on public.change_counters for all to service_role using (true) with check (true);
create policy changes_service on public.changes for all to service_role using (true) with check (true);

-- Appends what one statement did. Rows of users who are being deleted are not logged: their log goes with them.
create function almanac.append_changes(
    p_entity text, p_owners uuid[], p_ids uuid[], p_befores jsonb[], p_afters jsonb[])
returns void
language plpgsql volatile security definer set search_path = '' as $$
declare
    v_actor text := coalesce(nullif(current_setting('almanac.actor', true), ''), 'user');
    v_group uuid := nullif(current_setting('almanac.action_group', true), '')::uuid;
    v_owner uuid;
    v_count bigint;
    v_last bigint;
begin
    if v_group is null then
        -- Whoever writes without saying so, such as a client of PostgREST: a transaction is an action.
        v_group := gen_random_uuid();
        perform set_config('almanac.action_group', v_group::text, true);
    end if;
    for v_owner, v_count in
        select o.id, count(*) from unnest(p_owners) as o (id) join public.users u on u.id = o.id group by o.id order by o.id
    loop
        insert into public.change_counters as c (user_id, seq) values (v_owner, v_count)
        on conflict (user_id) do update set seq = c.seq + excluded.seq
        returning c.seq into v_last;
        insert into public.changes
            (user_id, seq, entity, entity_id, operation, before, after, actor, action_group, changed_at)
        select v_owner, v_last - v_count + row_number() over (order by r.place), p_entity, r.id,
               case when r.before is null then 'insert' when r.after is null then 'delete' else 'update' end,
               r.before, r.after, v_actor, v_group, clock_timestamp()
        from unnest(p_owners, p_ids, p_befores, p_afters) with ordinality as r (owner, id, before, after, place)
        where r.owner = v_owner;
    end loop;
end
$$;

-- The image of a row as the log keeps it. A reply is in the log from when it has ended, so that saving it while it
-- grows is no change.
create function almanac.image_of(p_entity text, p_row jsonb, p_hidden text[])
returns jsonb
language sql immutable set search_path = '' as $$
    select case when p_entity = 'message' and p_row ->> 'status' = 'streaming' then null
                else p_row - 'user_id'::text - p_hidden end
$$;

-- What the triggers of a table call, once a statement: the entity's name, then the columns that images leave out.
create function almanac.log_changes()
returns trigger
language plpgsql volatile security definer set search_path = '' set timezone = 'UTC' as $$
declare
    v_entity constant text := tg_argv[0];
    v_hidden constant text[] := tg_argv[1];
    v_owners uuid[];
    v_ids uuid[];
    v_befores jsonb[];
    v_afters jsonb[];
begin
    -- Each branch names the tables that its kind of trigger has.
    if tg_op = 'INSERT' then
        select array_agg(coalesce(r.image ->> 'user_id', r.image ->> 'id')::uuid), array_agg((r.image ->> 'id')::uuid),
               array_agg(null::jsonb), array_agg(r.after)
        into v_owners, v_ids, v_befores, v_afters
        from (select to_jsonb(n) as image, almanac.image_of(v_entity, to_jsonb(n), v_hidden) as after
              from new_rows n) r
        where r.after is not null;
    elsif tg_op = 'DELETE' then
        select array_agg(coalesce(r.image ->> 'user_id', r.image ->> 'id')::uuid), array_agg((r.image ->> 'id')::uuid),
               array_agg(r.before), array_agg(null::jsonb)
        into v_owners, v_ids, v_befores, v_afters
        from (select to_jsonb(o) as image, almanac.image_of(v_entity, to_jsonb(o), v_hidden) as before
              from old_rows o) r
        where r.before is not null;
    else
        select array_agg(coalesce(r.image ->> 'user_id', r.image ->> 'id')::uuid), array_agg((r.image ->> 'id')::uuid),
               array_agg(r.before), array_agg(r.after)
        into v_owners, v_ids, v_befores, v_afters
        from (select to_jsonb(n) as image, almanac.image_of(v_entity, to_jsonb(o), v_hidden) as before,
                     almanac.image_of(v_entity, to_jsonb(n), v_hidden) as after
              from old_rows o join new_rows n on n.id = o.id) r
        where r.before is distinct from r.after;
    end if;
    if v_owners is not null then
        perform almanac.append_changes(v_entity, v_owners, v_ids, v_befores, v_afters);
    end if;
    return null;
end
$$;

-- Puts a table under the log. It has `id uuid`, which never changes, and `user_id uuid`; the rows of `users` are their own owners.
create function almanac.track(p_table regclass, p_entity text, p_hidden text[] default '{}')
returns void
language plpgsql volatile set search_path = '' as $$
begin
    execute format('create trigger log_insert after insert on %s referencing new table as new_rows
        for each statement execute function almanac.log_changes(%L, %L)', p_table, p_entity, p_hidden);
    execute format('create trigger log_update after update on %s referencing old table as old_rows new table as new_rows
        for each statement execute function almanac.log_changes(%L, %L)', p_table, p_entity, p_hidden);
    execute format('create trigger log_delete after delete on %s referencing old table as old_rows
        for each statement execute function almanac.log_changes(%L, %L)', p_table, p_entity, p_hidden);
end
$$;

do $$
declare
    f regprocedure;
begin
    for f in
        select p.oid::regprocedure from pg_proc p
        where p.pronamespace = 'almanac'::regnamespace and p.proname in ('append_changes', 'image_of', 'log_changes', 'track')
    loop
        execute format('revoke all on function %s from public', f);
        execute format('alter function %s owner to service_role', f);
    end loop;
end
$$;

select almanac.track('public.users', 'user');
select almanac.track('public.conversations', 'conversation');
select almanac.track('public.messages', 'message', '{search,alive_until,stop_requested_at}');

-- What is there already enters the log as it is.
select set_config('almanac.actor', 'job', true);
select almanac.append_changes('user', array_agg(id), array_agg(id), array_agg(null::jsonb), array_agg(to_jsonb(u)))
from public.users u having count(*) > 0;
select almanac.append_changes('conversation', array_agg(user_id), array_agg(id), array_agg(null::jsonb),
    array_agg(almanac.image_of('conversation', to_jsonb(c), '{}')))
from public.conversations c having count(*) > 0;
select almanac.append_changes('message', array_agg(user_id), array_agg(id), array_agg(null::jsonb),
    array_agg(almanac.image_of('message', to_jsonb(m), '{search,alive_until,stop_requested_at}')))
from public.messages m where status <> 'streaming' having count(*) > 0;

-- Undoing puts rows back in the reverse order of their changes, and checks references when all are there.
alter table public.messages alter constraint messages_conversation_fkey deferrable initially immediate;
alter table public.messages alter constraint messages_parent_id_conversation_id_fkey deferrable initially immediate;

-- A kept answer names the action of the write that it answered, and is kept to the byte, so that its entity tag is
-- the same when it is sent again.
alter table public.idempotency_keys add column action_group uuid, alter column answer type text;
