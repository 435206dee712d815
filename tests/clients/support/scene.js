// A fake OpenAI and a server that calls it, for the length of a test file. Each file is a process of its own, so what
// this module holds is of one file.

import { after, before } from "node:test";

import { startAlmanac } from "./almanac.js";
import { startProvider } from "./provider.js";

/** The provider, and the server that calls it; both are there once the file's tests run. */
export let provider;
export let almanac;

/**
 * Starts both before the file's tests and stops them after. `settings` are the server's, beside the provider. `then` is
 * what else the file needs: Node runs the hooks of a file side by side, so one that needs these cannot be its own.
 */
export function setScene(settings = {}, then = async () => {}) {
  before(async () => {
    provider = await startProvider();
    almanac = await startAlmanac(settingsOfScene(settings));
    await then();
  });
  after(async () => {
    await almanac?.stop();
    await provider?.stop();
  });
}

/** The settings of a server that calls the scene's provider. */
export function settingsOfScene(settings = {}) {
  return { OPENAI_BASE_URL: provider.url, OPENAI_MODEL: "test-model", ...settings };
}
