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

export const api = {
  get: (path, query, options) => ask("GET", path, { query, ...options }),
  post: (path, body = {}, options) => ask("POST", path, { body, ...options }),
  patch: (path, body, options) => ask("PATCH", path, { body, ...options }),
  delete: (path, options) => ask("DELETE", path, options),
  change: (path, form, options) => ask("PATCH", path, { form, ...options }),
  upload: (path, form, options) => ask("POST", path, { form, ...options }),
};

/** Return a key for a request that must have its effect once. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `web-${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
