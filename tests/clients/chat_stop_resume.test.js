// Stopping, leaving and resuming with the AI SDK.

import assert from "node:assert/strict";
import { test } from "node:test";

import { openChat, recordingFetch, showing, textOf, until } from "./support/chat.js";
import { almanac, provider, setScene } from "./support/scene.js";

setScene();

/** Sends a message whose reply the test writes, and waits until some of it shows. */
async function beginReply(user, id, options = {}) {
  const chat = openChat(user, { id, ...options });
  const call = provider.expectCall();
  const sent = chat.sendMessage({ text: "Tell me a story." });
  await call.say("Once ", "upon ");
  await showing(chat, "Once upon ");
  return { chat, call, sent };
}

test("stop ends the reply, keeps its text and hangs up on the provider", async () => {
  const user = await almanac.register();
  const { chat, call, sent } = await beginReply(user, "stopped");

  const response = await user.post("/api/chat/stopped/stop");
  assert.equal(response.status, 200);
  const stopped = await response.json();
  assert.deepEqual([stopped.status, stopped.content], ["stopped", "Once upon "]);
  assert.equal(stopped.usage.estimated, true);

  await sent;
  assert.equal(chat.status, "ready", String(chat.error));
  assert.equal(textOf(chat.lastMessage), "Once upon ");
  await call.ends();
  assert.equal(call.isGone, true);

  const [, reply] = await user.messages("stopped");
  assert.deepEqual([reply.id, reply.status, reply.content], [chat.lastMessage.id, "stopped", "Once upon "]);
});

test("a page that stops both ways keeps what it shows, and the conversation goes on from it", async () => {
  const user = await almanac.register();
  const { chat, sent } = await beginReply(user, "stopped-both");
  await Promise.all([user.post("/api/chat/stopped-both/stop"), chat.stop()]);
  await sent;
  assert.equal(chat.status, "ready", String(chat.error));
  assert.equal(textOf(chat.lastMessage), "Once upon ");

  await until("the reply has ended", async () => (await user.messages("stopped-both"))[1].status === "stopped");
  await chat.sendMessage({ text: "Go on." });
  assert.equal(chat.status, "ready", String(chat.error));
  assert.deepEqual(provider.calls.at(-1).messages.map((message) => message.content), [
    "Tell me a story.",
    "Once upon ",
    "Go on.",
  ]);
});

test("a stop before the first word ends the reply too", async () => {
  const user = await almanac.register();
  const chat = openChat(user, { id: "stopped-early" });
  const call = provider.expectCall();
  const sent = chat.sendMessage({ text: "Tell me a story." });
  await call.arrives();
  const response = await user.post("/api/chat/stopped-early/stop");
  assert.equal(response.status, 200);
  assert.equal((await response.json()).status, "stopped");
  await sent;
  assert.equal(chat.status, "ready", String(chat.error));
  await call.ends();
  assert.equal(call.isGone, true);
});

test("stop answers 204 when nothing is being written", async () => {
  const user = await almanac.register();
  await openChat(user, { id: "quiet" }).sendMessage({ text: "Hello." });
  assert.equal((await user.post("/api/chat/quiet/stop")).status, 204);
  assert.equal((await user.post("/api/chat/never-heard-of/stop")).status, 204);
});

test("leaving does not lose the reply", async () => {
  const user = await almanac.register();
  const { chat, call, sent } = await beginReply(user, "left");
  await chat.stop();
  await sent;
  assert.equal(textOf(chat.lastMessage), "Once upon ");

  await call.say("a ", "time.");
  assert.equal(call.isGone, false);
  await call.finish({ usage: { input: 4, output: 4 } });
  const reply = await until("the reply is whole", async () => {
    const [, found] = await user.messages("left");
    return found.status === "complete" && found;
  });
  assert.equal(reply.content, "Once upon a time.");
  assert.deepEqual(reply.usage, { input_tokens: 4, output_tokens: 4, estimated: false });
});

