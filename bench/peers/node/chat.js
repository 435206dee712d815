// A question, and its reply as the AI SDK's UI message stream: `finish` is said once the reply is stored.

import { randomUUID } from 'node:crypto'
import { stream } from 'hono/streaming'
import { Agent, request } from 'undici'
import { z } from 'zod'
import { write } from './database.js'
import { parsed } from './tasks.js'

const Question = z.strictObject({ content: z.string().trim().min(1).max(100_000), model: z.string().min(1).max(200) })

// Every stream has its connection, which is used again.
const provider = new Agent({ connections: null, keepAliveTimeout: 30_000, pipelining: 1 })

const BEGIN_CONVERSATION = {
  name: 'begin_conversation',
  text: `insert into conversations (id, user_id, title, metadata, head_id, created_at, updated_at)
    values ($1, $2, $3, '{}', $4, now(), now())`,
}
const BEGIN_REPLY = {
  name: 'begin_reply',
  text: `insert into messages (id, user_id, conversation_id, parent_id, role, content, model, status, alive_until,
      created_at, updated_at)
    values ($1, $2, $3, null, 'user', $4, $5, 'complete', null, now(), now()),
      ($6, $2, $3, $1, 'assistant', '', $5, 'streaming', now() + interval '2 minutes',
       now() + interval '1 microsecond', now())`,
}
const END_REPLY = {
  name: 'end_reply',
  text: `update messages set content = $3, status = $4, finish_reason = $5, input_tokens = $6, output_tokens = $7,
      alive_until = null, updated_at = now()
    where user_id = $1 and id = $2 and status = 'streaming'`,
}

export async function sendMessage(c) {
  const user = c.get('user')
  const { content, model } = parsed(Question, await c.req.json())
  const [conversation, question, reply] = [randomUUID(), randomUUID(), randomUUID()]
  await write(user, async (client) => {
    await client.query({ ...BEGIN_CONVERSATION, values: [conversation, user, content.slice(0, 60), reply] })
    await client.query({ ...BEGIN_REPLY, values: [question, user, conversation, content, model, reply] })
  })
  c.header('content-type', 'text/event-stream')
  c.header('cache-control', 'no-cache')
  c.header('x-vercel-ai-ui-message-stream', 'v1')
  return stream(c, async (out) => {
    const metadata = { conversationId: conversation, model }
    await out.write(part({ type: 'start', messageId: reply, messageMetadata: metadata }) + part({ type: 'start-step' }) +
      part({ type: 'text-start', id: 'text-1' }))
    const whole = { text: '', finish: null, usage: {} }
    try {
      for await (const deltas of answer(model.replace('openai/', ''), content, whole)) await out.write(deltas)
    } finally {
      await end(user, reply, whole)
    }
    const usage = { inputTokens: whole.usage.prompt_tokens, outputTokens: whole.usage.completion_tokens }
    await out.write(part({ type: 'text-end', id: 'text-1' }) + part({ type: 'finish-step' }) +
      part({ type: 'finish', finishReason: whole.finish, messageMetadata: { usage } }) + 'data: [DONE]\n\n')
  }, async (error, out) => {
    console.error(error)
    await out.write(part({ type: 'error', errorText: 'The reply broke off.' }))
  })
}

/** What the model says, as parts of the stream; collects the whole. */
async function* answer(model, content, whole) {
  const { statusCode, body } = await request(`${process.env.OPENAI_BASE_URL}/chat/completions`, {
    method: 'POST',
    dispatcher: provider,
    headers: { authorization: 'Bearer bench', 'content-type': 'application/json' },
    body: JSON.stringify({
      model, messages: [{ role: 'user', content }], stream: true, stream_options: { include_usage: true },
    }),
  })
  if (statusCode !== 200) throw new Error(`the model answered ${statusCode}`)
  body.setEncoding('utf8')
  let rest = ''
  for await (const text of body) {
    const events = (rest + text).split('\n\n')
    rest = events.pop()
    let deltas = ''
    for (const event of events) {
      if (!event.startsWith('data: ') || event === 'data: [DONE]') continue
      const { choices, usage } = JSON.parse(event.slice(6))
      if (usage) whole.usage = usage
      const [choice] = choices
      if (choice?.finish_reason) whole.finish = choice.finish_reason
      const delta = choice?.delta.content
      if (delta) {
        whole.text += delta
        deltas += part({ type: 'text-delta', id: 'text-1', delta })
      }
    }
    if (deltas) yield deltas
  }
  if (!whole.finish) throw new Error('the reply was cut')
}

function end(user, reply, { text, finish, usage }) {
  const values = [user, reply, text, finish ? 'complete' : 'interrupted', finish, usage.prompt_tokens ?? null,
    usage.completion_tokens ?? null]
  return write(user, (client) => client.query({ ...END_REPLY, values }))
}

const part = (value) => `data: ${JSON.stringify(value)}\n\n`
