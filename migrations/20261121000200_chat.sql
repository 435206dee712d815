-- Conversations and their messages. Messages form a tree: regenerating and editing add a sibling.

create table public.conversations (
    id uuid primary key,
    user_id uuid not null references public.users on delete cascade,
    title text not null check (char_length(title) between 1 and 200),
    -- The newest message of the branch that the conversation goes on from.
    head_id uuid,
    metadata jsonb not null default '{}' check (jsonb_typeof(metadata) = 'object'),
    created_at timestamptz not null,
    updated_at timestamptz not null,
    -- Lets messages name their conversation and its owner in one reference.
    unique (id, user_id)
);
create index conversations_user_id on public.conversations (user_id, created_at desc, id desc);

create table public.messages (
    id uuid primary key,
    conversation_id uuid not null,
    user_id uuid not null references public.users on delete cascade,
    parent_id uuid,
    role text not null check (role in ('user', 'assistant')),
    content text not null,
    -- The model that answers, as provider/model; on a question the one that was asked.
    model text not null,
    status text not null default 'complete'
        check (status in ('streaming', 'complete', 'stopped', 'interrupted', 'failed')),
    finish_reason text,
    error_code text,
    input_tokens bigint check (input_tokens >= 0),
    output_tokens bigint check (output_tokens >= 0),
    usage_estimated boolean not null default false,
    -- While streaming: until when the writer is taken to live, and whether it was asked to stop. A reply whose
    -- writer died reads as interrupted.
    alive_until timestamptz,
    stop_requested_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    -- A reply is searchable once it has ended, so that saving it while it grows stays cheap.
    search tsvector generated always as
        (case when status <> 'streaming' then to_tsvector('simple', left(content, 200000)) end) stored,
    constraint messages_conversation_fkey
        foreign key (conversation_id, user_id) references public.conversations (id, user_id) on delete cascade,
    unique (id, conversation_id),
    foreign key (parent_id, conversation_id) references public.messages (id, conversation_id) on delete cascade,
    check (role = 'assistant' or status = 'complete'),
    check (status <> 'streaming' or alive_until is not null)
);
create index messages_user_id on public.messages (user_id, created_at desc, id desc);
create index messages_conversation_id on public.messages (conversation_id, created_at desc, id desc);
create index messages_parent_id on public.messages (parent_id);
create index messages_search on public.messages using gin (search);
-- A conversation has at most one reply being written.
create unique index messages_one_streaming on public.messages (conversation_id) where status = 'streaming';

alter table public.conversations enable row level security;
alter table public.conversations force row level security;
alter table public.messages enable row level security;
alter table public.messages force row level security;

revoke all on public.conversations, public.messages from anon, authenticated;
grant select, insert, update, delete on public.conversations, public.messages to authenticated, service_role;

create policy conversations_own on public.conversations for all to authenticated
    using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
create policy messages_own on public.messages for all to authenticated
    using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
create policy conversations_service on public.conversations for all to service_role using (true) with check (true);
create policy messages_service on public.messages for all to service_role using (true) with check (true);
