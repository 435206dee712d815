// Tokens of others: shaped as Supabase Auth and Clerk make them, signed by jose, with keys fetched over HTTP.

import assert from "node:assert/strict";
import { createPublicKey } from "node:crypto";
import { after, before, test } from "node:test";

import { SignJWT, UnsecuredJWT, generateKeyPair } from "jose";

import { startAlmanac } from "./support/almanac.js";
import { openChat, textOf } from "./support/chat.js";
import { startIssuer } from "./support/issuer.js";
import { echoOf, startProvider } from "./support/provider.js";

const LEGACY_SECRET = "super-secret-jwt-token-with-at-least-32-characters-long";
const LEGACY_ISSUER = "https://legacy.example.com/auth/v1";
const PAGE = "https://app.example.com";

let provider;
let supabase;
let clerk;
let almanac;

before(async () => {
  provider = await startProvider();
  supabase = await startIssuer({ algorithm: "ES256", path: "/auth/v1" });
  clerk = await startIssuer({ algorithm: "RS256" });
  const issuers = [
    { issuer: supabase.issuer, jwks_url: supabase.jwksUrl, audience: "authenticated" },
    { issuer: clerk.issuer, jwks_url: clerk.jwksUrl, authorized_parties: [PAGE] },
    { issuer: LEGACY_ISSUER, secret: LEGACY_SECRET, audience: "authenticated" },
  ];
  almanac = await startAlmanac({ AUTH_ISSUERS: JSON.stringify(issuers), OPENAI_BASE_URL: provider.url });
});

after(async () => {
  await almanac?.stop();
  await supabase?.stop();
  await clerk?.stop();
  await provider?.stop();
});

const SUPABASE_CLAIMS = {
  aud: "authenticated",
  sub: "0b9c5c1e-3a5e-4f0e-9a46-6b1f6c0f6a01",
  role: "authenticated",
  aal: "aal1",
  session_id: "5d5b2a6e-6a34-44c9-9c1f-1f2f0f6e2b11",
  email: "ada@example.com",
  app_metadata: { provider: "email" },
  user_metadata: { full_name: "Ada", role: "service_role" },
  is_anonymous: false,
};
const CLERK_CLAIMS = { sub: "user_2abc", sid: "sess_2abc", azp: PAGE, sts: "active", fva: [0, -1], v: 2 };

const now = () => Math.floor(Date.now() / 1000);

async function statusOf(token) {
  const response = await almanac.user(token).get("/api/chat/history");
  await response.arrayBuffer();
  return response.status;
}

test("a Supabase user chats", async () => {
  const user = almanac.user(await supabase.sign(SUPABASE_CLAIMS));
  const chat = openChat(user, { id: "supabase" });
  await chat.sendMessage({ text: "Hello." });
  assert.equal(chat.status, "ready", String(chat.error));
  assert.equal(textOf(chat.lastMessage), echoOf("Hello."));
  assert.equal((await user.messages("supabase")).length, 2);
});

test("a Clerk user chats, and finds the conversation again with the next short token", async () => {
  const chat = openChat(almanac.user(await clerk.sign(CLERK_CLAIMS)), { id: "clerk" });
  await chat.sendMessage({ text: "Hello." });
  assert.equal(chat.status, "ready", String(chat.error));
  const later = almanac.user(await clerk.sign({ ...CLERK_CLAIMS, jti: "next" }));
  assert.equal((await later.messages("clerk")).length, 2);
});

test("the same subject at two issuers is two users", async () => {
  const sub = "the-same";
  const one = almanac.user(await supabase.sign({ ...SUPABASE_CLAIMS, sub }));
  const two = almanac.user(await clerk.sign({ ...CLERK_CLAIMS, sub }));
  await openChat(one, { id: "whose" }).sendMessage({ text: "Mine." });
  assert.deepEqual(await (await two.get("/api/chat/history")).json(), []);
  assert.equal((await (await one.get("/api/chat/history")).json()).length, 2);
});

test("a legacy Supabase project's shared secret works, for HS256 and its own issuer only", async () => {
  const secret = new TextEncoder().encode(LEGACY_SECRET);
  const sign = (iss) =>
    new SignJWT({ ...SUPABASE_CLAIMS, iss, exp: now() + 60 }).setProtectedHeader({ alg: "HS256" }).sign(secret);
  assert.equal(await statusOf(await sign(LEGACY_ISSUER)), 200);
  assert.equal(await statusOf(await sign(supabase.issuer)), 401);
  assert.equal(await statusOf(await sign(almanac.url)), 401);
});

