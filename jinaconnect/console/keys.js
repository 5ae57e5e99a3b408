// The keyboard: a table of commands is what binds the keys, what the help lists and what the palette offers.
//
// A command is { id, name, keys, run, when?, may?, anywhere?, danger? }: `keys` as tinykeys writes them ("g i",
// "$mod+Enter"), `anywhere` where it also works in fields, `danger` where it must not happen twice in a moment.
import { createKeybindingsHandler } from "./vendored/tinykeys-4.0.0.js";

const KEPT = "jina.keys"; // { off: true } and { keys: { id: "x" } }
const DANGER_MS = 1000;
const FIELDS = "input, textarea, select, [contenteditable]";
// What a key of a layout without Latin letters stands for, by where it is.
const PLACES = { Slash: ["/", "?"] };

/** Return the key of an event as the table names it: by its letter, and on layouts without Latin letters by its place. */
export function keyOf(event) {
  const { key, code } = event;
  if (/^[\x20-\x7E]+$/.test(key)) return key;
  if (/^Key[A-Z]$/.test(code)) return code[3].toLowerCase();
  return PLACES[code]?.[event.shiftKey ? 1 : 0] ?? key;
}

export class Keys {
  #groups = new Map(); // name → commands
  #handler = () => {};
  #last = new Map();
  #settings = JSON.parse(localStorage.getItem(KEPT) ?? "{}");

  constructor() {
    addEventListener("keydown", (event) => this.#pressed(event));
  }

  get off() {
    return Boolean(this.#settings.off);
  }

  set off(value) {
    this.#keep({ ...this.#settings, off: value });
  }

  /** Put commands in place of those a group had. */
  bind(group, commands) {
    this.#groups.set(group, commands);
    this.#rebuild();
  }

  unbind(group) {
    this.#groups.delete(group);
    this.#rebuild();
  }

  /** Return the commands that can be given now, with their group and the keys that hold. */
  list() {
    return [...this.#groups].flatMap(([group, commands]) =>
      commands.filter((each) => each.may?.() ?? true).map((each) => ({ ...each, group, keys: this.keysOf(each) })));
  }

  keysOf(command) {
    return this.#settings.keys?.[command.id] ?? command.keys;
  }

  /** Give a command another key, or its own again; returns the command that has the key already, whose it stays. */
  remap(id, keys) {
    const taken = keys && this.list().find((each) => each.id !== id && each.keys.split(" ")[0] === keys);
    if (taken) return taken;
    const kept = { ...this.#settings.keys, [id]: keys };
    if (!keys) delete kept[id];
    this.#keep({ ...this.#settings, keys: kept });
    return null;
  }

  run(command) {
    if (!(command.may?.() ?? true) || !(command.when?.() ?? true)) return;
    if (command.danger) {
      const now = performance.now();
      if (now - (this.#last.get(command.id) ?? -Infinity) < DANGER_MS) return;
      this.#last.set(command.id, now);
    }
    command.run();
  }

  #keep(settings) {
    this.#settings = settings;
    localStorage.setItem(KEPT, JSON.stringify(settings));
    this.#rebuild();
  }

  #rebuild() {
    const bindings = {};
    for (const command of this.list()) {
      if (!command.keys) continue;
      const plain = command.keys.replace(/(^| )([?/])/g, "$1[Shift]+$2"); // on some layouts these need Shift
      bindings[plain] = (event) => {
        const single = !/\$mod|Escape/.test(command.keys);
        if (single && (this.off || event.field)) return;
        if (!command.anywhere && event.field) return;
        if (!(command.when?.() ?? true)) return;
        event.original.preventDefault();
        this.run(command);
      };
    }
    this.#handler = createKeybindingsHandler(bindings, { ignore: () => false });
  }

  #pressed(event) {
    // What AltGr types is text, whatever else its modifiers look like.
    if (event.isComposing || event.repeat || event.altKey || event.getModifierState("AltGraph")) return;
    const dialog = document.querySelector("dialog[open]");
    if (event.key === "Escape" && dialog) {
      dialog.close();
      dialog.dispatchEvent(new Event("close")); // the browser's own comes later, when the next key may have been pressed
      return;
    }
    const field = event.target instanceof Element && event.target.closest(`${FIELDS}, dialog`) !== null;
    this.#handler({
      key: keyOf(event), code: "-", field, original: event, target: event.target, currentTarget: event.currentTarget,
      getModifierState: (name) => event.getModifierState(name),
    });
  }
}

const NAMES = { $mod: /Mac|iPhone|iPad/.test(navigator.platform) ? "⌘" : "Ctrl", Escape: "Esc", Enter: "Enter", Shift: "Shift" };

/** Return the keys of a command as they are written on a keyboard. */
export function caps(keys) {
  return keys.split(" ").map((press) => press.split("+").map((part) => NAMES[part] ?? (part.length === 1 ? part.toUpperCase() : part)));
}
