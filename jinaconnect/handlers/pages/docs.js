// Renders /openapi.json; everything is text, so nothing in the description can become markup.
const root = document.getElementById("operations");
const api = await (await fetch("/openapi.json")).json();

function make(tag, text, name) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (name) element.className = name;
  return element;
}

function resolve(schema, depth = 0) {
  if (!schema || depth > 6) return schema;
  if (schema.$ref) return resolve(api.components.schemas[schema.$ref.split("/").pop()], depth + 1);
  return schema;
}

function kind(schema) {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf) return schema.anyOf.map(kind).join(" | ");
  if (schema.enum) return schema.enum.join(" | ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.type === "array") return `list of ${kind(schema.items) || "anything"}`;
  return [].concat(schema.type ?? "anything").join(" | ");
}

function table(rows) {
  const element = make("table");
  for (const cells of rows) {
    const row = make("tr");
    cells.forEach((cell, place) => row.append(make("td", cell, place ? "soft" : undefined)));
    element.append(row);
  }
  return element;
}

function fields(schema) {
  const full = resolve(schema);
  const needed = new Set(full?.required ?? []);
  return Object.entries(full?.properties ?? {}).map(([name, part]) => [
    name + (needed.has(name) ? " *" : ""), kind(part), part.description ?? "",
  ]);
}

function body(operation) {
  const box = make("div");
  box.append(make("p", operation.description), make("p", `Permission: ${operation["x-permission"]}`, "soft"));
  if (operation.parameters.length) {
    box.append(make("h2", "Parameters"), table(operation.parameters.map((p) => [p.name + (p.required ? " *" : ""), p.in, p.description ?? ""])));
  }
  const content = Object.entries(operation.requestBody?.content ?? {})[0];
  if (content) box.append(make("h2", `Body (${content[0]})`), table(fields(content[1].schema)));
  box.append(make("h2", "Answers"), table(Object.entries(operation.responses).map(([status, told]) => [
    status, told.description, kind(Object.values(told.content ?? {})[0]?.schema),
  ])));
  return box;
}

const groups = new Map();
for (const [path, methods] of Object.entries(api.paths)) {
  for (const [method, operation] of Object.entries(methods)) {
    const tag = operation.tags[0];
    if (!groups.has(tag)) groups.set(tag, []);
    groups.get(tag).push({ path, method, operation });
  }
}
for (const [tag, items] of [...groups].sort()) {
  const section = make("section");
  section.append(make("h2", tag));
  for (const { path, method, operation } of items) {
    const entry = make("details");
    entry.dataset.words = `${path} ${method} ${operation.operationId} ${operation["x-permission"]} ${operation.summary}`.toLowerCase();
    const head = make("summary");
    head.append(make("span", method.toUpperCase(), "method"), make("code", path), make("span", operation.summary, "soft"));
    entry.append(head);
    entry.addEventListener("toggle", () => { if (entry.open && entry.children.length === 1) entry.append(body(operation)); });
    section.append(entry);
  }
  root.append(section);
}
document.getElementById("find").onsubmit = (event) => event.preventDefault();
document.getElementById("words").oninput = ({ target }) => {
  const words = target.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const entry of root.querySelectorAll("details")) entry.hidden = !words.every((word) => entry.dataset.words.includes(word));
  for (const section of root.children) section.hidden = ![...section.querySelectorAll("details")].some((entry) => !entry.hidden);
};
