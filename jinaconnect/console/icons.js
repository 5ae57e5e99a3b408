// The console's signs, drawn with one line each; decoration only, whatever they stand for is said in words.
import { html } from "./element.js";

const line = (path) => html`
  <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d=${path}></path></svg>`;

export const icons = {
  inbox: line("M3 13h5l1.5 3h5L16 13h5M5 5h14l2 8v6H3v-6z"),
  phone: line("M6 2h12v20H6zM10 19h4"),
  calls: line("M5 4h4l2 5-3 2a12 12 0 0 0 5 5l2-3 5 2v4a2 2 0 0 1-2 2A17 17 0 0 1 3 6a2 2 0 0 1 2-2z"),
  trunks: line("M12 3v6M5 21v-6h14v6M12 9v6M3 21h4M17 21h4M10 3h4"),
  search: line("M11 4a7 7 0 1 1 0 14 7 7 0 0 1 0-14zM16.5 16.5 21 21"),
  back: line("M15 5l-7 7 7 7"),
  person: line("M12 4a4 4 0 1 1 0 8 4 4 0 0 1 0-8zM4 21a8 8 0 0 1 16 0"),
  attach: line("M20 11l-8.5 8.5a5 5 0 0 1-7-7L13 4a3.3 3.3 0 0 1 4.7 4.7L9.5 17a1.7 1.7 0 0 1-2.4-2.4L15 6.7"),
  send: line("M4 12l16-8-6 16-3-6z"),
  note: line("M5 3h14v13l-5 5H5zM14 21v-5h5M9 8h6M9 12h6"),
  template: line("M4 4h16v16H4zM4 9h16M9 9v11"),
  more: line("M5 12h.01M12 12h.01M19 12h.01"),
  keys: line("M3 6h18v12H3zM7 10h.01M11 10h.01M15 10h.01M8 14h8"),
  out: line("M10 4H4v16h6M15 8l4 4-4 4M9 12h10"),
  close: line("M6 6l12 12M18 6L6 18"),
  check: line("M4 12l5 5L20 6"),
  file: line("M6 2h8l4 4v16H6zM14 2v4h4"),
  sun: line("M12 8a4 4 0 1 1 0 8 4 4 0 0 1 0-8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.5 1.5M17.5 17.5 19 19M5 19l1.5-1.5M17.5 6.5 19 5"),
  callIn: line("M19 5 8 16M8 8v8h8"),
  callOut: line("M5 19 16 8M8 8h8v8"),
  hangUp: line("M3 14c5-5 13-5 18 0l-3 3-4-2v-2a9 9 0 0 0-4 0v2l-4 2z"),
  pause: line("M8 5v14M16 5v14"),
  play: line("M7 4l13 8-13 8z"),
  stop: line("M6 6h12v12H6z"),
  record: line("M12 6a6 6 0 1 1 0 12 6 6 0 0 1 0-12z"),
  mute: line("M9 9v3a3 3 0 0 0 5 2M15 11V6a3 3 0 0 0-6 0M5 12a7 7 0 0 0 11 5.5M19 12a7 7 0 0 1-.6 2.8M12 19v3M4 4l16 16"),
  keypad: line("M6 5h.01M12 5h.01M18 5h.01M6 12h.01M12 12h.01M18 12h.01M6 19h.01M12 19h.01M18 19h.01"),
  transfer: line("M4 8h14l-4-4M20 16H6l4 4"),
  down: line("M12 5v14M6 13l6 6 6-6"),
};
