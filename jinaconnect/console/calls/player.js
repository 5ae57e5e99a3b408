// A recording: heard from where one wants to, drawn by what the gateway says of its loudness.
import { api } from "../api.js";
import { Element, createRef, html, ref } from "../element.js";
import { clock, day, size } from "../format.js";
import { icons } from "../icons.js";
import "./transcript.js";
import { lasting } from "./words.js";

const HEIGHT = 72; // the gateway's policy knows the library's style sheet at this height
const STEP_S = 5;
const SPEEDS = [1, 1.5, 2];
const EXPIRES_S = 3600;

class Player extends Element {
  static properties = {
    recording: { attribute: false }, may: { type: Boolean }, at: { state: true }, playing: { state: true }, speed: { state: true },
    fault: { state: true }, ready: { state: true },
  };

  #box = createRef();
  #wave = null;
  #audio = new Audio();
  #started = null;

  constructor() {
    super();
    this.at = 0;
    this.speed = 1;
    this.#audio.preload = "none";
    for (const name of ["play", "pause", "ended"]) this.#audio.addEventListener(name, () => (this.playing = !this.#audio.paused));
    this.#audio.addEventListener("timeupdate", () => (this.at = this.#audio.currentTime));
    this.#audio.addEventListener("error", () => (this.fault = "The recording cannot be played."));
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.#audio.pause();
    this.#wave?.destroy();
    this.#wave = this.#started = null;
  }

  updated() {
    if (this.may && !this.#started) this.#started = this.#begin();
  }

  async #begin() {
    this.fault = null;
    try {
      const { id } = this.recording;
      const [{ default: WaveSurfer }, told, found] = await Promise.all([
        import("../vendored/wavesurfer-7.12.12.js"),
        api.get(`/voice/api/recordings/${id}/peaks/`),
        api.get(`/voice/api/recordings/${id}/download/`, { expires_seconds: EXPIRES_S }),
      ]);
      if (!this.isConnected) return;
      this.#audio.src = new URL(found.recording_url).pathname; // of this gateway, by whatever name it was reached
      const colour = (name) => getComputedStyle(this).getPropertyValue(name).trim();
      this.#wave = WaveSurfer.create({
        container: this.#box.value, height: HEIGHT, media: this.#audio, peaks: [told.peaks.length ? told.peaks : [0]], duration: told.duration_s,
        waveColor: colour("--edge"), progressColor: colour("--mark"), cursorColor: colour("--ink"), barWidth: 2, barGap: 1, barRadius: 1, normalize: true,
      });
      this.#wave.on("interaction", (to) => this.#to(to));
      this.seconds = told.duration_s;
      this.ready = true;
    } catch (error) {
      this.fault = error.message;
    }
  }

  #to(seconds) {
    this.#audio.currentTime = this.at = Math.max(0, Math.min(this.seconds, seconds));
  }

  toggle() {
    if (!this.ready) return;
    if (this.#audio.paused) this.#audio.play().catch(() => {});
    else this.#audio.pause();
  }

  /** Play from a moment on, once it can be. */
  async #hear(seconds) {
    await this.#started;
    if (!this.ready) return;
    this.#to(seconds);
    this.#audio.play().catch(() => {});
  }

  #again() {
    this.#wave?.destroy();
    this.#started = this.#begin();
  }

  #keyed(event) {
    const by = { ArrowLeft: -STEP_S, ArrowRight: STEP_S, ArrowDown: -STEP_S, ArrowUp: STEP_S, Home: -Infinity, End: Infinity }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    this.#to(this.at + by);
  }

  render() {
    const { duration_seconds: seconds, size_bytes: bytes, created_at: at, length_mismatch: odd } = this.recording;
    return html`
      <figure class="player">
        <figcaption>Recording of ${day(at)}, ${clock(at)} <span class="soft">${lasting(seconds)} · ${size(bytes)}</span>
          ${odd ? html`<span class="tag held">shorter or longer than the call</span>` : ""}</figcaption>
        ${this.may ? html`
          <div class="wave" role="slider" tabindex="0" aria-label="Place in the recording" aria-valuemin="0" aria-valuemax=${Math.round(this.seconds ?? seconds)}
            aria-valuenow=${Math.round(this.at)} aria-valuetext=${lasting(this.at)} @keydown=${this.#keyed} ${ref(this.#box)}></div>
          <div class="player-line">
            <button class="primary" ?disabled=${!this.ready} @click=${() => this.toggle()}>${this.playing ? html`${icons.pause} Pause` : html`${icons.play} Play`}</button>
            <span class="lasted">${lasting(this.at)} / ${lasting(this.seconds ?? seconds)}</span>
            <label class="line">Speed <select @change=${(event) => (this.#audio.playbackRate = this.speed = Number(event.target.value))}>
              ${SPEEDS.map((each) => html`<option value=${each} ?selected=${each === this.speed}>${each}×</option>`)}</select></label>
          </div>
          ${this.fault ? html`<p class="fault" role="alert">${this.fault} <button @click=${() => this.#again()}>Try again</button></p>` : ""}`
          : html`<p class="soft">Your role may not hear recordings.</p>`}
        ${this.may && this.recording.transcription !== null ? html`<jc-transcript .recording=${this.recording.id} .at=${this.at} @sought=${({ detail }) => this.#hear(detail)}></jc-transcript>` : ""}
      </figure>`;
  }
}

customElements.define("jc-player", Player);
