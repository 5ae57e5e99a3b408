// Broadcasts and their recipients as they are drawn.
import { html } from "../element.js";
import { brief, count, exactly } from "../format.js";
import { plain } from "../text.js";

export const PLATFORMS = { WHATSAPP: "WhatsApp", SMS: "SMS", TELEGRAM: "Telegram", RCS: "RCS", VOICE: "Calls" };

export const STATES = {
  DRAFT: { name: "Draft", tone: "" },
  SCHEDULED: { name: "Scheduled", tone: "wait" },
  SENDING: { name: "Sending", tone: "good" },
  SENT: { name: "Sent", tone: "good" },
  PARTIALLY_SENT: { name: "Sent in part", tone: "wait" },
  FAILED: { name: "Failed", tone: "bad" },
  PAUSED: { name: "Paused", tone: "wait" },
  MISSED: { name: "Missed", tone: "bad" },
  CANCELLED: { name: "Cancelled", tone: "" },
};

export const ROWS = {
  PENDING: "Not asked yet", QUEUED: "Not asked yet", SENDING: "Being asked", UNKNOWN: "Unknown", SENT: "Sent",
  DELIVERED: "Delivered", READ: "Read", FAILED: "Failed", BLOCKED: "Not to be written to",
};

// What it is where they are called.
export const CALLED = { PENDING: "Not called yet", SENDING: "Being called", BLOCKED: "Not to be called", DELIVERED: "Answered" };

// Why somebody is never written to, by the rule that says so.
export const RULES = {
  "contact.dnc": "Not to be contacted", "contact.opt_out": "Opted out", "contact.opt_out_marketing": "Opted out of marketing",
  "contact.no_address": "Not on this channel",
};

const rate = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
export const percent = (value) => (value === null || value === undefined ? "–" : `${rate.format(value)} %`);
export const share = (part, whole) => (whole ? percent((part / whole) * 100) : "–");

export function badge(state, states = STATES) {
  const { name, tone } = states[state] ?? { name: state, tone: "" };
  return html`<span class="tag ${tone}">${name}</span>`;
}

/** Return how many recipients have an outcome, and of how many. */
export function progress(row) {
  const total = row.total_messages || row.recipient_count;
  const open = row.pending_count + row.queued_count + row.sending_count;
  const planned = row.started_at !== null;
  return { total, good: row.success_count, bad: row.failed_count + row.blocked_count, unknown: row.unknown_count, done: planned ? Math.max(0, total - open) : 0 };
}

export function bar(row) {
  const { total, good, bad, unknown, done } = progress(row);
  const said = `${count(done)} of ${count(total)}`;
  return html`
    <div class="bar-line"><svg class="progress" viewBox="0 0 100 6" preserveAspectRatio="none" role="progressbar" aria-valuemin="0" aria-valuemax=${total} aria-valuenow=${done} aria-label="Recipients with an outcome">
      <rect class="ground" width="100" height="6"></rect>
      <rect class="good" width=${part(good, total)} height="6"></rect>
      <rect class="wait" x=${part(good, total)} width=${part(unknown, total)} height="6"></rect>
      <rect class="bad" x=${part(good + unknown, total)} width=${part(bad, total)} height="6"></rect>
    </svg><span class="small soft">${said}</span></div>`;
}

const part = (some, total) => (total ? Math.min(100, (some / total) * 100).toFixed(2) : 0);

export function when(row) {
  if (row.ended_at) return html`ended <time datetime=${row.ended_at} title=${exactly(row.ended_at)}>${brief(row.ended_at)}</time>`;
  if (row.started_at) return html`began <time datetime=${row.started_at} title=${exactly(row.started_at)}>${brief(row.started_at)}</time>`;
  if (row.scheduled_time && row.status !== "DRAFT") return html`begins <time datetime=${row.scheduled_time}>${exactly(row.scheduled_time)}</time>`;
  return html`written <time datetime=${row.created_at} title=${exactly(row.created_at)}>${brief(row.created_at)}</time>`;
}

export function entry(row) {
  const shown = row.status === "DRAFT" || row.status === "SCHEDULED" ? html`<span class="soft small">${count(row.recipient_count)} recipients</span>` : bar(row);
  return html`
    <a class="entry" href="#/broadcasts/${row.id}">
      <span class="entry-name"><b><bdi>${plain(row.name, 80)}</bdi></b> ${badge(row.status)} <span class="tag">${PLATFORMS[row.platform] ?? row.platform}</span></span>
      ${shown}
      <span class="soft small">${when(row)}${row.reason_for_cancellation ? html` · <bdi>${plain(row.reason_for_cancellation, 120)}</bdi>` : ""}</span>
    </a>`;
}
