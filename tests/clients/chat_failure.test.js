// What the AI SDK sees when something goes wrong: at the provider, at the limits, with the token.

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { APICallError, TextStreamChatTransport } from "ai";

import { startAlmanac } from "./support/almanac.js";
import { openChat, showing, textOf, until } from "./support/chat.js";
import { echoOf, startProvider } from "./support/provider.js";
import { almanac, provider, setScene, settingsOfScene } from "./support/scene.js";

const CANARY_KEY = "sk-canary-2f6c1d";
/** The sends that a user may make at once without `RATE_LIMIT_SCALE`. */
const SENDS_MAX = 60;

let limited;

setScene({ OPENAI_API_KEY: CANARY_KEY }, async () => {
  limited = await startAlmanac(settingsOfScene({ OPENAI_API_KEY: CANARY_KEY, RATE_LIMIT_SCALE: undefined }));
});

after(() => limited?.stop());

const BREAKS = {
  "cuts the connection": (call) => call.cut(),
  "ends without a reason": (call) => call.truncate(),
  "ends with the terminator only": async (call) => {
    await call.sendRaw("data: [DONE]\n\n");
    await call.truncate();
  },
  "reports an error in the stream": async (call) => {
    await call.sendRaw('data: {"error":{"message":"The model has stumbled.","code":500}}\n\n');
    await call.truncate();
  },
  "sends something that is no JSON": async (call) => {
    await call.sendRaw('data: {"choices":[{"delta":{"cont\n\n');
    await call.truncate();
  },
};

for (const [what, breakOff] of Object.entries(BREAKS)) {
  test(`a provider that ${what} mid-stream puts the chat into error, with the text so far`, async () => {
    const user = await almanac.register();
    const chat = openChat(user, { id: "broken" });
    const call = provider.expectCall();
    const sent = chat.sendMessage({ text: "Go." });
    await call.say("Half ", "a ");
    await showing(chat, "Half a ");
    await breakOff(call);
    await sent;

    assert.equal(chat.status, "error");
    assert.equal(chat.finishes.at(-1).isError, true);
    assert.equal(textOf(chat.lastMessage), "Half a ");
    assert.ok(chat.error.message.length > 0);
    assert.ok(!chat.error.message.includes(CANARY_KEY));

    const [, reply] = await user.messages("broken");
    assert.ok(["interrupted", "failed"].includes(reply.status), reply.status);
    assert.equal(reply.content, "Half a ");
    assert.ok(reply.error_code, "the row names what went wrong");
    assert.ok(reply.usage.output_tokens > 0 && reply.usage.estimated);

    // The page offers to try again, as `useChat` pages do.
    await chat.regenerate();
    assert.equal(chat.status, "ready", String(chat.error));
    assert.deepEqual(chat.messages.map(textOf), ["Go.", echoOf("Go.")]);
  });
}

test("a text stream client sees that the reply broke off, and not a whole one", async () => {
  const user = await almanac.register();
  const chat = openChat(user, { Transport: TextStreamChatTransport, headers: { accept: "text/plain" } });
  const call = provider.expectCall();
  const sent = chat.sendMessage({ text: "Go." });
  await call.say("Half a ");
  await showing(chat, "Half a ");
  await call.cut();
  await sent;
  assert.match(textOf(chat.lastMessage), /^Half a \n\n\[.+\]\n$/);
});

test("a JSON client gets the partial message with its status, or the provider's failure", async () => {
  const user = await almanac.register();
  const accept = { accept: "application/json" };
  const broken = provider.expectCall();
  const partial = user.post("/api/chat", { content: "Go." }, accept);
  await broken.say("Half a ");
  await broken.truncate();
  const message = await (await partial).json();
  assert.deepEqual([message.status, message.content], ["interrupted", "Half a "]);

  const refusing = provider.expectCall();
  const refused = user.post("/api/chat", { content: "Go." }, accept);
  await refusing.refuse(401, `Incorrect API key provided: ${CANARY_KEY}`);
  const response = await refused;
  assert.equal(response.status, 502);
  assert.equal(response.headers.get("content-type"), "application/problem+json");
  const problem = await response.text();
  assert.equal(JSON.parse(problem).code, "provider_unauthorized");
  assert.ok(!problem.includes(CANARY_KEY));
});

