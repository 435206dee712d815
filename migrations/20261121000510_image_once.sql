-- Makes the image of each row once. A function with settings of its own is never inlined, and a subquery without
-- `offset 0` always is, so that a row was turned into JSON up to seven times.

-- Its names were looked up when it was made, so it needs no search path.
create or replace function almanac.image_of(p_entity text, p_row jsonb, p_hidden text[])
returns jsonb
language sql immutable
return case when p_entity = 'message' and p_row ->> 'status' = 'streaming' then null
            else p_row - 'user_id'::text - p_hidden end;

create or replace function almanac.log_changes()
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
        select array_agg(coalesce(r.whole ->> 'user_id', r.whole ->> 'id')::uuid), array_agg((r.whole ->> 'id')::uuid),
               array_agg(null::jsonb), array_agg(r.after)
        into v_owners, v_ids, v_befores, v_afters
        from (select w.whole, almanac.image_of(v_entity, w.whole, v_hidden) as after
              from (select to_jsonb(n) as whole from new_rows n offset 0) w offset 0) r
        where r.after is not null;
    elsif tg_op = 'DELETE' then
        select array_agg(coalesce(r.whole ->> 'user_id', r.whole ->> 'id')::uuid), array_agg((r.whole ->> 'id')::uuid),
               array_agg(r.before), array_agg(null::jsonb)
        into v_owners, v_ids, v_befores, v_afters
        from (select w.whole, almanac.image_of(v_entity, w.whole, v_hidden) as before
              from (select to_jsonb(o) as whole from old_rows o offset 0) w offset 0) r
        where r.before is not null;
    else
        select array_agg(coalesce(r.whole ->> 'user_id', r.whole ->> 'id')::uuid), array_agg((r.whole ->> 'id')::uuid),
               array_agg(r.before), array_agg(r.after)
        into v_owners, v_ids, v_befores, v_afters
        from (select w.whole, almanac.image_of(v_entity, w.was, v_hidden) as before,
                     almanac.image_of(v_entity, w.whole, v_hidden) as after
              from (select to_jsonb(o) as was, to_jsonb(n) as whole
                    from old_rows o join new_rows n on n.id = o.id offset 0) w offset 0) r
        where r.before is distinct from r.after;
    end if;
    if v_owners is not null then
        perform almanac.append_changes(v_entity, v_owners, v_ids, v_befores, v_afters);
    end if;
    return null;
end
$$;
