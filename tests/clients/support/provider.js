// A stateful fake of a server that speaks OpenAI's Chat Completions. A test takes the next call in hand with
// `expectCall()` and then says, chunk by chunk, what the model does; calls that nobody expects are echoed.

import { once } from "node:events";
import { createServer } from "node:http";

const ECHO_USAGE = { input: 7, output: 5 };

/** Starts the fake. `calls` has the body of every call, in order of arrival. */
export async function startProvider() {
  const expected = [];
  const calls = [];
  const server = createServer(async (request, response) => {
    const body = await readJson(request);
    if (request.url.endsWith("/realtime/client_secrets")) {
      return sendJson(response, 200, { value: "ek_test", expires_at: 4_000_000_000 });
    }
    if (!request.url.endsWith("/chat/completions")) return sendJson(response, 404, { error: { message: "Not here." } });
    calls.push(body);
    const call = expected.shift();
    if (call) call.begin(body, response);
    else echo(body, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${server.address().port}/v1`,
    calls,
    expectCall() {
      const call = new Call();
      expected.push(call);
      return call;
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** One call, whose answer the test writes. Every method waits until the call has come. */
class Call {
  #begun = resolvers();
  #gone = resolvers();
  isGone = false;

  begin(body, response) {
    this.body = body;
    response.on("close", () => {
      // Closed before it was ended: the caller hung up.
      this.isGone = !response.writableFinished;
      this.#gone.resolve();
    });
    this.#begun.resolve(response);
  }

  /** The body of the call, once it has come. */
  async arrives() {
    await this.#begun.promise;
    return this.body;
  }

  /** Waits until the answer has ended, on either side. */
  async ends() {
    await this.#gone.promise;
  }

  /** Streams pieces of text. */
  async say(...pieces) {
    for (const piece of pieces) await this.#write({ choices: [{ index: 0, delta: { content: piece }, finish_reason: null }] });
  }

  /** Ends the reply as a model does: a reason, the usage, the terminator. */
  async finish({ reason = "stop", usage = ECHO_USAGE } = {}) {
    await this.#write({ choices: [{ index: 0, delta: {}, finish_reason: reason }] });
    await this.#write({ choices: [], usage: wireUsage(usage) });
    const response = await this.#begun.promise;
    response.end("data: [DONE]\n\n");
  }

  /** Streams something that is no chunk of a completion. */
  async sendRaw(text) {
    const response = await this.#streaming();
    response.write(text);
  }

  /** Ends the stream in order, with nothing that says the reply is whole. */
  async truncate() {
    (await this.#streaming()).end();
  }

  /** Cuts the connection. */
  async cut() {
    (await this.#streaming()).socket.destroy();
  }

  /** Answers with an error instead of a stream. */
  async refuse(status, message, headers = {}) {
    sendJson(await this.#begun.promise, status, { error: { message, type: "test", code: null } }, headers);
  }

  async #streaming() {
    const response = await this.#begun.promise;
    if (!response.headersSent) response.writeHead(200, { "content-type": "text/event-stream" });
    return response;
  }

  async #write(chunk) {
    const response = await this.#streaming();
    response.write(frame(this.body, chunk));
  }
}

function resolvers() {
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
}

/** The text of the echo's answer to a message. */
export function echoOf(text) {
  return `You said: ${text}`;
}

function echo(body, response) {
  const text = echoOf(body.messages.at(-1).content);
  if (!body.stream) {
    const choice = { index: 0, message: { role: "assistant", content: text }, finish_reason: "stop" };
    return sendJson(response, 200, { model: body.model, choices: [choice], usage: wireUsage(ECHO_USAGE) });
  }
  response.writeHead(200, { "content-type": "text/event-stream" });
  for (const piece of text.match(/\s*\S+/g) ?? []) {
    response.write(frame(body, { choices: [{ index: 0, delta: { content: piece }, finish_reason: null }] }));
  }
  response.write(frame(body, { choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }));
  response.write(frame(body, { choices: [], usage: wireUsage(ECHO_USAGE) }));
  response.end("data: [DONE]\n\n");
}

function frame(body, chunk) {
  return `data: ${JSON.stringify({ id: "cmpl", object: "chat.completion.chunk", model: body.model, ...chunk })}\n\n`;
}

function wireUsage({ input, output }) {
  return { prompt_tokens: input, completion_tokens: output, total_tokens: input + output };
}

async function readJson(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  return text === "" ? undefined : JSON.parse(text);
}

function sendJson(response, status, body, headers = {}) {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(body));
}
