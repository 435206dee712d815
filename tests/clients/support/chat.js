// What `useChat` does, without React: the AI SDK's own chat over plain arrays instead of component state.

import { setTimeout as sleep } from "node:timers/promises";

import { AbstractChat, DefaultChatTransport } from "ai";

const WAIT_TIMEOUT_MS = 30_000;
const POLL_MS = 10;

/** `useChat`'s chat. `parts` has every data part, `finishes` every call of `onFinish`. */
export class Chat extends AbstractChat {
  constructor({ messages = [], ...init }) {
    const data = [];
    const finishes = [];
    super({
      ...init,
      state: stateOf(messages),
      onData: (part) => data.push(part),
      onFinish: (finish) => finishes.push(finish),
    });
    this.data = data;
    this.finishes = finishes;
  }
}

/** A chat of a user, as a page with a token in its transport has it. */
export function openChat(user, { Transport = DefaultChatTransport, headers = {}, fetch, body, ...init } = {}) {
  const transport = new Transport({
    api: `${user.url}/api/chat`,
    headers: { ...user.headers, ...headers },
    body,
    fetch,
  });
  return new Chat({ transport, ...init });
}

/** The state that React keeps in `useChat`: new arrays and copies on every change. */
function stateOf(messages) {
  return {
    status: "ready",
    error: undefined,
    messages,
    pushMessage(message) {
      this.messages = [...this.messages, message];
    },
    popMessage() {
      this.messages = this.messages.slice(0, -1);
    },
    replaceMessage(index, message) {
      this.messages = [...this.messages.slice(0, index), this.snapshot(message), ...this.messages.slice(index + 1)];
    },
    snapshot: (thing) => structuredClone(thing),
  };
}

/** The text of a message. */
export function textOf(message) {
  return (message?.parts ?? []).flatMap((part) => (part.type === "text" ? [part.text] : [])).join("");
}

/** Waits until something is so; `what` names it when it does not come to be. */
export async function until(what, isSo) {
  const deadline = Date.now() + WAIT_TIMEOUT_MS;
  for (;;) {
    const value = await isSo();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`Waited ${WAIT_TIMEOUT_MS} ms in vain: ${what}`);
    await sleep(POLL_MS);
  }
}

/** Waits until the chat shows this text in its last message. */
export function showing(chat, text) {
  return until(`the chat shows ${JSON.stringify(text)}`, () => textOf(chat.lastMessage) === text);
}

/** A `fetch` that keeps the bytes of each answer: `texts` has a promise for each. */
export function recordingFetch() {
  const texts = [];
  const recording = async (...args) => {
    const response = await fetch(...args);
    if (!response.body) return response;
    const [mine, theirs] = response.body.tee();
    texts.push(new Response(mine).text());
    return new Response(theirs, { status: response.status, headers: response.headers });
  };
  return { fetch: recording, texts };
}
