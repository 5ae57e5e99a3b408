// Endpoints as they are drawn and written.
import { html } from "../element.js";
import { values } from "../parts/form.js";

const STATES = { active: ["Active", "good"], paused: ["Paused", "wait"], disabled: ["Switched off", "bad"] };
export const WHY = { failing: "It failed for too long.", gone: "It answered that it is gone (410).", access_withdrawn: "Whoever added it may not any more." };

export function badge(row) {
  const [name, tone] = STATES[row.status] ?? [row.status, ""];
  return html`<span class="tag ${tone}">${name}</span>`;
}

/** Return the fields of an endpoint that is added or changed. */
export function fields(row) {
  return html`
    <label>Address <input name="url" type="url" required maxlength="2000" placeholder="https://" .value=${row?.url ?? ""}></label>
    <label>Events <input name="events" required .value=${row?.events.join(", ") ?? "*"}></label>
    <p class="soft small">Types parted by commas, as <code>message.*, call.completed</code>; <code>*</code> is all of them.</p>
    <label>What it is for <input name="description" maxlength="500" .value=${row?.description ?? ""}></label>`;
}

/** Return what a form of these fields gives. */
export function given(form) {
  const { events, ...rest } = values(form);
  return { description: null, ...rest, events: events.split(",").map((each) => each.trim()).filter(Boolean) };
}

/** Tell whether an endpoint is posted events of a type. */
export function takes(row, type) {
  return row.events.some((wanted) => wanted === "*" || wanted === type || (wanted.endsWith(".*") && type.startsWith(wanted.slice(0, -1))));
}
