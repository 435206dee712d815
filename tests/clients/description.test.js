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
import { startProvider } from "./support/provider.js";

const SCHEMATHESIS = process.env.SCHEMATHESIS ?? "schemathesis";
const CONFIG = new URL("schemathesis.toml", import.meta.url).pathname;
const WEBHOOK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/** More than any test sends. */
const RATE_LIMIT_SCALE = 1_000_000;
/** It ends the caller's account, so it has a run and a user of its own. */
const DEACTIVATE = "/api/users/me/deactivate";
const WEBHOOK = "/api/webhooks/clerk";
/** A good answer needs an administrator, or a signature, which a test below has. */
const OUT_OF_REACH = ["GET /api/users", "PATCH /api/users/{id}", `POST ${WEBHOOK}`];

let provider;
let almanac;
let folder;
let document;
let operations;

before(async () => {
  provider = await startProvider();
  almanac = await startAlmanac({
    OPENAI_BASE_URL: provider.url,
    CLERK_WEBHOOK_SECRET: WEBHOOK_SECRET,
    CLERK_ISSUER: "https://clerk.example.com",
    RATE_LIMIT_SCALE,
  });
  folder = await mkdtemp(join(tmpdir(), "almanac-schemathesis-"));
  const response = await fetch(`${almanac.url}/api/openapi.json`);
  document = withEventSchemas(await response.json());
  operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
});

after(async () => {
  await almanac?.stop();
  await provider?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

/** The document calls an event stream a string; schemathesis wants the schema of one event. */
function withEventSchemas(document) {
  const { paths } = structuredClone(document);
  for (const [path, operation] of Object.entries(paths)) {
    for (const { responses } of Object.values(operation)) {
      const stream = responses["200"]?.content?.["text/event-stream"];
      if (stream) stream.schema = eventSchema(path === "/api/conversation" ? "SpeechEvent" : undefined);
    }
  }
  return { ...document, paths };
}

function eventSchema(payload) {
  const json = payload && { contentMediaType: "application/json", contentSchema: { $ref: `#/components/schemas/${payload}` } };
  return { type: "object", required: ["data"], properties: { data: { type: "string", ...json } } };
}

/** The document with one conversation as the only valid id. */
function withKnownId(document, id) {
  const { paths, ...rest } = structuredClone(document);
  const parameters = Object.values(paths).flatMap((methods) => Object.values(methods).flatMap((one) => one.parameters ?? []));
  for (const parameter of parameters) {
    if (parameter.in === "path") parameter.schema = { type: "string", enum: [id] };
  }
  return { ...rest, paths };
}

/** The document with bodies that only this server knows to be good; schemathesis sends examples as they are. */
function withExamples(document, examples) {
  const { paths, ...rest } = structuredClone(document);
  for (const [path, example] of Object.entries(examples)) {
    paths[path].post.requestBody.content["application/json"].example = example;
  }
  return { ...rest, paths };
}

/** Runs schemathesis on a document as a user; fails with its report when it finds anything. */
async function explore(document, token, ...options) {
  const documentPath = join(folder, "openapi.json");
  await writeFile(documentPath, JSON.stringify(document));
  const { PATH, HOME } = process.env;
  const args = ["--config-file", CONFIG, "run", documentPath, "--url", almanac.url, "--no-color", ...options];
  const child = spawn(SCHEMATHESIS, args, { cwd: folder, env: { PATH, HOME, ALMANAC_TOKEN: token } });
  const chunks = [];
  child.stdout.on("data", (chunk) => chunks.push(chunk));
  child.stderr.on("data", (chunk) => chunks.push(chunk));
  const [code] = await once(child, "close");
  const report = Buffer.concat(chunks).toString();
  assert.equal(code, 0, report);
  return report;
}

/** The log's lines on requests, as `METHOD route` and status. */
function requestsServed() {
  const lines = almanac.output().split("\n").filter((line) => line.startsWith("{"));
  const entries = lines.map((line) => JSON.parse(line)).filter((entry) => entry.message === "request");
  return entries.map(({ method, route, status }) => ({ operation: `${method} ${route}`, status }));
}

test("every answer is as described, to requests that are right and to those that are wrong", async () => {
  const user = await almanac.register();
  const { session, email, password } = await almanac.register();
  const known = withExamples(document, {
    "/api/auth/login": { email, password },
    "/api/auth/refresh": { refresh_token: session.refresh_token },
  });
  const report = await explore(known, user.token, "--exclude-path", DEACTIVATE);
  assert.match(report, new RegExp(`Tested: ${operations.length - 1}\\b`));
});

test("the same holds for a conversation that is there", async () => {
  const user = await almanac.register();
  const chat = await user.post("/api/chat", { content: "Hello." }, { accept: "application/json" });
  const { conversation_id: id } = await chat.json();
  await explore(withKnownId(document, id), user.token, "--mode", "positive", "--include-path-regex", "^/api/(chat|conversations)/{id}");
});

test("leaving is as described, too", async () => {
  const user = await almanac.register();
  await explore(document, user.token, "--include-path", DEACTIVATE, "--max-examples", "5");
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
