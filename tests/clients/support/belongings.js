// Things of a user, one of each kind, as those that the paths of the API name.

import { randomUUID } from "node:crypto";

/** Requests that only make things ready have ids that begin so, which tells them from others in the log. */
export const PREPARATION = "preparation-";

/** What makes the thing that a path is about, by how the path begins; the first that fits counts. */
const MAKERS = [
  ["/api/goals/", makeGoal],
  ["/api/notes/", makeNote],
  ["/api/tasks/", makeRecurringTask],
  ["/api/reflections/", makeReflection],
  ["/api/conversations/", makeSharedConversation],
  ["/api/chat/", makeSharedConversation],
  ["/api/shared/", makeSharedConversation],
  ["/api/undo/", makeAction],
  ["/api/erasures/", (_, stranger) => leave(stranger)],
  ["/api/users/", (_, stranger) => ({ id: stranger.id })],
];

/**
 * A thing for each of the paths: the values of its parameters by name, and what bodies have to name. No two paths share
 * one, so that what is done to one of them changes no other. `register` makes people for what is about somebody else.
 */
export async function makeThings(paths, user, register) {
  const things = {};
  for (const path of paths) {
    const [, make] = MAKERS.find(([start]) => path.startsWith(start)) ?? [];
    if (!make) throw new Error(`nothing is known that ${path} could be about`);
    things[path] = await make(user, make.length > 1 ? await register() : undefined);
  }
  return things;
}

async function makeGoal(user) {
  return make(user, "/api/goals", { title: "Run a marathon", timeframe: "year" });
}

async function makeNote(user) {
  const content = [{ type: "checkListItem", content: [{ type: "text", text: "Call Ada", styles: {} }] }];
  return make(user, "/api/notes", { title: "Monday", content });
}

async function makeReflection(user) {
  return make(user, "/api/reflections", { reflection_type: "daily", content: "A good day." });
}

async function makeRecurringTask(user) {
  const { id } = await make(user, "/api/tasks", { title: "Water the plants" });
  await say(user, "PUT", `/api/tasks/${id}/recurrence`, { preset: "daily" });
  const [occurrence] = await say(user, "GET", `/api/tasks/${id}/occurrences`);
  return { id, occurrence_id: occurrence.id };
}

async function makeSharedConversation(user) {
  const { conversation_id: id } = await make(user, "/api/chat", { content: "Hello." });
  const [{ id: messageId }] = await say(user, "GET", `/api/conversations/${id}/messages`);
  const share = await make(user, `/api/conversations/${id}/shares`, {});
  return { id, message_id: messageId, share_id: share.id, token: share.token };
}

/** Something that can be undone. */
async function makeAction(user) {
  const response = await send(user, "POST", "/api/goals", { title: "Run a marathon", timeframe: "year" });
  return { action_group: response.headers.get("action-group") };
}

/** The user's own farewell, with the receipt. */
async function leave(user) {
  return say(user, "DELETE", "/api/users/me");
}

/** What a user exports who has a goal, which is gone from here, so that somebody else may import it. */
export async function exportedBelongings(user) {
  const goal = await makeGoal(user);
  const exported = await say(user, "GET", "/api/users/me/export");
  await say(user, "DELETE", `/api/goals/${goal.id}`);
  return exported;
}

/** One conversation as its user exports it. */
export async function exportedConversation(user) {
  const { id } = await makeSharedConversation(user);
  return say(user, "GET", `/api/conversations/${id}/export?format=json`);
}

async function make(user, path, body) {
  return say(user, "POST", path, body);
}

/** The JSON of a good answer. */
async function say(user, method, path, body) {
  const response = await send(user, method, path, body);
  const text = await response.text();
  return text === "" ? undefined : JSON.parse(text);
}

/** A good answer; anything else is an error. */
async function send(user, method, path, body) {
  const headers = { accept: "application/json", "x-request-id": PREPARATION + randomUUID() };
  const response = await user.call(method, path, body, headers);
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return response;
}