test("a provider that refuses our key fails the reply at once, and the key goes nowhere", async () => {
  const user = await almanac.register();
  const chat = openChat(user, { id: "refused" });
  const calls = provider.calls.length;
  const call = provider.expectCall();
  const sent = chat.sendMessage({ text: "Go." });
  await call.refuse(401, `Incorrect API key provided: ${CANARY_KEY}`);
  await sent;
  assert.equal(chat.status, "error");
  assert.ok(!chat.error.message.includes(CANARY_KEY), chat.error.message);
  assert.equal(provider.calls.length, calls + 1);
  const stored = await user.messages("refused");
  assert.deepEqual([stored[1].status, stored[1].error_code], ["failed", "provider_unauthorized"]);
  assert.ok(!JSON.stringify(stored).includes(CANARY_KEY));
  assert.ok(!almanac.output().includes(CANARY_KEY), "the key is in the log");
});

test("a provider that fails before the first word is asked again, unseen by the client", async () => {
  const user = await almanac.register();
  const chat = openChat(user);
  const calls = provider.calls.length;
  const [failing, limiting] = [provider.expectCall(), provider.expectCall()];
  const sent = chat.sendMessage({ text: "Go." });
  await failing.refuse(503, "Down.");
  await limiting.refuse(429, "Slow down.", { "retry-after-ms": "20" });
  await sent;
  assert.equal(chat.status, "ready", String(chat.error));
  assert.equal(textOf(chat.lastMessage), echoOf("Go."));
  assert.equal(provider.calls.length, calls + 3);
});

test("too many sends: the client sees 429 and, in the body, how long to wait", async () => {
  const user = await limited.register();
  // Each counts, although the conversation is not there.
  for (let sent = 0; sent < SENDS_MAX; sent += 1) {
    const response = await user.post("/api/chat", { content: "Hello.", conversation_id: "nowhere" });
    assert.equal(response.status, 404);
    await response.arrayBuffer();
  }
  const chat = openChat(user, { id: "too-many" });
  await until("the limit is reached", async () => {
    chat.messages = [];
    await chat.sendMessage({ text: "Hello." });
    return chat.status === "error";
  });

  assert.ok(APICallError.isInstance(chat.error));
  assert.equal(chat.error.statusCode, 429);
  const problem = JSON.parse(chat.error.responseBody);
  assert.deepEqual([problem.status, problem.code], [429, "rate_limited"]);
  assert.ok(problem.retry_after_seconds >= 1, JSON.stringify(problem));

  const raw = await user.post("/api/chat", { content: "Hello." });
  assert.equal(raw.status, 429);
  assert.equal(raw.headers.get("retry-after"), String((await raw.json()).retry_after_seconds));
  assert.match(raw.headers.get("ratelimit"), /^"chat";r=0;t=\d+$/);
  assert.match(raw.headers.get("ratelimit-policy"), /^"chat";q=60;w=60$/);

  const other = openChat(await limited.register());
  await other.sendMessage({ text: "Hello." });
  assert.equal(other.status, "ready", "another user has a limit of their own");
});

test("a second question while a reply is being written is refused, and the reply goes on", async () => {
  const user = await almanac.register();
  const chat = openChat(user, { id: "busy" });
  const call = provider.expectCall();
  const sent = chat.sendMessage({ text: "First." });
  await call.say("Let me ");
  await showing(chat, "Let me ");

  const other = openChat(user, { id: "busy" });
  await other.sendMessage({ text: "Second." });
  assert.equal(other.status, "error");
  assert.equal(other.error.statusCode, 409);
  assert.equal(JSON.parse(other.error.responseBody).code, "reply_in_progress");

  await call.say("see.");
  await call.finish();
  await sent;
  assert.equal(textOf(chat.lastMessage), "Let me see.");
  assert.equal((await user.messages("busy")).length, 2);
});

test("without a valid token the client sees 401", async () => {
  for (const token of ["", "nonsense", "a.b.c"]) {
    const chat = openChat(almanac.user(token));
    await chat.sendMessage({ text: "Hello." });
    assert.equal(chat.status, "error");
    assert.equal(chat.error.statusCode, 401);
    assert.equal(JSON.parse(chat.error.responseBody).status, 401);
  }
});

test("with a provider that nobody answers at, the chat ends in error", async () => {
  const dead = await startProvider();
  await dead.stop();
  const lonely = await startAlmanac({ OPENAI_BASE_URL: dead.url });
  try {
    const chat = openChat(await lonely.register());
    await chat.sendMessage({ text: "Hello?" });
    assert.equal(chat.status, "error");
    assert.equal(chat.finishes.at(-1).isError, true);
  } finally {
    await lonely.stop();
  }
});
