// Our model clients against aimock, which speaks OpenAI's, Anthropic's and OpenRouter's protocols.

import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";

import { LLMock } from "@copilotkit/aimock";

import { startAlmanac } from "./support/almanac.js";
import { openChat, textOf } from "./support/chat.js";

const REPLY = "Breakfast at eight, then the report — and a walk, 字, before lunch.";
/** Between chunks, so that each is on its way before the connection is cut. */
const CHUNK_MS = 10;
/** Small pieces, so that a reply has many and multi-byte characters stand at their edges. */
const CHUNK_CHARACTERS = 3;

let mock;
let almanac;

before(async () => {
  const auth = { apiKeys: ["sk-openai", "sk-anthropic", "sk-xai", "sk-openrouter"] };
  mock = new LLMock({ port: 0, chunkSize: CHUNK_CHARACTERS, logLevel: "silent", auth });
  await mock.start();
  almanac = await startAlmanac({
    OPENAI_BASE_URL: `${mock.url}/v1`,
    OPENAI_API_KEY: "sk-openai",
    ANTHROPIC_BASE_URL: mock.url,
    ANTHROPIC_API_KEY: "sk-anthropic",
    XAI_BASE_URL: `${mock.url}/v1`,
    XAI_API_KEY: "sk-xai",
    OPENROUTER_BASE_URL: `${mock.url}/api/v1`,
    OPENROUTER_API_KEY: "sk-openrouter",
  });
});

beforeEach(() => {
  mock.clearFixtures();
  mock.clearRequests();
});

after(async () => {
  await almanac?.stop();
  await mock?.stop();
});

/** Asks a model one question and returns the chat afterwards, with the stored reply. */
async function ask(model, text) {
  const user = await almanac.register();
  const chat = openChat(user, { id: "chat", body: { model } });
  await chat.sendMessage({ text });
  const [, reply] = await user.messages("chat");
  return { user, chat, reply };
}

const USAGES = {
  openai: { prompt_tokens: 21, completion_tokens: 9 },
  anthropic: { input_tokens: 21, output_tokens: 9 },
  xai: { prompt_tokens: 21, completion_tokens: 9 },
  openrouter: { prompt_tokens: 21, completion_tokens: 9, cost: 0.001 },
};
const MODELS = {
  openai: "openai/gpt-6-luna",
  anthropic: "anthropic/claude-haiku-5-5",
  xai: "xai/grok-4.3",
  openrouter: "openrouter/anthropic/claude-haiku-5-5",
};
const PATHS = {
  openai: "/v1/chat/completions",
  anthropic: "/v1/messages",
  xai: "/v1/chat/completions",
  openrouter: "/api/v1/chat/completions",
};

