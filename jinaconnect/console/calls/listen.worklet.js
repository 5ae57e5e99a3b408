// The sound of a call in the audio thread: what comes waits in a ring, what is said leaves in frames of 20 ms.
const RATE = 16_000, FRAME = 320;
const CUSHION = 0.06 * RATE, MOST = 0.4 * RATE; // before playing begins; above it the oldest is dropped
const PHASES = 64, SIZE = 1 << 15;
const HURRY = 1.01; // how much faster it plays while more waits than needs to

/** A ring that is read at another rate than it is written: each sample is a windowed sinc over those around it. */
class Line {
  ring = new Float32Array(SIZE);
  written = 0;
  read = 0;

  constructor(from, to) {
    const cut = Math.min(1, to / from) * 0.95;
    this.step = from / to;
    this.half = Math.ceil(8 / cut);
    this.taps = Array.from({ length: PHASES }, (_, phase) => Float32Array.from({ length: 2 * this.half }, (_, tap) => {
      const x = tap - this.half + 1 - phase / PHASES, turn = Math.PI * cut * x;
      return cut * (x ? Math.sin(turn) / turn : 1) * (0.5 + 0.5 * Math.cos(Math.PI * x / this.half));
    }));
  }

  get fill() {
    return this.written - this.read;
  }

  put(sample) {
    this.ring[this.written++ & (SIZE - 1)] = sample;
  }

  take(hurry = 1) {
    const at = Math.floor(this.read), taps = this.taps[Math.floor((this.read - at) * PHASES)];
    let sum = 0;
    for (let tap = 0, place = at - this.half + 1 + SIZE; tap < taps.length; tap++) sum += taps[tap] * this.ring[(place + tap) & (SIZE - 1)];
    this.read += this.step * hurry;
    return sum;
  }
}

class Listen extends AudioWorkletProcessor {
  #heard = new Line(RATE, sampleRate);
  #said = new Line(sampleRate, RATE);
  #plays = false;
  #told = { level: 0, dropped: 0, underruns: 0, played: 0 };
  #blocks = 0;

  constructor() {
    super();
    this.port.onmessage = ({ data }) => this.#came(new Int16Array(data));
  }

  #came(frame) {
    const line = this.#heard;
    for (const sample of frame) line.put(sample / 32768);
    if (line.fill <= MOST) return;
    this.#told.dropped += Math.round((line.fill - CUSHION) / FRAME);
    line.read = line.written - CUSHION;
  }

  process([[voice]], [[out]]) {
    const line = this.#heard;
    this.#plays ||= line.fill >= CUSHION;
    const hurry = line.fill > 2 * CUSHION ? HURRY : 1;
    for (let at = 0; at < out.length; at++) {
      if (this.#plays && line.fill <= line.half) {
        this.#plays = false; // silence, until there is a cushion again
        this.#told.underruns++;
      }
      out[at] = this.#plays ? line.take(hurry) : 0;
      this.#told.level = Math.max(this.#told.level, Math.abs(out[at]));
    }
    this.#told.played += this.#plays;
    if (voice) this.#say(voice);
    if (++this.#blocks % 32 === 0) {
      this.port.postMessage({ ...this.#told, waits: Math.round(line.fill / RATE * 1000) });
      this.#told.level = 0;
    }
    return true;
  }

  #say(voice) {
    const line = this.#said;
    for (const sample of voice) line.put(sample);
    while (line.fill > FRAME * line.step + line.half) {
      const frame = Int16Array.from({ length: FRAME }, () => Math.max(-1, Math.min(1, line.take())) * 32767);
      this.port.postMessage(frame.buffer, [frame.buffer]);
    }
  }
}

registerProcessor("listen", Listen);