test("a key that the issuer rotated in is fetched when it is first seen", async () => {
  const rotating = await startIssuer({ algorithm: "RS256" });
  const issuers = [{ issuer: rotating.issuer, jwks_url: rotating.jwksUrl }];
  const own = await startAlmanac({ AUTH_ISSUERS: JSON.stringify(issuers) });
  const status = async () => (await own.user(await rotating.sign(CLERK_CLAIMS)).get("/api/chat/history")).status;
  try {
    await rotating.rotate();
    assert.equal(await status(), 200);
    assert.equal(await status(), 200);
    assert.equal(rotating.fetches(), 1, "the keys are kept");
    // An unknown key is asked for at most every 30 seconds, so a forger cannot make us hammer the issuer.
    const forged = { header: { kid: "made-up" } };
    for (let tries = 0; tries < 5; tries += 1) {
      const token = await rotating.sign({ ...CLERK_CLAIMS, jti: String(tries) }, forged);
      assert.equal((await own.user(token).get("/api/chat/history")).status, 401);
    }
    assert.ok(rotating.fetches() <= 2, `${rotating.fetches()} fetches`);
  } finally {
    await own.stop();
    await rotating.stop();
  }
});

/** What must be refused: a name, and how the token is made. */
const FORGERIES = {
  "no algorithm": async () =>
    new UnsecuredJWT({ ...SUPABASE_CLAIMS, iss: supabase.issuer, exp: now() + 60 }).encode(),
  "the public key as an HMAC secret": async () => {
    const jwks = await (await fetch(clerk.jwksUrl)).json();
    const key = jwks.keys.at(-1);
    const pem = createPublicKey({ key, format: "jwk" }).export({ type: "spki", format: "pem" });
    return new SignJWT({ ...CLERK_CLAIMS, iss: clerk.issuer, exp: now() + 60 })
      .setProtectedHeader({ alg: "HS256", kid: key.kid })
      .sign(new TextEncoder().encode(pem));
  },
  "another's key under a known id": async () =>
    clerk.sign(CLERK_CLAIMS, { key: (await generateKeyPair("RS256")).privateKey }),
  "an unknown key id": () => clerk.sign(CLERK_CLAIMS, { header: { kid: "key-99" } }),
  "an unknown issuer": () => clerk.sign({ ...CLERK_CLAIMS, iss: "https://evil.example.com" }),
  "the name of another known issuer": () => clerk.sign({ ...SUPABASE_CLAIMS, iss: supabase.issuer }),
  "the built-in issuer's name": () => clerk.sign({ ...SUPABASE_CLAIMS, iss: almanac.url }),
  "another audience": () => supabase.sign({ ...SUPABASE_CLAIMS, aud: "service" }),
  "no audience where one is asked for": () => supabase.sign({ ...SUPABASE_CLAIMS, aud: undefined }),
  "another party": () => clerk.sign({ ...CLERK_CLAIMS, azp: "https://evil.example.com" }),
  "no party where one is asked for": () => clerk.sign({ ...CLERK_CLAIMS, azp: undefined }),
  "a session that is pending": () => clerk.sign({ ...CLERK_CLAIMS, sts: "pending" }),
  "a time that is over": () => clerk.sign({ ...CLERK_CLAIMS, exp: now() - 30 }),
  "a time that has not come": () => clerk.sign({ ...CLERK_CLAIMS, nbf: now() + 60 }),
  "no end": () => clerk.sign({ ...CLERK_CLAIMS, exp: undefined }),
  "no subject": () => clerk.sign({ ...CLERK_CLAIMS, sub: undefined }),
  "an empty subject": () => clerk.sign({ ...CLERK_CLAIMS, sub: "" }),
};

for (const [what, make] of Object.entries(FORGERIES)) {
  test(`a token with ${what} is refused`, async () => {
    const response = await almanac.user(await make()).get("/api/chat/history");
    assert.equal(response.status, 401);
    assert.equal(response.headers.get("content-type"), "application/problem+json");
    assert.equal(response.headers.get("www-authenticate"), "Bearer");
  });
}
