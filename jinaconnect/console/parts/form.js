// Forms: their values as the API takes them, doing what they ask for, secrets that are shown once, and files.
import { api } from "../api.js";
import { html, nothing } from "../element.js";
import { icons } from "../icons.js";
import { plain } from "../text.js";

/** Return the values of a form by name: texts trimmed, numbers and ticks as such; what is left empty is left out. */
export function values(form) {
  const found = {};
  for (const field of form.elements) {
    if (!field.name || field.disabled || (field.type === "radio" && !field.checked)) continue;
    if (field.type === "checkbox") found[field.name] = field.checked;
    else if (field.type === "number") found[field.name] = field.value === "" ? undefined : Number(field.value);
    else if (field.type !== "file") found[field.name] = field.value.trim() || undefined;
  }
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
}

/**
 * Do what a page was asked for: `page.busy` while it lasts, `page.fault` when it is refused, words when it is done.
 * Returns the answer, undefined where there is none.
 */
export async function doing(page, what, said) {
  if (page.busy) return undefined;
  page.busy = true;
  page.fault = null;
  page.requestUpdate();
  try {
    const answer = await what();
    if (said) page.app.say(said);
    return answer ?? true;
  } catch (error) {
    page.fault = error.message;
    return undefined;
  } finally {
    page.busy = false;
    page.requestUpdate();
  }
}

export const post = (path, body = {}) => api.post(path, body, { once: true });
export const patch = (path, body) => api.patch(path, body, { once: true });
export const remove = (path) => api.delete(path, { once: true });

/** Return why a form was refused, where it was. */
export const refusal = (page) => (page.fault ? html`<p class="fault" role="alert">${page.fault}</p>` : "");

/** Return a value to be copied, such as an address or a secret. */
export function copied(app, name, value) {
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(value);
      app.say(`${name} copied.`);
    } catch {
      app.say("The browser does not let it be copied: select it and copy it yourself.");
    }
  };
  return html`
    <label class="copied">${name}
      <span><input readonly .value=${value} @focus=${(event) => event.target.select()}>
        <button type="button" @click=${copy}>${icons.copy} Copy<span class="aloud"> ${name}</span></button></span></label>`;
}

/** Return a secret with what has to be known of it. */
export function secret(app, name, value) {
  return html`<div class="secret"><p class="notice">${icons.keys} Keep it now: it is shown this once.</p>${copied(app, name, value)}</div>`;
}

/** Save a file that an answer holds. */
export function save(blob, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Return the ways between the parts of a page. */
export function tabs(label, base, parts, at) {
  return html`<nav class="tabs" aria-label=${label}>${parts.map(([id, name]) => html`
    <a href="#/${base}/${id}" aria-current=${id === at ? "page" : nothing}>${plain(name, 60)}</a>`)}</nav>`;
}
