-- Notes: documents of an editor's blocks, in a tree.

-- The text of inline content in BlockNote's format: a string, or an array of strings, of styled text, and of what
-- holds such content in turn, as links do. A word of which only a part is bold stays one word.
create function public.note_inline_text(p_content jsonb)
returns text
language plpgsql immutable parallel safe as $$
begin
    return case jsonb_typeof(p_content)
        when 'string' then p_content #>> '{}'
        when 'array' then (
            select string_agg(
                case jsonb_typeof(e.piece)
                    when 'string' then e.piece #>> '{}'
                    when 'object' then coalesce(
                        case jsonb_typeof(e.piece -> 'text') when 'string' then e.piece ->> 'text' end,
                        case jsonb_typeof(e.piece -> 'content')
                            when 'string' then e.piece ->> 'content'
                            when 'array' then (
                                select string_agg(case jsonb_typeof(i.piece) when 'string' then i.piece #>> '{}'
                                                  else i.piece ->> 'text' end, '' order by i.place)
                                from jsonb_array_elements(e.piece -> 'content') with ordinality as i (piece, place))
                        end,
                        case when e.piece ->> 'type' = 'mention' then '@' || coalesce(
                            e.piece #>> '{props,user}', e.piece #>> '{props,name}', e.piece #>> '{props,label}') end)
                end, '' order by e.place)
            from jsonb_array_elements(p_content) with ordinality as e (piece, place))
    end;
end
$$;

-- The text of a document, one line for each block, table cell, caption and file name. A block is what has an id.
--
-- It is in plpgsql, whose plans last as long as the connection, and without just-in-time compilation, which the
-- planner would choose for how many blocks there might be: that took 13 ms for a note of a dozen blocks, not 0.3.
create function public.note_text(p_content jsonb)
returns text
language plpgsql immutable parallel safe set jit = off as $$
begin
    return (
        select coalesce(string_agg(nullif(concat_ws(E'\n',
            case jsonb_typeof(b.block -> 'content')
                -- A table's cells are inline content, or objects that hold it.
                when 'object' then (
                    select string_agg(public.note_inline_text(
                        case jsonb_typeof(c.cell) when 'object' then c.cell -> 'content' else c.cell end), E'\n')
                    from jsonb_path_query(b.block, 'lax $.content.rows[*].cells[*]') as c (cell))
                else public.note_inline_text(b.block -> 'content')
            end,
            b.block #>> '{props,caption}', b.block #>> '{props,name}'), ''), E'\n'), '')
        from jsonb_path_query(p_content, 'strict $.** ? (exists(@.id) && exists(@.type))') as b (block));
end
$$;

create table public.notes (
    id uuid primary key,
    user_id uuid not null references public.users on delete cascade,
    parent_id uuid,
    title text not null check (char_length(title) between 1 and 500),
    content jsonb not null default '[]' check (jsonb_typeof(content) = 'array'),
    is_pinned boolean not null default false,
    is_archived boolean not null default false,
    metadata jsonb not null default '{}' check (jsonb_typeof(metadata) = 'object'),
    created_at timestamptz not null,
    updated_at timestamptz not null,
    -- How much JSON it is, so that a list knows before it reads.
    content_bytes integer not null generated always as (octet_length(content::text)) stored,
    excerpt text not null generated always as (left(public.note_text(content), 200)) stored,
    -- A tsvector holds at most 1 MiB; whatever 100,000 characters are, they fit. The first word, which no text
    -- has in it, is the owner.
    search tsvector not null generated always as (
        array_to_tsvector(array['=' || user_id])
        || setweight(to_tsvector('simple', title), 'A')
        || to_tsvector('simple', left(public.note_text(content), 100000))) stored,
    unique (id, user_id),
    constraint notes_parent_id_fkey foreign key (parent_id, user_id) references public.notes (id, user_id)
        on delete cascade deferrable initially immediate
);
create index notes_user_id on public.notes (user_id, created_at desc, id desc);
create index notes_parent_id on public.notes (parent_id, user_id);
create index notes_search on public.notes using gin (search);

-- A note is never below itself, whoever writes: a client that goes past the program, or an undo of older moves. The
-- user's write lock, which the program's writers hold already, keeps two moves from closing a circle together.
create function almanac.refuse_note_cycle()
returns trigger
language plpgsql volatile set search_path = '' as $$
begin
    perform pg_advisory_xact_lock(hashtextextended('write ' || new.user_id, 0));
    if exists (
        with recursive above (id) as (
            select n.parent_id from public.notes n where n.id = new.id and n.parent_id is not null
            union
            select n.parent_id from public.notes n join above a on n.id = a.id where n.parent_id is not null
        )
        select from above where id = new.id
    ) then
        raise exception 'the note % would be below itself', new.id
            using errcode = 'check_violation', schema = 'public', table = 'notes', constraint = 'notes_acyclic';
    end if;
    return null;
end
$$;
revoke all on function almanac.refuse_note_cycle() from public;
alter function almanac.refuse_note_cycle() owner to service_role;
create constraint trigger refuse_cycle after insert or update of parent_id on public.notes
    deferrable initially immediate for each row when (new.parent_id is not null)
    execute function almanac.refuse_note_cycle();

alter table public.notes enable row level security;
alter table public.notes force row level security;

revoke all on public.notes from anon, authenticated;
grant select, insert, update, delete on public.notes to authenticated, service_role;

create policy notes_own on public.notes for all to authenticated
    using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
create policy notes_service on public.notes for all to service_role using (true) with check (true);

select almanac.track('public.notes', 'note', '{content_bytes,excerpt,search}');

-- Searching ---------------------------------------------------------------------------------------------
--
-- Under row-level security an index is only used for conditions whose operators are leakproof. `@@` is not, so a user's
-- own query never uses the index of words: it reads the user's notes one by one, newest first, until the page is full. With
-- 10,000 notes and a word in 40 of them that took 16 ms; the function, which is not held by row-level security, takes 0.3 ms.
--
-- It is the one function that sees past the policies and that users may call. So it does as little as it can:
-- it names ids, of notes whose owner is the caller by the same auth.uid() that the policies ask, and who wants the notes
-- reads them under the policies.
--
-- The index is of all users' words. The owner's own word in it lets the search meet only the caller's notes, however many
-- others have the words too; without it, it took 0.7 ms in 50,000 notes of nine users. The plan is made for the words at
-- hand: rare ones are looked up in the index, common ones are met soon when going from the newest note back.
create function public.search_notes(
    p_words text, p_before_time timestamptz, p_before_id uuid, p_is_archived boolean, p_is_pinned boolean,
    p_parent_id uuid, p_is_root boolean, p_count bigint)
returns table (id uuid)
language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_custom_plan as $$
declare
    v_owner constant uuid := auth.uid();
    v_query constant tsquery := websearch_to_tsquery('simple', p_words) && ('''=' || v_owner || '''')::tsquery;
begin
    return query
    select n.id from public.notes n
    where n.user_id = v_owner
      and n.search @@ v_query
      and (p_before_time is null or n.created_at < p_before_time)
      and (p_before_id is null
           or (n.created_at, n.id) < (select b.created_at, b.id from public.notes b
                                      where b.user_id = v_owner and b.id = p_before_id))
      and (p_is_archived is null or n.is_archived = p_is_archived)
      and (p_is_pinned is null or n.is_pinned = p_is_pinned)
      and (p_parent_id is null or n.parent_id = p_parent_id)
      and (not p_is_root or n.parent_id is null)
    order by n.created_at desc, n.id desc limit p_count;
end
$$;
revoke all on function public.search_notes from public;
-- On Supabase, functions in public are also for its own roles to begin with.
revoke all on function public.search_notes from anon, authenticated;
grant execute on function public.search_notes to authenticated;

-- Giving a function away takes that its new owner may create in the schema, which is for this moment only.
do $$
declare
    may_create constant boolean := has_schema_privilege('service_role', 'public', 'create');
begin
    if not may_create then
        grant create on schema public to service_role;
    end if;
    alter function public.search_notes owner to service_role;
    if not may_create then
        revoke create on schema public from service_role;
    end if;
end
$$;
