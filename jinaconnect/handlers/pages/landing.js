// A live tail of the feed: one socket, one view, resumed at its cursor whenever the connection ends.
const state = document.getElementById("state");
const tail = document.getElementById("tail");
const KEEP = 200;
let cursor = null;
let token = null;
let pause = 500;
let socket = null;

function say(text, kind = "soft") {
  state.textContent = text;
  state.className = `state ${kind}`;
}

async function health() {
  const mark = document.getElementById("health");
  try {
    const answer = await fetch("/readyz/");
    mark.textContent = answer.ok ? "ready" : "not ready";
    mark.className = `state ${answer.ok ? "good" : "bad"}`;
  } catch {
    mark.textContent = "out of reach";
    mark.className = "state bad";
  }
}

function show(event) {
  const row = document.createElement("li");
  const time = document.createElement("time");
  time.dateTime = event.recorded_at;
  time.textContent = new Date(event.recorded_at).toLocaleTimeString();
  const type = document.createElement("b");
  type.textContent = `#${event.seq} ${event.type}`;
  const text = document.createElement("span");
  const data = event.data;
  text.textContent = data.content?.body?.text ?? data.full_name ?? data.contact?.full_name ?? event.subject.id;
  row.append(time, type, text);
  tail.prepend(row);
  while (tail.children.length > KEEP) tail.lastChild.remove();
}

function connect() {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const current = new WebSocket(`${scheme}://${location.host}/ws/`, "jina.v1");
  socket = current;
  current.onmessage = ({ data }) => {
    const frame = JSON.parse(data);
    if (frame.type === "hello") current.send(JSON.stringify({ type: "auth", token }));
    if (frame.type === "ready") current.send(JSON.stringify({ type: "subscribe", topics: ["inbox"], after: cursor ?? "start" }));
    if (frame.type === "subscribed") { pause = 500; cursor = frame.cursor; say("Live.", "good"); }
    if (frame.type === "gap") cursor = frame.cursor;
    if (frame.type === "events") { frame.events.forEach(show); cursor = frame.cursor; }
    if (frame.type === "error") say(typeof frame.detail === "string" ? frame.detail : JSON.stringify(frame.detail), "bad");
  };
  current.onclose = ({ code, reason }) => {
    if (current !== socket) return;
    if (code >= 4001 && code < 4100) return say(`Refused: ${reason || code}`, "bad");
    say(`Connection ended (${code}); resuming…`);
    setTimeout(connect, pause);
    pause = Math.min(pause * 2, 10_000);
  };
}

document.getElementById("login").onsubmit = async (submitted) => {
  submitted.preventDefault();
  const name = document.getElementById("name").value.trim();
  token = name;
  if (!/^jc_(live|test)_/.test(name)) {
    const password = document.getElementById("password").value;
    const answer = await fetch("/token/", {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ email: name, password }),
    });
    const body = await answer.json();
    if (!answer.ok) return say(typeof body.detail === "string" ? body.detail : "That did not work.", "bad");
    token = body.access;
  }
  tail.replaceChildren();
  cursor = null;
  socket?.close();
  connect();
};

health();
setInterval(health, 5000);
