// Tasks: a page of them, and a new one.

import { randomUUID } from 'node:crypto'
import { HTTPException } from 'hono/http-exception'
import { z } from 'zod'
import { read, write } from './database.js'

const COLUMNS = `id, title, description, status, priority, due_date, due_time, estimate_minutes, parent_id, goal_id,
  source, source_reference, tags, metadata, completed_at, created_at, updated_at`

const LIST = {
  name: 'list_tasks',
  text: `select ${COLUMNS} from tasks
    where user_id = $1 and status <> 'archived'
      and ($2::uuid is null or (created_at, id) < (select created_at, id from tasks where user_id = $1 and id = $2))
    order by created_at desc, id desc limit $3`,
}

const CREATE = {
  name: 'create_task',
  text: `insert into tasks (user_id, id, title, description, status, priority, due_date, due_time, estimate_minutes,
      parent_id, goal_id, tags, metadata, completed_at, created_at, updated_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, case when $5 = 'done' then now() end, now(), now())
    returning ${COLUMNS}`,
}

const Page = z.object({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  before: z.uuid().nullable().default(null),
})

const NewTask = z.strictObject({
  title: z.string().trim().min(1).max(500),
  description: z.string().max(20_000).nullable().default(null),
  status: z.enum(['pending', 'in_progress', 'done', 'cancelled', 'archived']).default('pending'),
  priority: z.enum(['low', 'medium', 'high', 'urgent']).default('medium'),
  due_date: z.iso.date().nullable().default(null),
  due_time: z.iso.time().nullable().default(null),
  estimate_minutes: z.number().int().min(1).max(10_080).nullable().default(null),
  parent_id: z.uuid().nullable().default(null),
  goal_id: z.uuid().nullable().default(null),
  tags: z.array(z.string().min(1).max(50)).max(20).default([]),
  metadata: z.record(z.string(), z.json()).default({}),
})

export function parsed(schema, value) {
  const { success, data, error } = schema.safeParse(value)
  if (!success) throw new HTTPException(422, { message: z.prettifyError(error) })
  return data
}

export async function listTasks(c) {
  const user = c.get('user')
  const { limit, before } = parsed(Page, c.req.query())
  const { rows } = await read(user, (client) => client.query({ ...LIST, values: [user, before, limit + 1] }))
  return page(c, rows, limit)
}

/** A page of a list of which one row more than the page was read. */
export function page(c, rows, limit) {
  if (rows.length > limit) {
    rows.length = limit
    c.header('link', `<${c.req.path}?limit=${limit}&before=${rows[limit - 1].id}>; rel="next"`)
  }
  return c.json(rows)
}

export async function createTask(c) {
  const user = c.get('user')
  const task = parsed(NewTask, await c.req.json())
  const values = [user, randomUUID(), task.title, task.description, task.status, task.priority, task.due_date,
    task.due_time, task.estimate_minutes, task.parent_id, task.goal_id, JSON.stringify(task.tags),
    JSON.stringify(task.metadata)]
  const { rows } = await write(user, (client) => client.query({ ...CREATE, values }))
  return c.json(rows[0], 201)
}
