-- A reply is followed by another process than its writer's: from then on the writer hands over what it writes.

alter table public.messages add column followed_at timestamptz;

-- The log's images leave it out, as all that is only about the writing.
drop trigger log_insert on public.messages;
drop trigger log_update on public.messages;
drop trigger log_delete on public.messages;
select almanac.track('public.messages', 'message', '{search,alive_until,stop_requested_at,followed_at}');
