// The API description, made ready for schemathesis: what it cannot know is filled in, what it need not try is left out.

/** The description that a server gives, changed only where schemathesis asks for something else. */
export async function readDescription(url) {
  const response = await fetch(`${url}/api/openapi.json`);
  const document = await response.json();
  describeEvents(document);
  leaveOutWaiting(document);
  return document;
}

/** The operations of a description, as `METHOD path`. */
export function operationsOf(document) {
  const methods = ([path, operations]) => Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`);
  return Object.entries(document.paths).flatMap(methods);
}

/** The paths of a description that name something: those with a parameter. */
export function pathsToThings(document) {
  return Object.keys(document.paths).filter((path) => path.includes("{"));
}

/** The description with one valid value for each path parameter: `things[path][name]`. Other paths stay as they are. */
export function withThings(document, things) {
  const known = structuredClone(document);
  for (const [path, thing] of Object.entries(things)) {
    const parameters = Object.values(known.paths[path]).flatMap((operation) => operation.parameters ?? []);
    for (const parameter of parameters.filter((parameter) => parameter.in === "path")) {
      parameter.schema = { type: "string", enum: [thing[parameter.name]] };
    }
  }
  return known;
}

/** The description in which nobody chooses the ids of new things: schemathesis would choose the same one each time. */
export function withoutChosenIds(document) {
  const known = structuredClone(document);
  for (const [name, schema] of Object.entries(known.components.schemas)) {
    if (name.startsWith("New")) delete schema.properties.id;
  }
  return known;
}

/** The description with bodies that only this server knows to be good, by operation; they are sent as they are. */
export function withExamples(document, examples) {
  const known = structuredClone(document);
  for (const [operation, example] of Object.entries(examples)) {
    const [method, path] = operation.split(" ");
    known.paths[path][method.toLowerCase()].requestBody.content["application/json"].example = example;
  }
  return known;
}

/** The description calls an event stream a string; schemathesis wants the schema of one event. */
function describeEvents({ paths }) {
  for (const [path, operations] of Object.entries(paths)) {
    for (const { responses } of Object.values(operations)) {
      const stream = responses["200"]?.content?.["text/event-stream"];
      if (stream) stream.schema = eventSchema(path === "/api/conversation" ? "SpeechEvent" : undefined);
    }
  }
}

function eventSchema(payload) {
  const json = payload && { contentMediaType: "application/json", contentSchema: { $ref: `#/components/schemas/${payload}` } };
  return { type: "object", required: ["data"], properties: { data: { type: "string", ...json } } };
}

/** Asked to wait for changes, the server does, up to 25 seconds for each request that schemathesis thinks of. */
function leaveOutWaiting({ paths }) {
  const list = paths["/api/changes"].get;
  list.parameters = list.parameters.filter(({ name }) => name !== "wait");
}
