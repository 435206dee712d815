-- Recurrence: what recurs, and its occurrences as far ahead as they were looked at.

create table public.recurrences (
    id uuid primary key,
    user_id uuid not null references public.users on delete cascade,
    task_id uuid not null,
    -- RFC 5545's RRULE, canonically written.
    rule text not null check (octet_length(rule) between 1 and 4096),
    -- On the wall clock of the time zone; midnight for whole days.
    start timestamp(0) not null check (start between '1900-01-01' and '2999-12-31 23:59:59'),
    time_zone text not null check (octet_length(time_zone) between 1 and 64),
    all_day boolean not null,
    -- Dates added and taken out: arrays of local times.
    rdates jsonb not null default '[]' check (jsonb_typeof(rdates) = 'array'),
    exdates jsonb not null default '[]' check (jsonb_typeof(exdates) = 'array'),
    counts_from text not null check (counts_from in ('schedule', 'completion')),
    missed_policy text not null check (missed_policy in ('must', 'latest', 'all', 'skip')),
    auto_reschedule boolean not null,
    -- Occurrences are kept from here on; the rule may have begun long before.
    since timestamp(0) not null check (since between '1900-01-01' and '2999-12-31 23:59:59'),
    -- How far occurrences were made. This and the next are not in the log: a row that is restored begins anew.
    materialized_until timestamptz check (isfinite(materialized_until)),
    -- When its day is over, and what was missed is to be looked at; null is at once.
    tend_at timestamptz check (isfinite(tend_at)),
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint recurrences_task_id_key unique (task_id),
    constraint recurrences_task_fkey foreign key (task_id, user_id) references public.tasks (id, user_id)
        on delete cascade deferrable initially immediate
);
create index recurrences_user_id on public.recurrences (user_id, created_at, id);
create index recurrences_tend_at on public.recurrences (tend_at);

create table public.occurrences (
    -- Made of the task's id and the original start, so that making an occurrence twice makes one.
    id uuid primary key,
    user_id uuid not null references public.users on delete cascade,
    task_id uuid not null,
    -- Where the rule has it (RECURRENCE-ID), on the wall clock. It never changes.
    original_start timestamp(0) not null check (original_start between '1900-01-01' and '2999-12-31 23:59:59'),
    -- Where it is now: the same, unless it was moved.
    due_date date not null check (due_date between '1900-01-01' and '2999-12-31'),
    due_time time(0),
    starts_at timestamptz not null check (isfinite(starts_at)),
    moved boolean not null default false,
    -- What differs from the task; null is as the task has it.
    title text check (char_length(title) between 1 and 500),
    description text check (char_length(description) <= 20000),
    priority text check (priority in ('low', 'medium', 'high', 'urgent')),
    estimate_minutes integer check (estimate_minutes between 1 and 10080),
    status text not null default 'pending'
        check (status in ('pending', 'in_progress', 'done', 'skipped', 'missed', 'cancelled')),
    completed_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint occurrences_task_fkey foreign key (task_id, user_id) references public.tasks (id, user_id)
        on delete cascade deferrable initially immediate,
    constraint occurrences_original_start_key unique (task_id, original_start),
    check ((status = 'done') = (completed_at is not null))
);
create index occurrences_due_date on public.occurrences (user_id, due_date, starts_at, id);
create index occurrences_task_id on public.occurrences (task_id, user_id, due_date, starts_at, id);
-- What is still to be done is little beside what was done in years.
create index occurrences_open on public.occurrences (user_id, due_date, starts_at, id)
    where status in ('pending', 'in_progress');

alter table public.recurrences enable row level security;
alter table public.recurrences force row level security;
alter table public.occurrences enable row level security;
alter table public.occurrences force row level security;

revoke all on public.recurrences, public.occurrences from anon, authenticated;
grant select, insert, update, delete on public.recurrences, public.occurrences to authenticated, service_role;

create policy recurrences_own on public.recurrences for all to authenticated
    using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
create policy occurrences_own on public.occurrences for all to authenticated
    using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
create policy recurrences_service on public.recurrences for all to service_role using (true) with check (true);
create policy occurrences_service on public.occurrences for all to service_role using (true) with check (true);

select almanac.track('public.recurrences', 'recurrence', '{materialized_until,tend_at}');
select almanac.track('public.occurrences', 'occurrence');