test("a resumed chat equals one that was never cut, byte for byte on the wire", async () => {
  const user = await almanac.register();
  const recording = recordingFetch();
  const { chat, call, sent } = await beginReply(user, "resumed", { fetch: recording.fetch });

  const reload = openChat(user, { id: "resumed", messages: chat.messages.slice(0, 1), fetch: recording.fetch });
  const resumed = reload.resumeStream();
  await showing(reload, "Once upon ");
  await call.say("a ", "time — é, 字.");
  await call.finish();
  await Promise.all([sent, resumed]);

  assert.equal(reload.status, "ready", String(reload.error));
  assert.equal(textOf(reload.lastMessage), "Once upon a time — é, 字.");
  assert.deepEqual(reload.messages, chat.messages);
  assert.deepEqual(reload.data, chat.data);
  const [whole, replayed] = await Promise.all(recording.texts);
  assert.equal(replayed, whole);
});

test("a page that drops out at any word and resumes misses nothing and doubles nothing", async () => {
  const user = await almanac.register();
  const words = ["One ", "two ", "three ", "four."];
  for (let cut = 0; cut <= words.length; cut += 1) {
    const id = `dropped-${cut}`;
    const chat = openChat(user, { id });
    const call = provider.expectCall();
    const sent = chat.sendMessage({ text: "Count." });
    await call.arrives();
    await call.say(...words.slice(0, cut));
    if (cut > 0) await showing(chat, words.slice(0, cut).join(""));
    else await until("the reply has begun", () => chat.lastMessage?.role === "assistant");
    await chat.stop();
    await sent;

    const resumed = chat.resumeStream();
    await call.say(...words.slice(cut));
    // The reply must not end before the page is back: then there is nothing to resume.
    await showing(chat, words.join(""));
    await call.finish();
    await resumed;
    assert.equal(chat.status, "ready", String(chat.error));
    const texts = chat.messages.map((message) => [message.role, textOf(message)]);
    assert.deepEqual(texts, [["user", "Count."], ["assistant", words.join("")]]);
    assert.equal(chat.lastMessage.parts.filter((part) => part.type === "text").length, 1);
  }
});

test("with nothing to resume a chat stays as it is", async () => {
  const user = await almanac.register();
  const chat = openChat(user, { id: "ended" });
  await chat.resumeStream();
  assert.deepEqual([chat.status, chat.messages], ["ready", []]);

  await chat.sendMessage({ text: "Hello." });
  const before = chat.messages;
  await chat.resumeStream();
  assert.equal(chat.status, "ready", String(chat.error));
  assert.deepEqual(chat.messages, before);
  assert.equal((await user.get("/api/chat/ended/stream")).status, 204);
});

test("nobody resumes or stops another's reply", async () => {
  const [alice, bob] = [await almanac.register(), await almanac.register()];
  const { chat, call, sent } = await beginReply(alice, "private");
  const conversation = chat.lastMessage.metadata.conversationId;
  for (const id of ["private", conversation]) {
    assert.equal((await bob.get(`/api/chat/${id}/stream`)).status, 204);
    assert.equal((await bob.post(`/api/chat/${id}/stop`)).status, 204);
  }
  assert.equal(call.isGone, false);
  await call.finish();
  await sent;
  assert.equal(chat.status, "ready", String(chat.error));
});

test("a resumed stream says how a stopped reply ended", async () => {
  const user = await almanac.register();
  const { chat, sent } = await beginReply(user, "stopped-elsewhere");
  const reload = openChat(user, { id: "stopped-elsewhere", messages: chat.messages.slice(0, 1) });
  const resumed = reload.resumeStream();
  await showing(reload, "Once upon ");
  await user.post("/api/chat/stopped-elsewhere/stop");
  await Promise.all([sent, resumed]);
  assert.equal(reload.status, "ready", String(reload.error));
  assert.deepEqual(reload.messages, chat.messages);
});
