// Requests: answers as values, refusals as `Refused`, silence as `NoAnswer`, since then nobody knows what happened.

const PATIENCE_MS = 20_000;

export class Refused extends Error {
  constructor(status, told, retryAfter) {
    super(wording(told.detail) || `The gateway answered ${status}.`);
    Object.assign(this, { status, code: told.code, detail: told.detail, retryAfter, final: status === 401 || status === 403 });
  }
}

export class NoAnswer extends Error {
  constructor() {
    super("The gateway cannot be reached.");
  }
}

/** Return a refusal's detail as a sentence: a text, or messages by field. */
function wording(detail) {
  if (!detail || typeof detail === "string") return detail;
  return Object.entries(detail)
    .map(([field, faults]) => `${field === "non_field_errors" ? "" : `${field} `}${[].concat(faults).join(", ")}`)
    .join("; ");
}

/** Send one request. `key` is its Idempotency-Key, `token` who asks, `form` a body that is no JSON, `file` asks for one. */
export async function send(method, path, { body, query, key, token, form, file, signal, patience = PATIENCE_MS } = {}) {
  const headers = {};
  if (token) headers.Authorization = `Bearer ${token}`;
  if (key) headers["Idempotency-Key"] = key;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const given = Object.entries(query ?? {}).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const url = given.length ? `${path}?${new URLSearchParams(given)}` : path;
  const limits = [AbortSignal.timeout(patience), ...(signal ? [signal] : [])];
  let answer, text;
  try {
    answer = await fetch(url, {
      method, headers, body: form ?? (body === undefined ? undefined : JSON.stringify(body)),
      signal: AbortSignal.any(limits), cache: "no-store",
    });
    if (file && answer.ok) return await answer.blob();
    text = await answer.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new NoAnswer();
  }
  let told = null;
  try {
    told = text ? JSON.parse(text) : null;
  } catch {
    if (answer.ok) throw new NoAnswer(); // something between us and the gateway answered
  }
  if (answer.ok) return told;
  if (answer.status >= 500 && !told?.code) throw new NoAnswer();
  throw new Refused(answer.status, told ?? {}, Number(answer.headers.get("Retry-After")) || 0);
}
