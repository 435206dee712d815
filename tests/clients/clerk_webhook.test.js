// Clerk's webhooks as Clerk sends them: signed by Svix's own library.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Webhook } from "svix";

import { startAlmanac } from "./support/almanac.js";
import { openChat, until } from "./support/chat.js";
import { startIssuer } from "./support/issuer.js";

const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OTHER_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
/** Svix refuses, and so do we, what is off by more. */
const TOLERANCE_MS = 5 * 60 * 1000;
/** The status that a request of a user who is gone may get. */
const GONE = [401, 403, 404];

let clerk;
let almanac;
let messages = 0;
let users = 0;

before(async () => {
  clerk = await startIssuer({ algorithm: "RS256" });
  almanac = await startAlmanac({
    AUTH_ISSUERS: JSON.stringify([{ issuer: clerk.issuer, jwks_url: clerk.jwksUrl }]),
    CLERK_WEBHOOK_SECRET: SECRET,
    CLERK_ISSUER: clerk.issuer,
  });
});

after(async () => {
  await almanac?.stop();
  await clerk?.stop();
});

/** Delivers an event; what is given replaces how Clerk does it. */
async function deliver(event, { secret = SECRET, at = new Date(), headers = {}, tamper = (body) => body } = {}) {
  messages += 1;
  const id = `msg_${messages}`;
  const body = JSON.stringify(event);
  const response = await fetch(`${almanac.url}/api/webhooks/clerk`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "svix-id": id,
      "svix-timestamp": String(Math.floor(at.getTime() / 1000)),
      "svix-signature": new Webhook(secret).sign(id, at, body),
      ...headers,
    },
    body: tamper(body),
  });
  await response.arrayBuffer();
  return response.status;
}

/** A user as Clerk's events show one. */
function clerkUser(changes = {}) {
  users += 1;
  return {
    id: `user_${users}`,
    object: "user",
    first_name: "Ada",
    last_name: "Lovelace",
    username: null,
    email_addresses: [
      { id: "idn_1", object: "email_address", email_address: "ada@example.com", verification: { status: "verified" } },
      { id: "idn_2", object: "email_address", email_address: "ada@work.example", verification: { status: "verified" } },
    ],
    primary_email_address_id: "idn_2",
    public_metadata: { role: "admin" },
    created_at: 1_700_000_000_000,
    updated_at: 1_700_000_000_000,
    ...changes,
  };
}

const changed = (type, data) => ({ type, object: "event", timestamp: Date.now(), data });
const deleted = (id) => changed("user.deleted", { id, object: "user", deleted: true });

async function signIn(user) {
  return almanac.user(await clerk.sign({ sub: user.id, sid: "sess_1", sts: "active" }));
}

async function profileOf(user) {
  const response = await (await signIn(user)).get("/api/users/me");
  assert.equal(response.status, 200);
  return response.json();
}

test("a created user is there when they first come, with the primary address and no rights", async () => {
  const user = clerkUser();
  assert.equal(await deliver(changed("user.created", user)), 200);
  const profile = await profileOf(user);
  assert.deepEqual([profile.email, profile.full_name, profile.role], ["ada@work.example", "Ada Lovelace", "user"]);
});

test("an update changes the user, and an older or doubled one changes nothing", async () => {
  const user = clerkUser();
  await deliver(changed("user.created", user));
  const { id } = await profileOf(user);
  const married = { ...user, last_name: "King", updated_at: user.updated_at + 2000 };
  assert.equal(await deliver(changed("user.updated", married)), 200);
  assert.equal(await deliver(changed("user.updated", { ...user, updated_at: user.updated_at + 1000 })), 200);
  assert.equal(await deliver(changed("user.updated", married)), 200);
  const profile = await profileOf(user);
  assert.deepEqual([profile.id, profile.full_name], [id, "Ada King"]);
});

test("somebody who came before their webhook is the same user after it", async () => {
  const user = clerkUser();
  const { id } = await profileOf(user);
  assert.equal(await deliver(changed("user.created", user)), 200);
  const profile = await profileOf(user);
  assert.deepEqual([profile.id, profile.email], [id, "ada@work.example"]);
});

test("a deleted user's data is gone, their token is no good, and a late update brings nobody back", async () => {
  const user = clerkUser();
  await deliver(changed("user.created", user));
  const client = await signIn(user);
  const chat = openChat(client, { id: "mine" });
  await chat.sendMessage({ text: "Remember me." });
  assert.equal(chat.status, "ready", String(chat.error));

  assert.equal(await deliver(deleted(user.id)), 200);
  // Who signed in a moment ago may be remembered for a while, but soon has nothing any more: a job deletes it.
  const deadline = Date.now() + 10_000;
  let history;
  do {
    const response = await client.get("/api/chat/history");
    history = response.ok ? await response.json() : response.status;
  } while (history.length && Date.now() < deadline);
  assert.ok(GONE.includes(history) || history.length === 0, JSON.stringify(history));
  for (const response of [
    await client.get("/api/users/me"),
    await client.post("/api/chat", { content: "Hello?" }),
    await client.post("/api/chat/mine/stop"),
  ]) {
    assert.ok(response.status === 204 || GONE.includes(response.status), `${response.url}: ${response.status}`);
  }

  assert.equal(await deliver(changed("user.updated", { ...user, updated_at: user.updated_at + 5000 })), 200);
  assert.equal(await deliver(deleted(user.id)), 200);
  const late = await (await signIn(user)).get("/api/users/me");
  assert.ok(GONE.includes(late.status), String(late.status));
});

test("a deletion that comes first is final too", async () => {
  const user = clerkUser();
  assert.equal(await deliver(deleted(user.id)), 200);
  assert.equal(await deliver(changed("user.created", user)), 200);
  const client = await signIn(user);
  await until("the user is refused", async () => GONE.includes((await client.get("/api/users/me")).status));
});

test("events of no interest are taken", async () => {
  for (const type of ["session.created", "email.created", "organization.updated", "user.something_new"]) {
    assert.equal(await deliver(changed(type, { id: "x_1" })), 200);
  }
});

test("during a change of secrets one good signature is enough", async () => {
  const event = changed("session.created", { id: "sess_1" });
  const at = new Date();
  const [id, body] = ["msg_two", JSON.stringify(event)];
  const both = [OTHER_SECRET, SECRET].map((secret) => new Webhook(secret).sign(id, at, body)).join(" ");
  assert.equal(await deliver(event, { at, headers: { "svix-id": id, "svix-signature": both } }), 200);
});

const FORGERIES = {
  "another secret": { secret: OTHER_SECRET },
  "a changed body": { tamper: (body) => body.replace("Lovelace", "Loveless") },
  "a body with other white space": { tamper: (body) => body.replace(":", ": ") },
  "another id": { headers: { "svix-id": "msg_other" } },
  "another time": { headers: { "svix-timestamp": String(Math.floor(Date.now() / 1000) + 1) } },
  "no signature": { headers: { "svix-signature": "" } },
  "a version we do not know": { headers: { "svix-signature": "v2,AAAA" } },
  "a time too long ago": { at: new Date(Date.now() - TOLERANCE_MS - 10_000) },
  "a time too far ahead": { at: new Date(Date.now() + TOLERANCE_MS + 10_000) },
};

for (const [what, options] of Object.entries(FORGERIES)) {
  test(`an event with ${what} is refused`, async () => {
    assert.equal(await deliver(changed("user.created", clerkUser()), options), 401);
  });
}
