// The server under test: `almanac dev` with a data folder of its own, which is removed at the end.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { freePort, startProgram } from "./program.js";

const BINARY = process.env.ALMANAC_BINARY ?? new URL("../../../target/debug/almanac", import.meta.url).pathname;
/** What the server must not take over from whoever runs the tests. */
const CLEAN_ENV = Object.fromEntries(
  ["PATH", "HOME", "LANG", "TMPDIR", "XDG_DATA_HOME", "XDG_CACHE_HOME"].map((name) => [name, process.env[name]]),
);

let people = 0;

/** Starts a server. `settings` are environment variables; `undefined` leaves one out. */
export async function startAlmanac(settings = {}) {
  const port = await freePort();
  const dataDir = await mkdtemp(join(tmpdir(), "almanac-clients-"));
  const url = `http://127.0.0.1:${port}`;
  const env = { ...CLEAN_ENV, PORT: port, ALMANAC_DATA_DIR: dataDir, RATE_LIMIT_SCALE: 1000, LOG_FORMAT: "json", ...settings };
  const given = Object.entries(env).filter(([, value]) => value !== undefined);
  const environment = Object.fromEntries(given.map(([name, value]) => [name, String(value)]));
  const program = await startProgram(BINARY, ["dev"], environment, `${url}/api/health`).catch(async (error) => {
    await rm(dataDir, { recursive: true, force: true });
    throw error;
  });
  return {
    url,
    output: program.output,
    register: () => register(url),
    user: (token) => userOf(url, token),
    async stop() {
      await program.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** A new account of the built-in issuer, signed in. */
async function register(url) {
  people += 1;
  const email = `person-${process.pid}-${people}@example.com`;
  const password = "correct horse battery staple";
  const response = await fetch(`${url}/api/auth/register`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ email, password, full_name: "Ada Lovelace" }),
  });
  if (response.status !== 201) throw new Error(`register: ${response.status} ${await response.text()}`);
  const session = await response.json();
  return { ...userOf(url, session.access_token), id: session.user.id, email, password, session };
}

/** Somebody with a token, whoever issued it. */
function userOf(url, token) {
  const headers = { authorization: `Bearer ${token}` };
  /** Calls the API as this user, with a JSON body if one is given. */
  const call = (method, path, body, extra = {}) =>
    fetch(`${url}${path}`, {
      method,
      headers: { ...headers, ...(body === undefined ? {} : { "content-type": "application/json" }), ...extra },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  return {
    url,
    token,
    headers,
    call,
    get: (path, extra) => call("GET", path, undefined, extra),
    post: (path, body, extra) => call("POST", path, body, extra),
    put: (path, body, extra) => call("PUT", path, body, extra),
    /** The stored messages of a conversation, oldest first. */
    async messages(conversation) {
      const response = await call("GET", `/api/conversations/${encodeURIComponent(conversation)}/messages?limit=100`);
      if (!response.ok) throw new Error(`messages: ${response.status} ${await response.text()}`);
      return (await response.json()).reverse();
    },
  };
}
