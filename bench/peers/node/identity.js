// Who is asking: a token of the issuer's, verified against its keys and remembered for a minute.

import { HTTPException } from 'hono/http-exception'
import { createRemoteJWKSet, jwtVerify } from 'jose'

const REMEMBER_MS = 60_000
const REMEMBERED_MAX = 10_000

const keys = createRemoteJWKSet(new URL(process.env.JWKS_URL))
const remembered = new Map()

export async function userOf(authorization) {
  const token = authorization?.startsWith('Bearer ') ? authorization.slice(7) : null
  if (!token) throw new HTTPException(401, { message: 'Sign in.' })
  const known = remembered.get(token)
  if (known && known.until > Date.now()) return known.user
  let payload
  try {
    ({ payload } = await jwtVerify(token, keys, { issuer: process.env.ISSUER, audience: 'authenticated' }))
  } catch {
    throw new HTTPException(401, { message: 'The token is not valid.' })
  }
  if (remembered.size >= REMEMBERED_MAX) remembered.clear()
  remembered.set(token, { user: payload.sub, until: Math.min(Date.now() + REMEMBER_MS, payload.exp * 1000) })
  return payload.sub
}
