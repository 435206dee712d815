// Our model clients against llmock, which breaks as vendors do and then judges how its caller took it.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { startAlmanac } from "./support/almanac.js";
import { openChat, textOf } from "./support/chat.js";
import { freePort, startProgram } from "./support/program.js";

const LLMOCK = process.env.LLMOCK ?? "llmock";
/** How long Almanac lets a provider pause in the middle of a reply, and how much longer llmock does. */
const IDLE_TIMEOUT_MS = 2_000;
const STALL_SECONDS = 8;
const REPLY = "Breakfast at eight, then the report, and a walk before lunch.";
/** So many chunks that the reply has begun, with every vendor. */
const CHUNKS_BEFORE_BREAK = 6;

const VENDORS = {
  openai: { model: "openai/gpt-6-luna", path: "/v1" },
  anthropic: { model: "anthropic/claude-haiku-5-5", path: "/anthropic" },
  xai: { model: "xai/grok-4.3", path: "/xai/v1" },
};

/** Starts llmock and a server whose vendors are all there. */
async function startBoth() {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, PYTHONDONTWRITEBYTECODE: "1" };
  const args = ["serve", "--port", String(port), "--stream-chunk-delay-ms", "5"];
  const mock = await startProgram(LLMOCK, args, env, `${url}/health`);
  const settings = Object.entries(VENDORS).flatMap(([vendor, { path }]) => [
    [`${vendor.toUpperCase()}_BASE_URL`, url + path],
    [`${vendor.toUpperCase()}_API_KEY`, `sk-${vendor}`],
  ]);
  settings.push(["PROVIDER_IDLE_TIMEOUT_MS", String(IDLE_TIMEOUT_MS)]);
  const almanac = await startAlmanac(Object.fromEntries(settings));
  return {
    almanac,
    /** Forgets what was, and plans what happens to the next calls. */
    async plan(...behaviors) {
      await post(`${url}/_llmock/reset`);
      const reply = { type: "reply", text: REPLY, times: null };
      await post(`${url}/_llmock/scenario`, { behaviors: [...behaviors, reply] });
    },
    /** llmock's judgement on the calls since the last plan; warnings count too. */
    async expectCleanVerdict(attempts) {
      const verdict = await (await fetch(`${url}/_llmock/verdict`)).json();
      assert.deepEqual(verdict.findings, []);
      assert.equal(verdict.passed, true);
      assert.equal(verdict.attempts, attempts);
    },
    async stop() {
      await almanac.stop();
      await mock.stop();
    },
  };
}

async function post(url, body) {
  const response = await fetch(url, { method: "POST", body: JSON.stringify(body ?? {}) });
  assert.ok(response.ok, `${url}: ${response.status} ${await response.text()}`);
}

let both;

before(async () => {
  both = await startBoth();
});

after(() => both?.stop());

async function ask(almanac, model) {
  const user = await almanac.register();
  const chat = openChat(user, { id: "chat", body: { model } });
  await chat.sendMessage({ text: "Plan my day." });
  return { user, chat };
}

function expectWhole(chat) {
  assert.equal(chat.status, "ready", String(chat.error));
  assert.equal(textOf(chat.lastMessage), REPLY);
  assert.equal(chat.lastMessage.metadata.usage.estimated, false);
}

/** The chat is in error with a beginning of the reply, and so is the row. */
async function expectBroken({ user, chat }, code) {
  assert.equal(chat.status, "error");
  const text = textOf(chat.lastMessage);
  assert.ok(text.length > 0 && text.length < REPLY.length && REPLY.startsWith(text), JSON.stringify(text));
  const [, reply] = await user.messages("chat");
  assert.deepEqual([reply.content, reply.error_code], [text, code]);
  assert.ok(["interrupted", "failed"].includes(reply.status), reply.status);
}

for (const [vendor, { model }] of Object.entries(VENDORS)) {
  test(`${vendor}: a reply without a fault`, async () => {
    await both.plan();
    const { chat } = await ask(both.almanac, model);
    expectWhole(chat);
    await both.expectCleanVerdict(1);
  });

  // Twice only where the vendor names the wait: of two waits of our own, each with its share of chance, the
  // second need not be longer than the first by as much as llmock wants to see.
  const passing = [
    { type: "fail", status: 429, retry_after: 1, times: 2 },
    { type: "fail", status: 529, times: 1 },
    { type: "fail", status: 500, times: 1 },
    { type: "fail", status: 503, retry_after: 0.5, times: 1 },
    { type: "stream_fault", kind: "disconnect", after_chunks: 0 },
    { type: "stream_fault", kind: "truncate", after_chunks: 0 },
    { type: "slow_first_token", seconds: 0.5 },
  ];
  for (const fault of passing) {
    const name = fault.status ?? fault.kind ?? fault.type;
    test(`${vendor}: ${name} before the first word is waited out, unseen by the client`, async () => {
      await both.plan(fault);
      const { chat } = await ask(both.almanac, model);
      expectWhole(chat);
      await both.expectCleanVerdict(fault.type === "slow_first_token" ? 1 : 1 + (fault.times ?? 1));
    });
  }

  for (const status of [429, 529]) {
    test(`${vendor}: a ${status} that stays is given up after three tries`, async () => {
      await both.plan({ type: "fail", status, retry_after: 0.2, times: null });
      const { user, chat } = await ask(both.almanac, model);
      assert.equal(chat.status, "error");
      const [, reply] = await user.messages("chat");
      const code = status === 429 ? "provider_rate_limited" : "provider_overloaded";
      assert.deepEqual([reply.status, reply.error_code, reply.content], ["failed", code, ""]);
      await both.expectCleanVerdict(3);
    });
  }

  for (const status of [400, 401, 403, 404]) {
    test(`${vendor}: a ${status} is not tried again`, async () => {
      await both.plan({ type: "fail", status, times: null });
      const { user, chat } = await ask(both.almanac, model);
      assert.equal(chat.status, "error");
      assert.equal((await user.messages("chat"))[1].status, "failed");
      await both.expectCleanVerdict(1);
    });
  }

  const breaks = { disconnect: "provider_interrupted", truncate: "provider_interrupted", malformed: "provider_malformed" };
  for (const [kind, code] of Object.entries(breaks)) {
    test(`${vendor}: ${kind} mid-reply is an error with the text so far, and the page's second try succeeds`, async () => {
      await both.plan({ type: "stream_fault", kind, after_chunks: CHUNKS_BEFORE_BREAK });
      const { user, chat } = await ask(both.almanac, model);
      await expectBroken({ user, chat }, code);
      await chat.regenerate();
      expectWhole(chat);
      await both.expectCleanVerdict(2);
    });
  }
}

test("a reply that stalls is given up, with the text so far, and the page's second try succeeds", async () => {
  const own = await startBoth();
  try {
    const stall = { type: "stream_fault", kind: "stall", after_chunks: CHUNKS_BEFORE_BREAK, stall_seconds: STALL_SECONDS };
    const vendors = Object.values(VENDORS);
    await own.plan({ ...stall, times: vendors.length });
    const asked = await Promise.all(vendors.map(({ model }) => ask(own.almanac, model)));
    for (const one of asked) {
      await expectBroken(one, "provider_timeout");
      await one.chat.regenerate();
      expectWhole(one.chat);
    }
    await own.expectCleanVerdict(2 * vendors.length);
  } finally {
    await own.stop();
  }
});
