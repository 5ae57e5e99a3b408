// What is ordered of a live call. A gateway that refuses says why, and nothing is changed here before it has answered.
import { api } from "../api.js";
import { session } from "../session.js";
import { farEnd } from "./words.js";

export function orders(page) {
  const { app } = page;

  async function order(call, verb, body = {}) {
    try {
      const told = await api.post(`/voice/api/calls/${call.id}/${verb}/`, body, { once: true });
      if (told.id) page.calls.put(told);
      return told;
    } catch (error) {
      app.say(error.message);
      return null;
    }
  }

  return {
    order,
    /** Tell whether a call can be listened to, and by this person. */
    hears: (call) => session.may("voice.supervise") && call.status === "IN_PROGRESS" && page.calls.can(call, "supervise") && app.listening?.call.id !== call.id,
    async listen(call) {
      try {
        await (await import("./listen.js")).listen(app, call, page.calls.name(call) ?? farEnd(call));
      } catch (error) {
        app.say(error.message);
      }
    },
    /** Tell whether one may order a call about: agents the calls they are in. */
    may: (call) => session.may("voice.control") && (session.role.slug !== "agent" || call.user === session.user.id),
    hangUp: (call) => order(call, "hangup"),
    hold: (call) => order(call, call.held ? "unhold" : "hold"),
    mute: (call, side) => order(call, call.muted.includes(side) ? "unmute" : "mute", { side }),
    keys: (call, digits) => order(call, "dtmf", { digits }),
    transfer: (call, to, mode) => order(call, "transfer", { to, mode }),
    complete: (call) => order(call, "complete"),
    cancel: (call) => order(call, "cancel"),
    /** Begin to record, or pause and go on where it records. */
    record(call, what) {
      const next = { recording: "pause", paused: "resume" }[call.recording?.state] ?? "start";
      return order(call, "record", { do: what ?? next });
    },
  };
}
