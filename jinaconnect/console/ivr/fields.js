// The data of a node as a form, drawn from the schema the gateway serves of its type.
import { html, nothing } from "../element.js";
import { plain } from "../text.js";

/** Return what a field takes: the schema of it that is not null. */
const kindOf = (field) => (field.anyOf ?? [field]).find((each) => each.type !== "null") ?? {};

/** Draw the fields of a node; `changed(data)` is called with all of it after each change, `ivrs` are those one may go on in. */
export function fields(node, type, { ivrs, changed, may }) {
  const data = node.data ?? {};
  const required = new Set(type.data.required ?? []);
  const put = (name, value) => {
    const { [name]: _, ...rest } = data;
    changed(value === undefined ? rest : { ...rest, [name]: value });
  };
  const first = ([name, field]) => (required.has(name) ? 0 : kindOf(field).format === "words" ? 1 : 2);
  return Object.entries(type.data.properties ?? {}).sort((one, other) => first(one) - first(other)).map(([name, field]) => {
    const kind = kindOf(field);
    const about = { name: `data-${name}`, value: data[name], must: required.has(name), usual: field.default, put: (value) => put(name, value), may };
    const label = `${field.title}${about.must ? "" : ", optional"}`;
    if (kind.type === "boolean") return html`<label class="line"><input type="checkbox" name=${about.name} ?disabled=${!may} .checked=${data[name] ?? field.default ?? false} @change=${(event) => about.put(event.target.checked)}> ${field.title}</label>`;
    return html`<label>${label} ${control(kind, about, ivrs)}</label>`;
  });
}

function control(kind, { name, value, must, usual, put, may }, ivrs) {
  const options = kind.enum?.map((each) => [each, each]) ?? (kind.format === "ivr" ? ivrs.map(({ id, name: called }) => [id, called]) : null);
  if (options) {
    const known = value === undefined || options.some(([each]) => each === value) ? options : [[value, `${value} (not there)`], ...options];
    return html`<select name=${name} ?disabled=${!may} @change=${(event) => put(event.target.value || undefined)}>
      ${must && value !== undefined ? "" : html`<option value="" ?selected=${value === undefined}>${usual ?? "Choose"}</option>`}
      ${known.map(([each, shown]) => html`<option value=${each} ?selected=${each === value}>${plain(shown, 60)}</option>`)}</select>`;
  }
  if (kind.type === "integer" || kind.type === "number") {
    return html`<input name=${name} type="number" step=${kind.type === "integer" ? 1 : "any"} min=${kind.minimum ?? kind.exclusiveMinimum ?? nothing} max=${kind.maximum ?? nothing}
      ?readonly=${!may} placeholder=${usual ?? ""} .value=${String(value ?? "")} @change=${(event) => put(event.target.value === "" ? undefined : Number(event.target.value))}>`;
  }
  const read = kind.type === "string" ? (text) => text : anything;
  const shown = value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value);
  const take = (event) => put(event.target.value === "" ? undefined : read(event.target.value));
  if (kind.format === "words" || !kind.type) return html`<textarea name=${name} rows=${kind.type ? 2 : 1} dir="auto" ?readonly=${!may} .value=${shown} @change=${take}></textarea>`;
  return html`<input name=${name} ?readonly=${!may} placeholder=${usual ?? ""} maxlength=${kind.maxLength ?? nothing} spellcheck="false" .value=${shown} @change=${take}>`;
}

/** Return the JSON value somebody wrote, what is none as text. */
function anything(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
