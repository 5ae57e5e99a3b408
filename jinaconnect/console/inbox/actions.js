// What is done to a conversation, each with what takes it back.
import { api } from "../api.js";
import { exactly } from "../format.js";
import { session } from "../session.js";
import { plain } from "../text.js";

const CONVERSATIONS = "/team-inbox/api/conversations/";
const DONE = { assign: "assigned", close: "closed", reopen: "reopened" };

export function actions(page) {
  const { app } = page;
  const post = (what, body = {}, where = "/contacts/") => api.post(`${where}${page.contact}/${what}/`, body, { once: true });

  async function done(words, asked, undo) {
    const contact = page.contact;
    try {
      await asked;
      app.say(words, undo && (() => undo(contact)));
    } catch (error) {
      app.say(error.message);
    }
  }
  const later = (what, body = {}, where = "/contacts/") => (contact) =>
    api.post(`${where}${contact}/${what}/`, body, { once: true }).catch((error) => app.say(error.message));

  return {
    close: () => done("Closed.", post("close"), later("reopen")),
    reopen: () => done("Reopened.", post("reopen"), later("close")),
    assign(user) {
      const before = page.entry?.assignment.assigned_to_user;
      const back = before ? later("assign", { assigned_to_type: "USER", assigned_to_id: before }) : later("unassign");
      if (!user) return done("Nobody holds this now.", post("unassign"), back);
      const name = user === session.user.id ? "you" : plain(app.inbox.people.get(user) ?? "a colleague");
      return done(`Assigned to ${name}.`, post("assign", { assigned_to_type: "USER", assigned_to_id: user }), back);
    },
    snooze: (until) => done(`Set aside until ${exactly(until)}.`, post("snooze", { until: until.toISOString() }, CONVERSATIONS), later("wake", {}, CONVERSATIONS)),
    optOut: (platform) => done("Noted: they want no more.", post("opt-out", { platform })),
    wake: () => done("Back again.", post("wake", {}, CONVERSATIONS)),
    /** Have it count as unread, and leave it, since looking at it reads it. */
    async unread() {
      const asked = post("mark_as_unread", {}, CONVERSATIONS);
      app.go("inbox");
      await done("Counts as unread again.", asked);
    },
    /** Do something to several conversations, each by itself. */
    async many(what, contacts, body = {}) {
      try {
        const told = await api.post(`${CONVERSATIONS}bulk-${what}/`, { contact_ids: [...contacts].slice(0, 100), ...body }, { once: true });
        const refused = told.refused.length ? ` ${told.refused.length} could not be: ${plain(told.refused[0].detail, 120)}` : "";
        app.say(`${told.changed_ids.length} ${DONE[what]}.${refused}`);
        page.picked = null;
      } catch (error) {
        app.say(error.message);
      }
    },
    /** Save the last ninety days of the conversation as PDF. */
    async save() {
      const day = (ago) => new Date(Date.now() - ago * 86_400_000).toISOString().slice(0, 10);
      try {
        const pdf = await api.post("/team-inbox/api/export-pdf/", { chat_id: page.contact, start_date: day(88), end_date: day(-1) }, { file: true, patience: 60_000 });
        const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(pdf), download: `${page.contact}.pdf` });
        link.click();
        setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
      } catch (error) {
        app.say(error.message);
      }
    },
    read: (contact) =>
      api.post("/team-inbox/api/messages/mark_multiple_as_read/", { contact_id: contact }).catch(() => {}),
  };
}
