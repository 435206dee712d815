// Notes with BlockNote: what the editor makes is kept as it is, and what comes back is a document that it takes.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { BlockNoteEditor } from "@blocknote/core";

import { startAlmanac } from "./support/almanac.js";

let almanac;

before(async () => {
  almanac = await startAlmanac();
});

after(async () => {
  await almanac?.stop();
});

/** The document as JSON has it: what is undefined is not there, or null in a list. */
const asJson = (editor) => JSON.parse(JSON.stringify(editor.document));

/** An editor with these blocks. */
function open(blocks) {
  const editor = BlockNoteEditor.create();
  editor.replaceBlocks(editor.document, blocks);
  return editor;
}

/** Saves the editor's document, as an editor does that knows what it read. */
async function save(user, note, editor) {
  const response = await user.put(`/api/notes/${note.id}`, { content: editor.document }, { "if-match": note.etag });
  return { status: response.status, etag: response.headers.get("etag"), ...(await response.json()) };
}

async function read(user, id) {
  const response = await user.get(`/api/notes/${id}`);
  assert.equal(response.status, 200);
  return { etag: response.headers.get("etag"), ...(await response.json()) };
}

const everyKind = [
  { type: "heading", props: { level: 2, textColor: "red" }, content: "Plans" },
  {
    type: "paragraph",
    content: [
      { type: "text", text: "un", styles: {} },
      { type: "text", text: "believable ", styles: { bold: true, textColor: "blue" } },
      { type: "link", href: "https://example.com/?a=1", content: "docs" },
    ],
    children: [{ type: "bulletListItem", content: "inside" }, { type: "numberedListItem", props: { start: 3 }, content: "third" }],
  },
  { type: "table", content: { type: "tableContent", headerRows: 1, rows: [{ cells: ["left", "right"] }, { cells: ["a", "b"] }] } },
  { type: "codeBlock", props: { language: "rust" }, content: "fn main() {}" },
  { type: "image", props: { url: "https://example.com/a.png", caption: "sunset", name: "a.png", previewWidth: 120 } },
  { type: "quote", content: "Words" },
  { type: "checkListItem", content: "Call Ada", children: [{ type: "checkListItem", props: { checked: true }, content: "Find the number" }] },
];

test("a document of every kind of block comes back as it was, and the editor takes it", async () => {
  const user = await almanac.register();
  const editor = open(everyKind);
  const response = await user.post("/api/notes", { title: "Everything", content: editor.document });
  assert.equal(response.status, 201, await response.clone().text());
  const note = await response.json();
  assert.deepEqual(note.content, asJson(editor));

  const again = open((await read(user, note.id)).content);
  assert.deepEqual(asJson(again), asJson(editor));

  for (const words of ["unbelievable", "third", "left right", "sunset", "main", "\"call ada\""]) {
    const found = await (await user.get(`/api/notes?q=${encodeURIComponent(words)}`)).json();
    assert.deepEqual(found.map((note) => note.title), ["Everything"], words);
  }
});

test("blocks as they are given to the editor are kept, with ids", async () => {
  const user = await almanac.register();
  const note = await (await user.post("/api/notes", { content: everyKind })).json();
  const withoutIds = (blocks) =>
    blocks.map(({ id, type, content, children = [] }) => {
      assert.equal(typeof id, "string");
      return { type, content, children: withoutIds(children) };
    });
  const kept = withoutIds(note.content);
  assert.equal(kept[1].children[0].content, "inside");
  assert.deepEqual(open(note.content).document.map((block) => block.id), note.content.map((block) => block.id));
});

test("check boxes are tasks, both ways, while the editor goes on", async () => {
  const user = await almanac.register();
  const editor = open([{ type: "checkListItem", content: "Call Ada" }]);
  let note = await (await user.post("/api/notes", { content: editor.document })).json();
  note = await read(user, note.id);
  const tasks = async () => (await user.get(`/api/notes/${note.id}/tasks`)).json();
  const [task] = await tasks();
  assert.deepEqual([task.title, task.status], ["Call Ada", "pending"]);

  const box = editor.document[0];
  editor.updateBlock(box, { props: { checked: true } });
  note = await save(user, note, editor);
  assert.equal(note.status, 200);
  assert.equal((await tasks())[0].status, "done");

  // The task is opened again elsewhere, so what this editor has is old.
  assert.equal((await user.put(`/api/tasks/${task.id}/status`, { status: "pending" })).status, 200);
  editor.updateBlock(box, { content: "Call Ada now" });
  const refused = await save(user, note, editor);
  assert.deepEqual([refused.status, refused.code], [412, "precondition_failed"]);

  const fresh = await read(user, note.id);
  assert.equal(fresh.content[0].props.checked, false);
  const merged = open(fresh.content);
  merged.updateBlock(box.id, { content: "Call Ada now" });
  assert.equal((await save(user, fresh, merged)).status, 200);
  assert.deepEqual((await tasks()).map(({ title, status }) => [title, status]), [["Call Ada now", "pending"]]);

  merged.removeBlocks([box.id]);
  assert.equal((await save(user, await read(user, note.id), merged)).status, 200);
  assert.equal((await tasks())[0].status, "cancelled");
});
