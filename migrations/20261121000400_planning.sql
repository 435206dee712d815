-- Goals, which form a tree, and reflections on a period.
--
-- What is searched has no index of its own: row-level security keeps an index on words from being used, and one
-- person's goals and reflections are few enough to go through.

create table public.goals (
    id uuid primary key,
    user_id uuid not null references public.users on delete cascade,
    parent_goal_id uuid,
    title text not null check (char_length(title) between 1 and 500),
    description text check (char_length(description) <= 20000),
    timeframe text not null check (timeframe in ('year', 'quarter', 'month', 'week', 'day')),
    -- The first day of the year, quarter, month or week (from Monday), or the day.
    starts_on date not null check (extract(year from starts_on) between 1 and 9999),
    status text not null default 'active' check (status in ('active', 'done', 'cancelled', 'archived')),
    priority text not null default 'medium' check (priority in ('low', 'medium', 'high', 'urgent')),
    due_date date check (extract(year from due_date) between 1 and 9999),
    -- Percent, when set by hand. Without it the progress follows from tasks and child goals, and is kept nowhere.
    progress smallint check (progress between 0 and 100),
    metadata jsonb not null default '{}' check (jsonb_typeof(metadata) = 'object'),
    created_at timestamptz not null,
    updated_at timestamptz not null,
    search tsvector not null generated always as
        (to_tsvector('simple', title || ' ' || coalesce(description, ''))) stored,
    -- Lets others name a goal and its owner in one reference.
    unique (id, user_id),
    constraint goals_parent_fkey foreign key (parent_goal_id, user_id) references public.goals (id, user_id)
        on delete set null (parent_goal_id) deferrable initially immediate,
    check (starts_on = date_trunc(timeframe, starts_on::timestamp)::date)
);
create index goals_user_id on public.goals (user_id, created_at desc, id desc);
create index goals_parent_goal_id on public.goals (parent_goal_id);

create table public.reflections (
    id uuid primary key,
    user_id uuid not null references public.users on delete cascade,
    reflection_type text not null
        check (reflection_type in ('daily', 'weekly', 'monthly', 'quarterly', 'yearly', 'custom')),
    starts_on date not null check (extract(year from starts_on) between 1 and 9999),
    ends_on date not null check (extract(year from ends_on) between 1 and 9999),
    content text not null check (char_length(content) between 1 and 100000),
    metadata jsonb not null default '{}' check (jsonb_typeof(metadata) = 'object'),
    created_at timestamptz not null,
    updated_at timestamptz not null,
    search tsvector not null generated always as (to_tsvector('simple', content)) stored,
    check (ends_on >= starts_on)
);
create index reflections_user_id on public.reflections (user_id, created_at desc, id desc);

-- Goals are a tree at most 16 levels high, in which no goal spans more time than the one above it. Reading walks the tree,
-- so this holds for whoever writes, undoing included. It looks at the row as it is now: when checked at the
-- end of a transaction, the row may have changed again.
create function almanac.check_goal_tree()
returns trigger
language plpgsql volatile security definer set search_path = '' as $$
declare
    v_levels_max constant integer := 16;
    v_spans constant text[] := '{day,week,month,quarter,year}';
    v_goal public.goals;
    v_above integer;
    v_below integer;
    v_is_cycle boolean;
begin
    select * into v_goal from public.goals g where g.id = new.id;
    if not found then
        return null;
    end if;
    -- One level more than may be is looked at, which is enough to know that there are too many.
    with recursive up as (
        select v_goal.parent_goal_id as id, 1 as level where v_goal.parent_goal_id is not null
        union all
        select g.parent_goal_id, up.level + 1
        from up join public.goals g on g.id = up.id
        where g.parent_goal_id is not null and up.id <> v_goal.id and up.level < v_levels_max
    )
    select coalesce(max(up.level), 0), coalesce(bool_or(up.id = v_goal.id), false) into v_above, v_is_cycle from up;
    if v_is_cycle then
        raise exception 'a goal would be above itself' using errcode = 'check_violation', constraint = 'goals_cycle';
    end if;
    with recursive down as (
        select v_goal.id, 1 as level
        union all
        select g.id, down.level + 1
        from down join public.goals g on g.parent_goal_id = down.id
        where down.level <= v_levels_max
    )
    select max(down.level) into v_below from down;
    if v_above + v_below > v_levels_max then
        raise exception 'goals would be more than % levels high', v_levels_max
            using errcode = 'check_violation', constraint = 'goals_depth';
    end if;
    if exists (
        select from public.goals g
        where (g.id = v_goal.parent_goal_id
               and array_position(v_spans, g.timeframe) < array_position(v_spans, v_goal.timeframe))
           or (g.parent_goal_id = v_goal.id
               and array_position(v_spans, g.timeframe) > array_position(v_spans, v_goal.timeframe))
    ) then
        raise exception 'a goal would span more time than the one above it'
            using errcode = 'check_violation', constraint = 'goals_timeframe';
    end if;
    return null;
end
$$;

create constraint trigger goals_tree after insert or update of parent_goal_id, timeframe on public.goals
    deferrable initially immediate for each row execute function almanac.check_goal_tree();

revoke all on function almanac.check_goal_tree() from public;
alter function almanac.check_goal_tree() owner to service_role;

alter table public.goals enable row level security;
alter table public.goals force row level security;
alter table public.reflections enable row level security;
alter table public.reflections force row level security;

revoke all on public.goals, public.reflections from anon, authenticated;
grant select, insert, update, delete on public.goals, public.reflections to authenticated, service_role;

create policy goals_own on public.goals for all to authenticated
    using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
create policy reflections_own on public.reflections for all to authenticated
    using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
create policy goals_service on public.goals for all to service_role using (true) with check (true);
create policy reflections_service on public.reflections for all to service_role using (true) with check (true);

select almanac.track('public.goals', 'goal', '{search}');
select almanac.track('public.reflections', 'reflection', '{search}');
