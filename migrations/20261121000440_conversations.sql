-- Putting conversations away, and links to a branch of one that anybody may read who has them.

alter table public.conversations add column archived_at timestamptz;
create index conversations_archived on public.conversations (user_id, created_at desc, id desc)
    where archived_at is not null;

-- Titles are as long as anywhere else.
alter table public.conversations drop constraint conversations_title_check,
    add constraint conversations_title_check check (char_length(title) between 1 and 500);

-- A link shows the branch down to one message and never beyond it: what is said later stays private. It is revoked by
-- deleting its row. The token has 256 random bits, so its hash gives nothing away and needs no salt.
create table public.conversation_shares (
    id uuid primary key,
    user_id uuid not null references public.users on delete cascade,
    conversation_id uuid not null,
    until_message_id uuid not null,
    -- As it was when the link was made, like the messages.
    title text not null check (char_length(title) between 1 and 500),
    token_hash bytea not null constraint conversation_shares_token_hash unique check (octet_length(token_hash) = 32),
    expires_at timestamptz,
    created_at timestamptz not null,
    unique (id, user_id),
    constraint conversation_shares_conversation_fkey foreign key (conversation_id, user_id)
        references public.conversations (id, user_id) on delete cascade deferrable initially immediate,
    constraint conversation_shares_message_fkey foreign key (until_message_id, conversation_id)
        references public.messages (id, conversation_id) on delete cascade deferrable initially immediate
);
create index conversation_shares_user_id on public.conversation_shares (user_id);
create index conversation_shares_conversation_id
    on public.conversation_shares (conversation_id, created_at desc, id desc);
create index conversation_shares_until_message_id on public.conversation_shares (until_message_id);
create index conversation_shares_expires_at on public.conversation_shares (expires_at) where expires_at is not null;

alter table public.conversation_shares enable row level security;
alter table public.conversation_shares force row level security;
revoke all on public.conversation_shares from anon, authenticated;
grant select, insert, update, delete on public.conversation_shares to authenticated, service_role;
create policy conversation_shares_own on public.conversation_shares for all to authenticated
    using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
create policy conversation_shares_service on public.conversation_shares for all to service_role
    using (true) with check (true);

select almanac.track('public.conversation_shares', 'conversation_share');

-- What the link with this token's hash shows, oldest message first; no rows when there is no such link, it has ended,
-- or its owner may not sign in. Nothing of it tells whose it is. The depth ends a branch that could only be as long
-- if the program had not bounded it.
create function almanac.find_shared_conversation(p_token_hash bytea, p_now timestamptz)
returns table (title text, shared_at timestamptz, expires_at timestamptz,
               role text, content text, model text, status text, created_at timestamptz)
language sql stable security definer set search_path = '' as $$
    with recursive share as (
        select s.* from public.conversation_shares s join public.users u on u.id = s.user_id and u.is_active
        where s.token_hash = p_token_hash and (s.expires_at is null or s.expires_at > p_now)
    ), branch as (
        select m.id, m.parent_id, 1 as depth
        from share s join public.messages m on m.id = s.until_message_id and m.user_id = s.user_id
        union all
        select m.id, m.parent_id, b.depth + 1 from branch b join public.messages m on m.id = b.parent_id
        where b.depth < 10000
    )
    select s.title, s.created_at, s.expires_at, m.role, m.content, m.model, m.status, m.created_at
    from share s, branch b join public.messages m on m.id = b.id
    order by b.depth desc
$$;
revoke all on function almanac.find_shared_conversation(bytea, timestamptz) from public;
grant execute on function almanac.find_shared_conversation(bytea, timestamptz) to almanac_app;
alter function almanac.find_shared_conversation(bytea, timestamptz) owner to service_role;
