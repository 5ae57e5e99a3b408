// A list of any length of which only what is in view is in the page. Rows may have any height: each is measured once it
// is there, and what the reader looks at stays where it is while rows above it come, go or grow.
import { Element, html, repeat } from "./element.js";

const BEYOND = 500; // pixels drawn above and below the view
const NEAR = 1200; // pixels from an end at which more is asked for

class Virtual extends Element {
  static properties = {
    items: { attribute: false },
    keyOf: { attribute: false },
    row: { attribute: false },
    estimate: { type: Number },
    bottom: { type: Boolean }, // begins at the end, and stays there while news comes
    label: {},
    current: {}, // the key that is in view whenever it changes
  };

  #heights = new Map();
  #offsets = new Float64Array(1);
  #anchor = null; // { key, delta } of the topmost row in view
  #index = new Map();
  #atBottom = true;
  #range = [0, 0];
  #observer = new ResizeObserver(() => this.#measure());
  #viewport = 0;
  #shownItems = null;
  #top = 0; // where the view was when last looked at or put somewhere

  constructor() {
    super();
    Object.assign(this, { items: [], keyOf: (item) => item.id, row: () => "", estimate: 60, bottom: false, label: "" });
  }

  connectedCallback() {
    super.connectedCallback();
    this.#observer.observe(this);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.#observer.disconnect();
  }

  get #scroller() {
    return this.querySelector(".v-scroll");
  }

  get atBottom() {
    return this.#atBottom;
  }

  willUpdate(changed) {
    this.#notice();
    if (changed.has("items") || this.#shownItems !== this.items) {
      this.#shownItems = this.items;
      this.#index = new Map(this.items.map((item, place) => [this.keyOf(item), place]));
      this.#lay();
    }
    this.#range = this.#visible(this.#wanted());
  }

  /** Compute where each row begins. */
  #lay() {
    const offsets = new Float64Array(this.items.length + 1);
    for (let place = 0; place < this.items.length; place++) {
      offsets[place + 1] = offsets[place] + (this.#heights.get(this.keyOf(this.items[place])) ?? this.estimate);
    }
    this.#offsets = offsets;
  }

  get #total() {
    return this.#offsets[this.#offsets.length - 1];
  }

  /** Return the scroll position that keeps what is looked at where it is. */
  #wanted() {
    if (this.bottom && this.#atBottom) return Math.max(0, this.#total - this.#viewport);
    const place = this.#anchor && this.#index.get(this.#anchor.key);
    if (place !== undefined && place !== null) return this.#offsets[place] + this.#anchor.delta;
    return this.#scroller?.scrollTop ?? 0;
  }

  /** Return the place of the row at a height. */
  #at(height) {
    let low = 0, high = this.#offsets.length - 2;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#offsets[middle] <= height) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #visible(top) {
    if (!this.items.length) return [0, 0];
    const viewport = this.#viewport || 800;
    return [this.#at(Math.max(0, top - BEYOND)), Math.min(this.items.length, this.#at(top + viewport + BEYOND) + 1)];
  }

  render() {
    const [first, end] = this.#range;
    return html`
      <div class="v-scroll" tabindex="0" role="group" aria-label=${this.label} @scroll=${this.#scrolled}>
        <div class="v-space">
          <div class="v-rows" role="list">
            ${repeat(this.items.slice(first, end), this.keyOf, (item, at) => html`
              <div class="v-row" role="listitem" aria-posinset=${first + at + 1} aria-setsize=${this.items.length}>${this.row(item, this.items[first + at - 1], first + at)}</div>`)}
          </div>
        </div>
      </div>`;
  }

  updated(changed) {
    const rows = this.querySelector(".v-rows");
    for (const row of rows.children) this.#observer.observe(row);
    this.#place();
    this.#measure();
    if (changed.has("current") && this.current) this.reveal(this.current);
    this.#ask();
  }

  #place() {
    this.querySelector(".v-space").style.height = `${this.#total}px`;
    this.querySelector(".v-rows").style.transform = `translateY(${this.#offsets[this.#range[0]] ?? 0}px)`;
  }

  #measure() {
    const scroller = this.#scroller;
    if (!scroller) return;
    this.#notice();
    const viewport = scroller.clientHeight;
    let changed = viewport !== this.#viewport;
    this.#viewport = viewport;
    const rows = this.querySelector(".v-rows").children;
    for (let at = 0; at < rows.length; at++) {
      const item = this.items[this.#range[0] + at];
      if (item === undefined) break;
      const height = rows[at].getBoundingClientRect().height;
      const key = this.keyOf(item);
      if (height && this.#heights.get(key) !== height) {
        this.#heights.set(key, height);
        changed = true;
      }
    }
    if (changed) this.#lay();
    this.#place();
    const wanted = this.#wanted();
    if (Math.abs(scroller.scrollTop - wanted) > 0.5) scroller.scrollTop = wanted;
    this.#top = scroller.scrollTop;
    const [first, end] = this.#visible(wanted);
    if (first < this.#range[0] || end > this.#range[1]) this.requestUpdate();
  }

  /** Notice where the reader has gone since, before anything is moved under them. */
  #notice() {
    const top = this.#scroller?.scrollTop ?? 0;
    if (Math.abs(top - this.#top) < 1 || !this.#shownItems?.length) return;
    this.#top = top;
    this.#atBottom = this.#total - top - this.#viewport < 40;
    const place = Math.min(this.#at(top), this.#shownItems.length - 1);
    const atTop = !this.bottom && top < 1; // what comes first is looked at, whatever that is
    this.#anchor = atTop ? null : { key: this.keyOf(this.#shownItems[place]), delta: top - this.#offsets[place] };
  }

  #scrolled() {
    this.#notice();
    const top = this.#top;
    const [first, end] = this.#visible(top);
    if (first !== this.#range[0] || end !== this.#range[1]) this.requestUpdate();
    this.#ask();
    this.tell("moved");
  }

  #ask() {
    const top = this.#scroller.scrollTop;
    if (top < NEAR) this.tell("near-start");
    if (this.#total - top - this.#viewport < NEAR) this.tell("near-end");
  }

  /** Bring a row into view. */
  reveal(key) {
    const place = this.#index.get(key);
    const scroller = this.#scroller;
    if (place === undefined || !scroller) return;
    const top = this.#offsets[place], end = this.#offsets[place + 1];
    let wanted = scroller.scrollTop;
    if (top < wanted) wanted = top;
    else if (end > wanted + this.#viewport) wanted = end - this.#viewport;
    this.#go(wanted);
  }

  toBottom() {
    this.#atBottom = true;
    this.#anchor = null;
    this.#top = this.#scroller?.scrollTop ?? 0;
    this.requestUpdate();
  }

  /** Forget what was looked at: other items are shown from now on. */
  begin() {
    this.#heights.clear();
    this.#anchor = null;
    this.#atBottom = true;
    this.#shownItems = null;
    this.#top = 0;
    if (this.#scroller) this.#scroller.scrollTop = 0;
  }

  #go(top) {
    if (Math.abs(this.#scroller.scrollTop - top) < 1) return;
    this.#scroller.scrollTop = top;
    this.#scrolled();
  }
}

customElements.define("jc-virtual", Virtual);
