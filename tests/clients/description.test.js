// The API description is true: schemathesis sends what it allows and what it forbids, and judges each answer.
//
// Limits on how often are raised out of the way, and the server's own log shows that each operation was
// reached: with a good answer, and never with 429 or a 5xx.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { Webhook } from "svix";

import { startAlmanac } from "./support/almanac.js";
import { exportedBelongings, exportedConversation, makeThings, PREPARATION } from "./support/belongings.js";
import { operationsOf, pathsToThings, readDescription, withExamples, withoutChosenIds, withThings } from "./support/description.js";
import { startProvider } from "./support/provider.js";

const SCHEMATHESIS = process.env.SCHEMATHESIS ?? "schemathesis";
const CONFIG = new URL("schemathesis.toml", import.meta.url).pathname;
const WEBHOOK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/** More than any test sends. */
const RATE_LIMIT_SCALE = 1_000_000;
/** Each changes what the caller is to everything else, so it has a run and a user of its own. */
const ONCE_IN_A_LIFE = ["deactivate_me", "delete_me", "import_me"];
const WEBHOOK = "/api/webhooks/clerk";
/** A good answer needs an administrator, or a signature, which a test below has. */
const OUT_OF_REACH = ["GET /api/users", "PATCH /api/users/{id}", `POST ${WEBHOOK}`];
/** The paths of about half of the operations: each half is a test, and a test's time is bounded. */
const FIRST_HALF = "^/api/(auth|chat|conversation|shared|users|webhooks)";

let provider;
let almanac;
let folder;
let document;
let operations;
let tried = 0;

before(async () => {
  provider = await startProvider();
  almanac = await startAlmanac({
    OPENAI_BASE_URL: provider.url,
    CLERK_WEBHOOK_SECRET: WEBHOOK_SECRET,
    CLERK_ISSUER: "https://clerk.example.com",
    RATE_LIMIT_SCALE,
  });
  folder = await mkdtemp(join(tmpdir(), "almanac-schemathesis-"));
  document = await readDescription(almanac.url);
  operations = operationsOf(document);
});

after(async () => {
  await almanac?.stop();
  await provider?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

/** Runs schemathesis on a description as a user, and tells how many operations it tried; what it finds is an error. */
async function explore(document, user, ...options) {
  const documentPath = join(folder, "openapi.json");
  await writeFile(documentPath, JSON.stringify(document));
  const { PATH, HOME } = process.env;
  const args = ["--config-file", CONFIG, "run", documentPath, "--url", almanac.url, "--no-color", ...options];
  const child = spawn(SCHEMATHESIS, args, { cwd: folder, env: { PATH, HOME, ALMANAC_TOKEN: user.token } });
  const chunks = [];
  child.stdout.on("data", (chunk) => chunks.push(chunk));
  child.stderr.on("data", (chunk) => chunks.push(chunk));
  const [code] = await once(child, "close");
  const report = Buffer.concat(chunks).toString();
  assert.equal(code, 0, report);
  return Number(report.match(/Tested: (\d+)/)[1]);
}

/** The log's lines on requests that were not made to make others possible, as `METHOD route` and status. */
function requestsServed() {
  const lines = almanac.output().split("\n").filter((line) => line.startsWith("{"));
  const entries = lines.map((line) => JSON.parse(line)).filter((entry) => entry.message === "request");
  const counted = entries.filter((entry) => !entry.request_id.startsWith(PREPARATION));
  return counted.map(({ method, route, status }) => ({ operation: `${method} ${route}`, status }));
}

const exceptOnce = ONCE_IN_A_LIFE.flatMap((name) => ["--exclude-operation-id", name]);
const firstHalf = ["--include-path-regex", FIRST_HALF];
const secondHalf = ["--exclude-path-regex", FIRST_HALF];

test("every answer is as described, to requests that are right and to those that are wrong", async () => {
  const [user, other] = [await almanac.register(), await almanac.register()];
  const known = withExamples(document, {
    "POST /api/auth/login": { email: other.email, password: other.password },
    "POST /api/auth/refresh": { refresh_token: other.session.refresh_token },
    "POST /api/conversations/import": [await exportedConversation(other)],
  });
  tried += await explore(known, user, ...firstHalf, ...exceptOnce);
});

test("the same holds for what there is to do", async () => {
  tried += await explore(document, await almanac.register(), ...secondHalf);
  assert.equal(tried, operations.length - ONCE_IN_A_LIFE.length);
});

/** The description with things of a user's that are there, and with bodies that name them. */
async function descriptionOf(user) {
  const things = await makeThings(pathsToThings(document), user, almanac.register);
  return withExamples(withThings(withoutChosenIds(document), things), {
    "PATCH /api/tasks": { ids: [things["/api/tasks/{id}"].id], set: { priority: "high" } },
    "PUT /api/tasks/{id}/recurrence": { preset: "weekly" },
    "PUT /api/tasks/{id}/occurrences/{occurrence_id}": { scope: "this", title: "Water the garden" },
    "POST /api/conversations/{id}/fork": { message_id: things["/api/conversations/{id}/fork"].message_id },
  });
}

const positive = ["--mode", "positive", "--max-examples", "25"];

test("the same holds for things that are there, and for more of them", async () => {
  const user = await almanac.register();
  const paths = ["--include-path-regex", "\\{|^/api/(goals|notes|reflections|tasks)$", "--exclude-method", "DELETE"];
  await explore(await descriptionOf(user), user, ...positive, ...paths);
});

test("the same holds for things that are deleted", async () => {
  const user = await almanac.register();
  await explore(await descriptionOf(user), user, ...positive, "--include-method", "DELETE", ...exceptOnce);
});

test("coming and leaving are as described, too", async () => {
  const example = { "POST /api/users/me/import": await exportedBelongings(await almanac.register()) };
  for (const name of ONCE_IN_A_LIFE) {
    const user = await almanac.register();
    await explore(withExamples(document, example), user, "--include-operation-id", name, "--max-examples", "5");
  }
});

test("a signed event is answered as described", async () => {
  const [id, at, body] = ["msg_1", new Date(), '{"type":"session.created","data":{}}'];
  const response = await fetch(almanac.url + WEBHOOK, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "svix-id": id,
      "svix-timestamp": String(Math.floor(at.getTime() / 1000)),
      "svix-signature": new Webhook(WEBHOOK_SECRET).sign(id, at, body),
    },
    body,
  });
  assert.equal(response.status, 200);
});

test("each operation was reached, no limit was met, and nothing failed inside", () => {
  const served = requestsServed();
  const failed = served.filter(({ status }) => status === 429 || status >= 500);
  assert.deepEqual(failed, []);
  const isGood = ({ status }) => status < 300;
  const reached = new Set(served.filter(isGood).map(({ operation }) => operation));
  const missed = operations.filter((operation) => !reached.has(operation) && !OUT_OF_REACH.includes(operation));
  assert.deepEqual(missed, []);
});
