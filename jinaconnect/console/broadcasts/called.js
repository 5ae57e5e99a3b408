// What became of a broadcast's calls: figures, and which keys were pressed where.
import { lasting } from "../calls/words.js";
import { html } from "../element.js";
import { count } from "../format.js";
import { money } from "../parts/money.js";
import { plain } from "../text.js";
import { share } from "./shown.js";

export const OUTCOMES = {
  answered: "Answered", machine: "A machine answered", busy: "Busy", no_answer: "No answer", failed: "Failed", canceled: "Ended by us", unknown: "Unknown",
};

/** Return the figures of calls. */
export function callFigures(told) {
  const who = told.recipients;
  const called = Object.keys(OUTCOMES).reduce((sum, name) => sum + who[name], 0);
  const figure = (name, value, soft = "") => html`<div><dt>${name}</dt><dd>${value} <span class="soft small">${soft}</span></dd></div>`;
  return html`<dl class="figures" aria-label="Calls">
    ${Object.entries(OUTCOMES).filter(([name]) => who[name] || name === "answered").map(([name, shown]) => figure(shown, count(who[name]), share(who[name], called)))}
    ${who.waiting ? figure("Waiting", count(who.waiting), told.live ? `${count(told.live)} being called` : "") : ""}
    ${who.blocked ? figure("Not to be called", count(who.blocked)) : ""}
    ${figure("Calls", count(told.calls), `${lasting(told.seconds)} talked`)}
    ${told.sms_fallbacks ? figure("Text messages instead", count(told.sms_fallbacks)) : ""}
    ${told.cost.map(({ currency, amount }) => figure("Cost", money(amount, currency)))}
  </dl>`;
}

/** Return which keys were pressed, the most frequent first. */
export function keysPressed({ answers }) {
  if (!answers.length) return "";
  return html`<section aria-label="Keys pressed"><h2>Keys pressed</h2>
    <table><thead><tr><th>Where</th><th>Keys</th><th class="number">How often</th></tr></thead>
      <tbody>${answers.slice(0, 50).map(({ node, digits, count: times }) => html`<tr><td>${plain(node ?? "before the IVR", 60)}</td><td><kbd>${digits}</kbd></td><td class="number">${count(times)}</td></tr>`)}</tbody></table></section>`;
}
