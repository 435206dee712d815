// Our own tokens, read by others: jose and Supabase's client verify them with the keys we publish.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { GoTrueClient } from "@supabase/auth-js";
import { createRemoteJWKSet, errors, jwtVerify } from "jose";

import { startAlmanac } from "./support/almanac.js";

let almanac;
let keys;

before(async () => {
  almanac = await startAlmanac();
  keys = createRemoteJWKSet(new URL(`${almanac.url}/.well-known/jwks.json`));
});

after(() => almanac?.stop());

/** Another last byte of the signature's first half, so that it is well-formed and wrong. */
function tampered(token) {
  const [header, payload, signature] = token.split(".");
  return [header, payload, (signature[0] === "A" ? "B" : "A") + signature.slice(1)].join(".");
}

test("jose verifies an access token by issuer, audience and published key", async () => {
  const user = await almanac.register();
  const options = { issuer: almanac.url, audience: "authenticated", algorithms: ["ES256"], requiredClaims: ["exp", "sub"] };
  const { payload, protectedHeader } = await jwtVerify(user.token, keys, options);
  assert.equal(payload.sub, user.id);
  assert.equal(payload.role, "authenticated");
  assert.equal(payload.email, user.email);
  assert.equal(payload.exp - payload.iat, user.session.expires_in);
  assert.ok(protectedHeader.kid);

  const wrong = { ...options, audience: "somebody-else" };
  await assert.rejects(jwtVerify(user.token, keys, wrong), errors.JWTClaimValidationFailed);
  await assert.rejects(jwtVerify(tampered(user.token), keys, options), errors.JWSSignatureVerificationFailed);
});

test("the published keys hold nothing private", async () => {
  const response = await fetch(`${almanac.url}/.well-known/jwks.json`);
  assert.equal(response.status, 200);
  const { keys: published } = await response.json();
  assert.equal(published.length, 1);
  assert.deepEqual(Object.keys(published[0]).sort(), ["alg", "crv", "kid", "kty", "use", "x", "y"]);
});

test("Supabase's client reads the claims, and refuses a token that was changed", async () => {
  const client = new GoTrueClient({ url: almanac.url, autoRefreshToken: false, persistSession: false });
  const user = await almanac.register();
  const { data, error } = await client.getClaims(user.token);
  assert.equal(error, null);
  assert.deepEqual([data.claims.sub, data.claims.role, data.header.alg], [user.id, "authenticated", "ES256"]);

  const changed = await client.getClaims(tampered(user.token));
  assert.equal(changed.data, null);
  assert.equal(changed.error.code, "invalid_jwt");
});

test("login and refresh give tokens that verify, and logout ends the session", async () => {
  const user = await almanac.register();
  const anon = almanac.user("");
  const verify = async (response, status) => {
    assert.equal(response.status, status);
    const session = await response.json();
    const { payload } = await jwtVerify(session.access_token, keys, { issuer: almanac.url, audience: "authenticated" });
    assert.equal(payload.sub, user.id);
    assert.equal(session.token_type.toLowerCase(), "bearer");
    return session;
  };
  const credentials = { email: user.email.toUpperCase(), password: user.password };
  const session = await verify(await anon.post("/api/auth/login", credentials), 200);
  const { refresh_token: old } = session;
  const next = await verify(await anon.post("/api/auth/refresh", { refresh_token: old }), 200);
  assert.notEqual(next.refresh_token, old);

  const left = await almanac.user(next.access_token).post("/api/auth/logout", { refresh_token: next.refresh_token });
  assert.ok(left.ok, `logout: ${left.status}`);
  const late = await anon.post("/api/auth/refresh", { refresh_token: next.refresh_token });
  assert.equal(late.status, 401);
});

test("the server takes its own token and no changed one", async () => {
  const user = await almanac.register();
  assert.equal((await user.get("/api/chat/history")).status, 200);
  const response = await almanac.user(tampered(user.token)).get("/api/chat/history");
  assert.equal(response.status, 401);
  assert.equal((await response.json()).code, "token_invalid");
});
