// Transactions that act as one user, so that row-level security decides what they see.

import { randomUUID } from 'node:crypto'
import pg from 'pg'

// Dates stay as they are written, counts are numbers.
pg.types.setTypeParser(pg.types.builtins.DATE, (text) => text)
pg.types.setTypeParser(pg.types.builtins.INT8, Number)

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: Number(process.env.CONNECTIONS_MAX) })
pool.on('error', (error) => console.error(error))

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Reads as this user. */
export function read(user, work) {
  return transaction(settings(user), work)
}

/** Writes as this user, after the user's other writers, as one action of the change log. */
export function write(user, work) {
  const also = `set_config('almanac.actor', 'user', true),
    set_config('almanac.action_group', '${randomUUID()}', true),
    pg_advisory_xact_lock(hashtextextended('write ' || '${user}', 0))`
  return transaction(`${settings(user)}, ${also}`, work)
}

// The user's id is part of the text, so that `begin` and the settings are one round trip.
function settings(user) {
  if (!UUID.test(user)) throw new Error('no user id')
  return `set_config('role', 'authenticated', true),
    set_config('request.jwt.claims', '{"sub":"${user}","role":"authenticated"}', true),
    set_config('request.jwt.claim.sub', '${user}', true),
    set_config('statement_timeout', '10000', true), set_config('jit', 'off', true)`
}

async function transaction(settings, work) {
  const client = await pool.connect()
  let broken
  try {
    await client.query(`begin; select ${settings}`)
    const result = await work(client)
    await client.query('commit')
    return result
  } catch (error) {
    await client.query('rollback').catch((failure) => { broken = failure })
    throw error
  } finally {
    client.release(broken)
  }
}
