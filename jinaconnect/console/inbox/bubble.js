// A message as it is drawn, with its true state in a word and a sign.
import { classMap, html } from "../element.js";
import { clock, count, exactly } from "../format.js";
import { icons } from "../icons.js";
import { isLong, plain, shown } from "../text.js";

// What the gateway says of a message on its way out → what it means here.
const STATES = {
  queued: { sign: "◔", name: "Sending" },
  sent: { sign: "✓", name: "Sent" },
  delivered: { sign: "✓✓", name: "Delivered" },
  read: { sign: "✓✓", name: "Read" },
  failed: { sign: "!", name: "Failed" },
  unknown: { sign: "?", name: "Unconfirmed" },
};

function ticks(state, at) {
  const { sign, name } = STATES[state];
  return html`<span class="ticks ${state}" title=${at ? `${name} ${exactly(at)}` : name}><span aria-hidden="true">${sign}</span><span class="aloud">${name}</span></span>`;
}

function words(text, { all, show }) {
  if (!text) return "";
  return html`<div class=${classMap({ words: true, whole: all && isLong(text) })} dir="auto">${shown(text, all)}</div>
    ${!all && isLong(text) && show ? html`<button class="quiet" @click=${show}>Show all ${count(text.length)} characters</button>` : ""}`;
}

/** Return a message's file, or what else it holds besides words. */
function enclosed(content) {
  const kind = content.type;
  const part = content[kind];
  if (kind === "location" && part) {
    return html`<a class="enclosed" target="_blank" rel="noopener noreferrer" href="https://www.openstreetmap.org/?mlat=${Number(part.latitude)}&mlon=${Number(part.longitude)}">
      ${plain(part.name ?? part.address ?? `${part.latitude}, ${part.longitude}`)}</a>`;
  }
  if (!part?.url || !/^(https?:\/\/|\/media\/)/.test(part.url)) return "";
  const own = part.url.startsWith("/media/");
  const name = plain(part.filename ?? part.caption ?? kind, 80);
  if (own && (kind === "image" || kind === "sticker")) {
    return html`<a href=${part.url} target="_blank" rel="noopener"><img class="picture" loading="lazy" src=${part.url} alt=${name} width="240" height="180"></a>`;
  }
  if (own && kind === "audio") return html`<audio controls preload="none" src=${part.url} aria-label=${name}></audio>`;
  if (own && kind === "video") return html`<video controls preload="none" src=${part.url} aria-label=${name}></video>`;
  return html`<a class="enclosed" href=${part.url} target="_blank" rel="noopener noreferrer nofollow">${icons.file} <bdi>${name}</bdi></a>`;
}

function buttons(content) {
  return content.buttons?.length ? html`<div class="offered">${content.buttons.map((each) => html`<span>${plain(each.text, 60)}</span>`)}</div>` : "";
}

export function bubble(message, { all, show, again, people, follows, found }) {
  const { content, direction, outgoing_status: state } = message;
  const out = direction === "OUTGOING";
  const kind = content.type;
  const text = content.body?.text ?? content[kind]?.caption ?? content.text ?? "";
  const author = message.internal_note || out ? people.get(message.tenant_user) ?? (message.author === "BOT" ? "Bot" : "") : message.said_by?.name;
  return html`
    <article class=${classMap({ bubble: true, out, in: !out, note: message.internal_note, failed: state === "failed", unconfirmed: state === "unknown", follows, found })}>
      ${author && !follows ? html`<p class="author"><bdi>${plain(author, 60)}</bdi>${message.internal_note ? " · note" : ""}</p>` : ""}
      ${message.revoked_at ? html`<p class="soft">Taken back by its writer</p>` : ""}
      ${content.header?.text ? html`<b dir="auto">${plain(content.header.text)}</b>` : ""}
      ${enclosed(content)}${words(text, { all, show })}
      ${!text && !content[kind] && !message.revoked_at ? html`<p class="soft">[${plain(kind ?? "message", 30)}]</p>` : ""}
      ${content.footer?.text ? html`<p class="soft small" dir="auto">${plain(content.footer.text)}</p>` : ""}
      ${buttons(content)}
      ${message.reactions?.length ? html`<p class="reactions">${message.reactions.map((each) => plain(each.emoji, 8))}</p>` : ""}
      ${state === "failed" ? html`<p class="why">${plain(message.error_message ?? "It did not reach the customer.", 200)}${message.error_code ? html` <code>${plain(message.error_code, 40)}</code>` : ""}
        <button class="quiet" @click=${again}>Retry</button></p>` : ""}
      ${state === "unknown" ? html`<p class="why">The carrier has not said whether it took this. It is not sent twice; its report will tell.</p>` : ""}
      <footer><time datetime=${message.timestamp} title=${exactly(message.timestamp)}>${clock(message.timestamp)}</time>
        ${message.edited_at ? html`<span class="soft">edited</span>` : ""}
        ${state ? ticks(state, message[`outgoing_${state}_at`]) : ""}</footer>
    </article>`;
}

/** Return a message of ours that the gateway has not confirmed yet. */
export function ownBubble(row, outbox) {
  const { message, state } = row;
  const mark = { sending: "queued", unconfirmed: "unknown", refused: "failed" }[state];
  return html`
    <article class=${classMap({ bubble: true, out: true, note: Boolean(message.note), failed: state === "refused", unconfirmed: state === "unconfirmed" })}>
      ${message.file ? html`<p class="enclosed">${icons.file} <bdi>${plain(message.file, 80)}</bdi></p>` : ""}
      ${words(message.text, { all: false })}
      ${state === "refused" ? html`<p class="why">${row.error} <button class="quiet" @click=${() => outbox.retry(row)}>Retry</button>
        <button class="quiet" @click=${() => outbox.discard(row)}>Discard</button></p>` : ""}
      ${state === "unconfirmed" ? html`<p class="why">${row.waits || row.tries ? "No answer yet: asking again by its key." : html`
        Nobody answered when this was sent. <button class="quiet" @click=${() => outbox.retry(row)}>Ask</button>
        <button class="quiet" @click=${() => outbox.discard(row)}>Discard</button>`}</p>` : ""}
      <footer><time datetime=${row.at}>${clock(row.at)}</time> ${ticks(mark)}</footer>
    </article>`;
}
