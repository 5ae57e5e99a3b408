// How trunks and the links to Asterisks are, in words.
import { brief } from "../format.js";
import { plain } from "../text.js";

export const STATES = {
  up: { name: "Up", kind: "good" }, degraded: { name: "Degraded", kind: "wait" }, down: { name: "Down", kind: "bad" },
  unknown: { name: "Not known yet", kind: "" },
};
const REGISTRATIONS = {
  registered: "registered", unregistered: "not registered", rejected: "registration refused", unreachable: "registrar does not answer",
  unknown: "registration not known yet",
};

export const registration = (told) => (told ? REGISTRATIONS[told.state] : "does not register");
export const milliseconds = (value) => (value === null || value === undefined ? "–" : `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`);
export const percent = (value) => (value === null || value === undefined ? "–" : `${Math.round(value * 100)} %`);
export const seconds = (value) => (value === null || value === undefined ? "–" : `${Math.round(value)} s`);

/** Return what came of the last comparison of calls with an Asterisk, as sentences. */
export function receipt(told) {
  if (!told) return "Calls were not compared with it yet.";
  const { at, reason, gap_ms: gap, restart, adopted, ended, unknown } = told;
  const calls = (count) => `${count} call${count === 1 ? "" : "s"}`;
  const away = gap === null || gap === undefined ? "" : `, after ${gap < 1000 ? `${gap} ms` : `${(gap / 1000).toFixed(1)} s`} without it`;
  const why = reason ? ` (${plain(reason, 80)})` : "";
  const found = adopted === undefined ? "" : ` ${calls(adopted)} went on, ${ended} had ended meanwhile${unknown === undefined ? "" : `, ${unknown} that nobody knew were hung up`}.`;
  return `Compared ${brief(at)}${away}${why}.${restart ? " Asterisk had been restarted." : ""}${found}`;
}

/** Return how an account over HTTP is, by what is kept of it. */
export function account(config) {
  if (config && !config.enabled) return { name: "Off", kind: "" };
  return config?.credentials_set === false ? { name: "No credentials", kind: "bad" } : { name: "Account", kind: config?.credentials_known ? "good" : "" };
}

/** Return what is known of an account's credentials. */
export const known = (config) => (!config ? "…" : !config.credentials_set ? "none yet" : config.credentials_known ? "known to the carrier" : "sealed");

/** Return what a test of a trunk or account found, one sentence each. */
export function tested({ options, registration: told, call }, hosted) {
  const said = [hosted && options.error ? `${plain(options.error, 300)}.` : options.ok && hosted ? `The carrier knows the account; it answered within ${milliseconds(options.rtt_ms)}.` : options.ok
    ? `The carrier answers${options.rtt_ms === null ? "" : ` within ${milliseconds(options.rtt_ms)}`}${options.sip_code ? ` (${options.sip_code})` : ""}.`
    : `The carrier does not answer${options.error ? `: ${plain(options.error, 200)}` : "."}`];
  if (told) said.push(`The trunk is ${registration(told)}.`);
  if (call) said.push(call.ok ? `The call was answered${call.pdd_ms === null ? "" : `, it rang after ${milliseconds(call.pdd_ms)}`}.` : `The call was not answered: ${plain(call.cause, 80)}${call.sip_code ? ` (${call.sip_code})` : ""}.`);
  return said;
}
