// The console begins: whoever has a session goes on with it, everybody else signs in.
import "./sign_in.js";
import "./shell.js";
import { session } from "./session.js";

let shown = null;

function show(tag, fields = {}) {
  shown?.remove();
  shown = Object.assign(document.createElement(tag), fields);
  document.body.append(shown);
}

/** Show the console, or the way in with what there is to say about it. */
async function begin(notice = "") {
  let signedIn = false;
  try {
    signedIn = await session.resume();
  } catch (error) {
    return show("jc-away", { reason: error.message, again: () => begin(notice) });
  }
  if (signedIn) show("jc-shell");
  else show("jc-sign-in", { notice });
}

addEventListener("signed-in", () => show("jc-shell"));
addEventListener("signed-out", ({ detail }) => {
  session.forget();
  show("jc-sign-in", { notice: detail ?? "" });
});
addEventListener("chosen", () => begin());

begin();
