// What is done to a conversation, each with what takes it back.
import { api, newKey } from "../api.js";
import { session } from "../session.js";
import { plain } from "../text.js";

export function actions(page) {
  const { app } = page;
  const post = (what, body = {}) => api.post(`/contacts/${page.contact}/${what}/`, body, { key: newKey() });

  async function done(words, asked, undo) {
    const contact = page.contact;
    try {
      await asked;
      app.say(words, undo && (() => undo(contact)));
    } catch (error) {
      app.say(error.message);
    }
  }
  const later = (what, body = {}) => (contact) =>
    api.post(`/contacts/${contact}/${what}/`, body, { key: newKey() }).catch((error) => app.say(error.message));

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
    read: (contact) =>
      api.post("/team-inbox/api/messages/mark_multiple_as_read/", { contact_id: contact }).catch(() => {}),
  };
}
