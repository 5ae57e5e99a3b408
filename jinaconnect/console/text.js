// What others wrote, as text that can do nothing: no markup is ever made of it, and it cannot pass for something else.
import { html } from "./element.js";

const SHORT = 3000; // characters shown before "show all"
const PIECE = 4000; // of a long text, each drawn only when it comes into view
const MARKS = /(\p{M}{6})\p{M}+/gu; // more marks on one letter would run over what is above it
const OVERRIDES = /[\u202D\u202E]/g; // turn the order of letters around: only ever used to deceive
const CONTROLS = /[\u0000-\u0008\u000B-\u001F\u007F\u200E\u200F\u202A-\u202E\u2066-\u2069]/g;
const LINK = /https?:\/\/[^\s<>"'`\u0000-\u001F\u200B-\u200F\u202A-\u202E\u2066-\u2069]+/giu;
const TRAILING = /[.,;:!?)\]}'"…。、]+$/u;

/** Return a name or label on one line, without what could reorder or hide what stands beside it. */
export function plain(text, most = 200) {
  const cut = String(text ?? "").slice(0, most * 2).replace(CONTROLS, "").replace(MARKS, "$1");
  return cut.length > most ? `${cut.slice(0, whole(cut, most))}…` : cut;
}

/** Return where to cut a text so that no character is cut in half. */
function whole(text, at) {
  return /[\uDC00-\uDFFF]/.test(text[at] ?? "") ? at - 1 : at;
}

function tamed(text) {
  return text.replace(OVERRIDES, "").replace(MARKS, "$1");
}

/** Return a link's address as it is shown, null for one that pretends to lead elsewhere. */
function shownAddress(written) {
  let url;
  try {
    url = new URL(written);
  } catch {
    return null;
  }
  if (url.username || url.password) return null;
  return /^[\x20-\x7E]+$/.test(written) ? written : url.href;
}

function linked(text) {
  const parts = [];
  let done = 0;
  for (const found of text.matchAll(LINK)) {
    const written = found[0].replace(TRAILING, "");
    const shown = shownAddress(written);
    if (!shown) continue;
    parts.push(text.slice(done, found.index));
    parts.push(html`<a href=${new URL(written).href} target="_blank" rel="noopener noreferrer nofollow"><bdi>${shown}</bdi></a>`);
    done = found.index + written.length;
  }
  parts.push(text.slice(done));
  return parts;
}

/** Tell whether a text is shown in part at first. */
export const isLong = (text) => text.length > SHORT;

/** Return a message's text, whole or its beginning. */
export function shown(text, all = false) {
  if (!isLong(text)) return linked(tamed(text));
  if (!all) return linked(tamed(`${text.slice(0, whole(text, SHORT))}…`));
  const pieces = [];
  for (let at = 0; at < text.length; ) {
    let end = Math.min(text.length, at + PIECE);
    const space = text.lastIndexOf(" ", end);
    if (end < text.length && space > at + PIECE / 2) end = space + 1;
    end = whole(text, end);
    pieces.push(text.slice(at, end));
    at = end;
  }
  return pieces.map((piece) => html`<span class="piece">${linked(tamed(piece))}</span>`);
}
