-- Tasks: what is to be done. A task may have subtasks, which go where it goes.

create table public.tasks (
    id uuid primary key,
    user_id uuid not null references public.users on delete cascade,
    title text not null check (char_length(title) between 1 and 500),
    description text check (char_length(description) <= 20000),
    status text not null default 'pending' check (status in ('pending', 'in_progress', 'done', 'cancelled', 'archived')),
    priority text not null default 'medium' check (priority in ('low', 'medium', 'high', 'urgent')),
    -- By the user's calendar and clock, so without a time zone. A task without a time is due at the end of its day.
    due_date date check (due_date between '1900-01-01' and '2999-12-31'),
    due_time time(0),
    estimate_minutes integer check (estimate_minutes between 1 and 10080),
    parent_id uuid check (parent_id <> id),
    goal_id uuid,
    source text not null default 'user' check (source in ('user', 'note', 'chat', 'calendar', 'import', 'ai')),
    -- What it came from, in the source's own words. A check box of a note is '<note id>#<block id>'.
    source_reference text check (char_length(source_reference) between 1 and 500),
    tags jsonb not null default '[]' check (jsonb_typeof(tags) = 'array'),
    metadata jsonb not null default '{}' check (jsonb_typeof(metadata) = 'object'),
    completed_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    -- The order of what is due, tasks without a date last. It is a column and not an expression in an index, as only
    -- columns are compared inside an index under row-level security.
    due_order timestamp not null generated always as
        (coalesce(due_date + coalesce(due_time, '23:59:59.999999'), 'infinity')) stored,
    search tsvector not null generated always as
        (setweight(to_tsvector('simple', title), 'A')
         || to_tsvector('simple', coalesce(description, '')) || to_tsvector('simple', tags)) stored,
    unique (id, user_id),
    constraint tasks_parent_fkey foreign key (parent_id, user_id) references public.tasks (id, user_id)
        on delete cascade deferrable initially immediate,
    constraint tasks_goal_fkey foreign key (goal_id, user_id) references public.goals (id, user_id)
        on delete set null (goal_id) deferrable initially immediate,
    check (due_time is null or due_date is not null),
    check ((status = 'done') = (completed_at is not null))
);
create index tasks_created_at on public.tasks (user_id, created_at desc, id desc);
create index tasks_updated_at on public.tasks (user_id, updated_at desc, id desc);
create index tasks_due_order on public.tasks (user_id, due_order, id);
create index tasks_due_latest on public.tasks (user_id, (due_order < 'infinity') desc, due_order desc, id desc);
-- What is still to be done is asked for most, and is little beside what was done in years.
create index tasks_open on public.tasks (user_id, due_order, id) where status in ('pending', 'in_progress');
create index tasks_parent_id on public.tasks (parent_id, user_id);
create index tasks_goal_id on public.tasks (goal_id, user_id);
create index tasks_source_reference on public.tasks (user_id, source_reference text_pattern_ops)
    where source_reference is not null;
-- A check box stands for one task.
create unique index tasks_note_block on public.tasks (user_id, source_reference) where source = 'note';

-- A task is never below itself, whoever writes: a client that goes past the program, or an undo of older moves. The
-- user's write lock, which the program's writers hold already, keeps two moves from closing a circle together.
create function almanac.refuse_task_cycle()
returns trigger
language plpgsql volatile set search_path = '' as $$
begin
    perform pg_advisory_xact_lock(hashtextextended('write ' || new.user_id, 0));
    if exists (
        with recursive above (id) as (
            select t.parent_id from public.tasks t where t.id = new.id and t.parent_id is not null
            union
            select t.parent_id from public.tasks t join above a on t.id = a.id where t.parent_id is not null
        )
        select from above where id = new.id
    ) then
        raise exception 'the task % would be below itself', new.id
            using errcode = 'check_violation', schema = 'public', table = 'tasks', constraint = 'tasks_acyclic';
    end if;
    return null;
end
$$;
revoke all on function almanac.refuse_task_cycle() from public;
alter function almanac.refuse_task_cycle() owner to service_role;
create constraint trigger refuse_cycle after insert or update of parent_id on public.tasks
    deferrable initially immediate for each row when (new.parent_id is not null)
    execute function almanac.refuse_task_cycle();

alter table public.tasks enable row level security;
alter table public.tasks force row level security;

revoke all on public.tasks from anon, authenticated;
grant select, insert, update, delete on public.tasks to authenticated, service_role;

create policy tasks_own on public.tasks for all to authenticated
    using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
create policy tasks_service on public.tasks for all to service_role using (true) with check (true);

select almanac.track('public.tasks', 'task', '{due_order,search}');