for (const [vendor, model] of Object.entries(MODELS)) {
  test(`${vendor}: a reply arrives whole, with the vendor's count of tokens`, async () => {
    mock.onMessage("Plan my day.", { content: REPLY, usage: USAGES[vendor] }, { openRouterProcessing: true });
    const { chat, reply } = await ask(model, "Plan my day.");
    assert.equal(chat.status, "ready", String(chat.error));
    assert.equal(textOf(chat.lastMessage), REPLY);
    assert.deepEqual(chat.lastMessage.metadata.usage, { inputTokens: 21, outputTokens: 9, estimated: false });
    assert.deepEqual([reply.status, reply.content, reply.model], ["complete", REPLY, model]);
    const request = mock.getLastRequest();
    assert.equal(request.path, PATHS[vendor]);
    assert.equal(request.body.temperature, undefined);
  });

  test(`${vendor}: the reason for ending is told in the AI SDK's words`, async () => {
    mock.onMessage("Go on.", { content: "And so", finishReason: "length" });
    const { chat, reply } = await ask(model, "Go on.");
    assert.equal(chat.status, "ready", String(chat.error));
    assert.equal(chat.finishes.at(-1).finishReason, "length");
    assert.equal(reply.finish_reason, "length");
  });

  test(`${vendor}: slow chunks are still one reply`, async () => {
    mock.onMessage("Slowly.", { content: REPLY }, { latency: CHUNK_MS });
    const { chat } = await ask(model, "Slowly.");
    assert.equal(chat.status, "ready", String(chat.error));
    assert.equal(textOf(chat.lastMessage), REPLY);
  });

  test(`${vendor}: a reply that is cut is an error with the text so far, and a second try succeeds`, async () => {
    mock.onMessage("Cut.", { content: REPLY }, { truncateAfterChunks: 8, latency: CHUNK_MS });
    const { chat, reply } = await ask(model, "Cut.");
    assert.equal(chat.status, "error");
    const text = textOf(chat.lastMessage);
    assert.ok(text.length > 0 && text.length < REPLY.length && REPLY.startsWith(text), JSON.stringify(text));
    assert.deepEqual([reply.status, reply.content], ["interrupted", text]);
    assert.equal(reply.usage.estimated, true, "the vendor did not get to count");
    assert.ok(reply.usage.input_tokens > 0 && reply.usage.output_tokens > 0, JSON.stringify(reply.usage));

    mock.clearFixtures();
    mock.onMessage("Cut.", { content: REPLY });
    await chat.regenerate();
    assert.equal(chat.status, "ready", String(chat.error));
    assert.equal(textOf(chat.lastMessage), REPLY);
  });

  test(`${vendor}: an error that may pass is tried again, unseen by the client`, async () => {
    mock.onMessage("Try.", { content: REPLY });
    mock.nextRequestError(503, { message: "Overloaded.", type: "server_error" });
    const { chat } = await ask(model, "Try.");
    assert.equal(chat.status, "ready", String(chat.error));
    assert.equal(textOf(chat.lastMessage), REPLY);
    assert.equal(mock.getRequests().length, 2);
  });

  test(`${vendor}: an error that stays fails the reply after one call, without an internal word`, async () => {
    mock.nextRequestError(401, { message: "Incorrect API key provided: sk-****", type: "authentication_error" });
    const { chat, reply } = await ask(model, "Refused.");
    assert.equal(chat.status, "error");
    assert.deepEqual([reply.status, reply.error_code, reply.content], ["failed", "provider_unauthorized", ""]);
    assert.ok(!chat.error.message.includes("sk-"), chat.error.message);
    assert.equal(mock.getRequests().length, 1);
  });
}

test("each vendor gets a key it takes, in the header it asks for, and the conversation so far", async () => {
  mock.onMessage(/.*/, { content: "Yes." });
  const user = await almanac.register();
  for (const [vendor, model] of Object.entries(MODELS)) {
    const chat = openChat(user, { id: `two-turns-${vendor}`, body: { model } });
    await chat.sendMessage({ text: "First." });
    await chat.sendMessage({ text: "Second." });
    assert.equal(chat.status, "ready", String(chat.error));
    const { headers, body } = mock.getLastRequest();
    const key = vendor === "anthropic" ? "x-api-key" : "authorization";
    assert.deepEqual(["x-api-key", "authorization"].filter((name) => name in headers), [key]);
    assert.deepEqual(body.messages.map((message) => message.role), ["user", "assistant", "user"]);
    if (vendor === "anthropic") assert.equal(headers["anthropic-version"], "2023-06-01");
  }
});

test("a model's thinking reaches the page as reasoning and not as text", async () => {
  mock.onMessage("Think.", { content: "Tea.", reasoning: "They had coffee already." });
  const { chat, reply } = await ask(MODELS.anthropic, "Think.");
  assert.equal(chat.status, "ready", String(chat.error));
  const reasoning = chat.lastMessage.parts.filter((part) => part.type === "reasoning");
  assert.equal(reasoning.map((part) => part.text).join(""), "They had coffee already.");
  assert.equal(textOf(chat.lastMessage), "Tea.");
  assert.equal(reply.content, "Tea.");
});

test("a vendor's bare name means its default model", async () => {
  mock.onMessage(/.*/, { content: "Yes." });
  for (const name of ["openai", "anthropic", "anthropic-claude"]) {
    const { reply } = await ask(name, "Hello.");
    assert.equal(reply.status, "complete");
    assert.equal(reply.model, name === "openai" ? MODELS.openai : MODELS.anthropic);
  }
});
