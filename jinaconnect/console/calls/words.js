// What calls and their facts are called.
import { plain } from "../text.js";

export const LIVE = ["QUEUED", "INITIATING", "RINGING", "IN_PROGRESS"];
export const RANK = { QUEUED: 0, INITIATING: 1, RINGING: 2, IN_PROGRESS: 3, COMPLETED: 4, FAILED: 4, CANCELED: 4 };

const STATES = {
  QUEUED: "Waiting", INITIATING: "Dialling", RINGING: "Ringing", IN_PROGRESS: "Talking", COMPLETED: "Ended", FAILED: "Failed",
  CANCELED: "Given up",
};
const CAUSES = {
  USER_BUSY: "busy", NO_ANSWER: "no answer", NO_USER_RESPONSE: "no answer", NUMBER_UNALLOCATED: "no such number",
  UNALLOCATED_NUMBER: "no such number", CALL_REJECTED: "rejected", NORMAL_TEMPORARY_FAILURE: "a fault for the moment",
  ORIGINATOR_CANCEL: "given up before the answer", MEDIA_TIMEOUT: "nothing was heard any more", NORMAL_CLEARING: "",
  RECOVERY_ON_TIMER_EXPIRE: "the carrier did not answer", UNKNOWN: "for a reason not told",
};

/** Return a call's state in a word, a hold included. */
export function state(call) {
  if (call.status === "IN_PROGRESS" && call.held) return "On hold";
  if (call.status === "FAILED") return why(call) ? `Failed: ${why(call)}` : "Failed";
  return STATES[call.status] ?? call.status;
}

/** Return why a call ended, empty where there is nothing to say. */
export function why({ hangup_cause: cause }) {
  return CAUSES[cause] ?? (cause ? cause.replaceAll("_", " ").toLowerCase() : "");
}

/** Return seconds as a clock shows them. */
export function lasting(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (value) => String(value).padStart(2, "0");
  const rest = `${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
  return whole < 3600 ? rest : `${Math.floor(whole / 3600)}:${rest}`;
}

/** Return the far end of a call: the number that is not ours. */
export function farEnd(call) {
  return call.direction === "inbound" ? call.from_number : call.to_number;
}

// Whom a transfer goes to: a number as it is, an agent's telephone not by its id.
const whom = (to) => (to.startsWith("dev_") ? "an agent's telephone" : to);

const SAYS = {
  "call.created": () => "The call was asked for", "call.dialing": () => "Handed to the carrier", "call.ringing": () => "It rings",
  "call.answered": () => "Answered", "call.answered_by": ({ answered_by: who }) => `Answered by a ${who}`,
  "call.bridged": ({ with: who }, people) => `Connected with ${who === "agent" ? "the agent" : who.startsWith("call_") ? "whom it was transferred to" : (people.get(who) ?? who)}`,
  "call.dtmf": ({ digit, from }) => `${from === "agent" ? "The agent" : "The customer"} pressed ${digit}`,
  "call.ivr_step": ({ node, kind }) => `IVR: ${node} (${kind})`, "call.played": ({ ok }) => (ok ? "A prompt was played" : "A prompt was not played"),
  "call.held": () => "On hold", "call.resumed": () => "Taken up again",
  "call.muted": ({ side }) => `The ${side} is not heard`, "call.unmuted": ({ side }) => `The ${side} is heard again`,
  "call.routed": ({ candidates, skipped }) => `Routed: ${candidates.length} may carry it${skipped.length ? `, ${skipped.length} passed over` : ""}`,
  "call.rerouted": (detail) => `Tried over another carrier${why(detail) ? `: ${why(detail)}` : ""}`,
  "call.supervision_started": ({ user, heard_by: by }, people) => `${people.get(user) ?? "A supervisor"} listens, heard by ${by === "agent" ? "the agent" : by}`,
  "call.supervision_changed": ({ user, heard_by: by }, people) => `${people.get(user) ?? "The supervisor"} is heard by ${by === "agent" ? "the agent" : by}`,
  "call.supervision_ended": ({ user }, people) => `${people.get(user) ?? "The supervisor"} listens no more`,
  "call.keys_sent": ({ digits }) => `Keys were sent: ${digits}`,
  "call.transferring": ({ to, mode }) => `Being transferred to ${whom(to)} (${mode})`,
  "call.transferred": ({ ok, to }) => (ok ? `Transferred${to ? ` to ${whom(to)}` : ""}` : ok === null ? "The transfer was taken back" : "The transfer failed"),
  "call.recording_started": () => "Recording", "call.recording_paused": () => "The recording is silent", "call.recording_resumed": () => "Recording again",
  "call.recording_stopped": () => "The recording ended", "recording.ready": () => "The recording can be heard", "recording.failed": ({ reason }) => `No recording: ${reason}`,
  "call.completed": (detail) => `The call ended${why(detail) ? `: ${why(detail)}` : ""}`,
  "call.failed": (detail) => `The call failed${why(detail) ? `: ${why(detail)}` : ""}${detail.sip_code ? ` (SIP ${detail.sip_code})` : ""}`,
  "call.canceled": () => "The call was given up",
  "call.sms_fallback": ({ success, skipped_reason: reason, error }) => (success ? "A text message went instead" : `No text message went instead: ${reason ?? error}`),
};

/** Return one fact of a timeline in words; `people` are their names by id. */
export function fact({ type, detail }, people) {
  const leg = detail.leg ? ` (${detail.leg})` : "";
  return plain(SAYS[type]?.(detail, people) ?? `${type.replace(/^call\./, "").replaceAll("_", " ")}${leg}`, 300);
}
