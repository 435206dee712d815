// The peer: Almanac's chat, history and tasks as Hono and node-postgres make them, on all cores.
//
// server.js: the processes, the routes and the log; identity.js: tokens; database.js: transactions under row-level
// security; chat.js, history.js, tasks.js: the routes' own.

import cluster from 'node:cluster'
import { randomUUID } from 'node:crypto'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { sendMessage } from './chat.js'
import { listHistory } from './history.js'
import { userOf } from './identity.js'
import { createTask, listTasks } from './tasks.js'

const workers = Number(process.env.WORKERS)

if (cluster.isPrimary) {
  for (let index = 0; index < workers; index++) cluster.fork()
  // Half a service measures nothing.
  cluster.on('exit', (worker, code) => process.exit(code || 1))
} else {
  serve({ fetch: app().fetch, hostname: '127.0.0.1', port: Number(process.env.PORT) })
}

function app() {
  const app = new Hono()
  app.use(async (c, next) => {
    const begun = performance.now()
    const id = randomUUID()
    c.header('x-request-id', id)
    await next()
    const ms = performance.now() - begun
    const { method, path } = c.req
    const line = { message: 'request', request_id: id, method, path, status: c.res.status, ms, user_id: c.get('user') }
    process.stdout.write(`${JSON.stringify(line)}\n`)
  })
  app.get('/api/health', (c) => c.json({ status: 'ok' }))
  app.use(async (c, next) => {
    c.set('user', await userOf(c.req.header('authorization')))
    await next()
  })
  app.post('/api/chat', sendMessage)
  app.get('/api/chat/history', listHistory)
  app.get('/api/tasks', listTasks)
  app.post('/api/tasks', createTask)
  app.onError((error, c) => {
    if (error instanceof HTTPException) return c.json({ code: 'refused', detail: error.message }, error.status)
    console.error(error)
    return c.json({ code: 'internal' }, 500)
  })
  return app
}
