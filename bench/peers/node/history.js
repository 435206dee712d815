// A page of the user's messages, newest first.

import { z } from 'zod'
import { read } from './database.js'
import { page, parsed } from './tasks.js'

const LIST = {
  name: 'list_history',
  text: `select id, conversation_id, parent_id, role, content, model,
      case when status = 'streaming' and alive_until < now() then 'interrupted' else status end as status,
      finish_reason, error_code,
      case when input_tokens is not null or output_tokens is not null then json_build_object(
        'input_tokens', coalesce(input_tokens, 0), 'output_tokens', coalesce(output_tokens, 0),
        'estimated', usage_estimated) end as usage,
      created_at, updated_at
    from messages
    where user_id = $1
      and ($2::uuid is null or (created_at, id) < (select created_at, id from messages where user_id = $1 and id = $2))
    order by created_at desc, id desc limit $3`,
}

const Page = z.object({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  before: z.uuid().nullable().default(null),
})

export async function listHistory(c) {
  const user = c.get('user')
  const { limit, before } = parsed(Page, c.req.query())
  const { rows } = await read(user, (client) => client.query({ ...LIST, values: [user, before, limit + 1] }))
  return page(c, rows, limit)
}
