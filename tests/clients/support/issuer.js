// An issuer of tokens on loopback, as Supabase Auth and Clerk are: it signs, and publishes its keys.

import { once } from "node:events";
import { createServer } from "node:http";

import { SignJWT, exportJWK, generateKeyPair } from "jose";

const TOKEN_SECONDS = 60;

/** Starts an issuer whose keys are at `jwksUrl`. `path` is what comes before `/.well-known`. */
export async function startIssuer({ algorithm, path = "" }) {
  const jwksPath = `${path}/.well-known/jwks.json`;
  const keys = [];
  let fetches = 0;
  const server = createServer((request, response) => {
    if (request.url !== jwksPath) {
      response.writeHead(404).end();
      return;
    }
    fetches += 1;
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ keys: keys.map((key) => key.jwk) }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const origin = `http://127.0.0.1:${server.address().port}`;

  /** Adds a key, which signs from now on. */
  async function rotate() {
    const kid = `key-${keys.length + 1}`;
    const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true });
    keys.push({ kid, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: algorithm, use: "sig" } });
  }
  await rotate();

  return {
    issuer: `${origin}${path}`,
    jwksUrl: `${origin}${jwksPath}`,
    fetches: () => fetches,
    rotate,
    /** Signs claims; an undefined one is left out. `header` and `key` replace the issuer's own. */
    sign(claims, { header = {}, key = keys.at(-1).privateKey } = {}) {
      const now = Math.floor(Date.now() / 1000);
      const all = { iss: `${origin}${path}`, iat: now, exp: now + TOKEN_SECONDS, ...claims };
      const given = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
      return new SignJWT(given).setProtectedHeader({ alg: algorithm, kid: keys.at(-1).kid, ...header }).sign(key);
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
