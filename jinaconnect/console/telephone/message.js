// SIP messages as a telephone needs them (RFC 3261): read, written, and signed where the other side asks who is there.
import { md5 } from "../vendored/md5-2.19.0.js";

const LONG = { v: "via", f: "from", t: "to", i: "call-id", m: "contact", l: "content-length", c: "content-type" };
const SEVERAL = new Set(["via", "record-route", "route"]); // what may stand in one line with commas, and in what order matters
const COMMAS = /,(?=(?:[^"]*"[^"]*")*[^"]*$)(?![^<]*>)/; // those outside of quotes and angle brackets
const END = "\r\n";

/** Return a text nobody guesses, for tags, branches and names of calls. */
export const token = () => crypto.getRandomValues(new Uint32Array(3)).reduce((text, each) => text + each.toString(36), "");

/** Read a message: { method, uri } of a request or { status } of an answer, `headers` by their small name, and `body`; null where it is none. */
export function parse(text) {
  const gap = text.indexOf(END + END);
  const [first, ...lines] = text.slice(0, gap).replace(/\r\n[ \t]+/g, " ").split(END);
  const [, status] = /^SIP\/2\.0 (\d{3})/.exec(first) ?? [];
  const [, method, uri] = /^([A-Z]+) (\S+) SIP\/2\.0$/.exec(first) ?? [];
  if (gap < 0 || (!status && !method)) return null;
  const headers = new Map();
  for (const line of lines) {
    const at = line.indexOf(":");
    const written = line.slice(0, at).trim().toLowerCase();
    const name = LONG[written] ?? written;
    const values = SEVERAL.has(name) ? line.slice(at + 1).split(COMMAS) : [line.slice(at + 1)];
    headers.set(name, [...(headers.get(name) ?? []), ...values.map((value) => value.trim())]);
  }
  return { method, uri, status: Number(status), headers, body: text.slice(gap + 4) };
}

/** Write a message; `headers` are pairs, those without a value are left out. */
export function write(first, headers, body = "") {
  const length = new TextEncoder().encode(body).length;
  const given = [...headers.filter(([, value]) => value !== undefined), ["Content-Length", length]];
  return [first, ...given.map(([name, value]) => `${name}: ${value}`), "", body].join(END);
}

/** Return the first value of a header, "" where there is none. */
export const header = (message, name) => message.headers.get(name)?.[0] ?? "";

/** Return the address of a From, To, Contact or Route: what its angle brackets hold. */
export const address = (value) => /<([^>]*)>/.exec(value)?.[1] ?? value.split(";")[0].trim();

/** Return the tag of a From or To, "" where there is none. */
export const tagOf = (value) => /;\s*tag=([^;\s]+)/i.exec(value.replace(/<[^>]*>/, ""))?.[1] ?? "";

/** Return who calls as people say it: the name shown, else the number. */
export function caller(message) {
  const value = header(message, "p-asserted-identity") || header(message, "from");
  const name = /^\s*"((?:\\.|[^"\\])*)"/.exec(value)?.[1].replace(/\\(.)/g, "$1") ?? /^([^<"]*)</.exec(value)?.[1].trim();
  return name || decoded(/^sips?:([^@;]*)@/i.exec(address(value))?.[1] ?? "");
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Return the credentials that answer a challenge (RFC 7616, as far as MD5 goes); null where it asks for something else. */
export function credentials(challenge, { username, password }, method, uri) {
  const asked = {};
  for (const [, name, quoted, bare] of challenge.matchAll(/(\w+)=(?:"((?:\\.|[^"\\])*)"|([^\s,]+))/g)) asked[name.toLowerCase()] = quoted ?? bare;
  if (!/^digest\s/i.test(challenge) || (asked.algorithm ?? "MD5").toUpperCase() !== "MD5") return null;
  const qop = asked.qop?.split(",").some((each) => each.trim() === "auth") ? "auth" : undefined;
  const [nc, cnonce] = ["00000001", token()];
  const mine = md5(`${username}:${asked.realm}:${password}`);
  const what = md5(`${method}:${uri}`);
  const response = md5(qop ? [mine, asked.nonce, nc, cnonce, qop, what].join(":") : [mine, asked.nonce, what].join(":"));
  const parts = { username, realm: asked.realm, nonce: asked.nonce, uri, response, opaque: asked.opaque, ...(qop && { cnonce }) };
  const said = Object.entries(parts).filter(([, value]) => value !== undefined).map(([name, value]) => `${name}="${value}"`);
  return `Digest ${[...said, "algorithm=MD5", ...(qop ? [`qop=${qop}`, `nc=${nc}`] : [])].join(", ")}`;
}
