-- The outbox: what has to happen outside of the database because of what was committed in it. An entry is committed
-- with the change that it follows and delivered at least once, one user's entries one after another.

-- One row for each user who ever had an entry. Delivering begins with taking a user's lane, so finding work never
-- looks at entries that must wait, however many there are. It is made before the outbox so that a deleted
-- user's rows are locked in the order in which workers lock them.
create table public.outbox_lanes (
    user_id uuid primary key references public.users on delete cascade,
    -- When a worker may look at the lane next: later while one holds it and after a failure, null when all is delivered.
    due_at timestamptz,
    -- Who holds it. A worker that was overtaken no longer finds its own.
    claim uuid
);
create index outbox_lanes_due_at on public.outbox_lanes (due_at) where due_at is not null;

create table public.outbox (
    user_id uuid not null references public.users on delete cascade,
    -- A user's writers go one after another, so a greater id of a user was committed later.
    id bigint generated always as identity primary key,
    kind text not null check (char_length(kind) between 1 and 100),
    payload jsonb not null default '{}' check (jsonb_typeof(payload) = 'object' and pg_column_size(payload) <= 65536),
    -- A user has at most one such entry of a kind waiting.
    is_single boolean not null default false,
    -- How often it was begun, so that an entry that kills its worker counts too.
    attempts smallint not null default 0 check (attempts >= 0),
    created_at timestamptz not null default clock_timestamp(),
    delivered_at timestamptz,
    -- Given up.
    dead_at timestamptz,
    -- What the newest attempt failed of, in words that tell no secret.
    last_error text check (char_length(last_error) <= 1000),
    check (delivered_at is null or dead_at is null)
);
create index outbox_user_id on public.outbox (user_id);
create index outbox_open on public.outbox (user_id, id) where delivered_at is null and dead_at is null;
create unique index outbox_single on public.outbox (user_id, kind)
    where is_single and delivered_at is null and dead_at is null;
create index outbox_delivered_at on public.outbox (delivered_at) where delivered_at is not null;
create index outbox_dead_at on public.outbox (dead_at) where dead_at is not null;

alter table public.outbox_lanes enable row level security;
alter table public.outbox_lanes force row level security;
alter table public.outbox enable row level security;
alter table public.outbox force row level security;

-- Users add entries of their own, in whose handling only their own rows are touched; the rest is the workers'.
revoke all on public.outbox_lanes, public.outbox from anon, authenticated;
grant insert on public.outbox to authenticated;
create policy outbox_insert_own on public.outbox for insert to authenticated
    with check (user_id = (select auth.uid()));

grant select, insert, update, delete on public.outbox_lanes, public.outbox to service_role;
create policy outbox_lanes_service on public.outbox_lanes for all to service_role using (true) with check (true);
create policy outbox_service on public.outbox for all to service_role using (true) with check (true);

-- Opens the lanes of those who have new entries. The lane stays locked until the entry is committed: a worker that is
-- about to call the lane empty waits, and then sees the entry.
create function almanac.open_lanes()
returns trigger
language plpgsql volatile security definer set search_path = '' as $$
begin
    insert into public.outbox_lanes as l (user_id, due_at)
    select n.user_id, clock_timestamp() from new_rows n group by n.user_id order by n.user_id
    on conflict (user_id) do update set due_at = coalesce(l.due_at, excluded.due_at);
    return null;
end
$$;
revoke all on function almanac.open_lanes() from public;
alter function almanac.open_lanes() owner to service_role;

create trigger open_lanes after insert on public.outbox referencing new table as new_rows
    for each statement execute function almanac.open_lanes();

-- Lets the daily pruning find what is old.
create index idempotency_keys_created_at on public.idempotency_keys (created_at);
