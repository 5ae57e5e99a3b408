// The gateway's API as the signed-in person: a token that ends is renewed unseen.
import { NoAnswer, Refused, send } from "./http.js";
import { session } from "./session.js";

export { NoAnswer, Refused };

async function ask(method, path, options = {}) {
  const token = await session.token();
  try {
    return await send(method, path, { ...options, token });
  } catch (error) {
    if (error.status !== 401) throw error;
    return send(method, path, { ...options, token: await session.token(true) });
  }
}

const DOUBTED_MS = 10 * 60_000; // after which the same is meant anew
const NAMED = /\/[a-z]+_[0-9a-z]{26}\//; // one thing: what is done to it again finds it done
const doubted = new Map(); // what was to be made and nobody answered: its key, and when

/** Ask for something to be done `once`: what was to be made and found no answer goes under the same key again. */
async function order(method, path, { once, ...options } = {}) {
  if (!once) return ask(method, path, options);
  const what = JSON.stringify([path, options]);
  const before = doubted.get(what);
  const key = before && Date.now() - before.at < DOUBTED_MS ? before.key : newKey();
  doubted.delete(what);
  try {
    return await ask(method, path, { ...options, key });
  } catch (error) {
    const open = error instanceof NoAnswer || error.code === "idempotency_in_progress";
    if (open && !NAMED.test(path)) doubted.set(what, { key, at: Date.now() });
    throw error;
  }
}

export const api = {
  get: (path, query, options) => ask("GET", path, { query, ...options }),
  post: (path, body = {}, options) => order("POST", path, { body, ...options }),
  patch: (path, body, options) => order("PATCH", path, { body, ...options }),
  delete: (path, options) => order("DELETE", path, options),
  change: (path, form, options) => ask("PATCH", path, { form, ...options }),
  upload: (path, form, options) => ask("POST", path, { form, ...options }),
};

/** Return a key for a request that must have its effect once. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `web-${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
