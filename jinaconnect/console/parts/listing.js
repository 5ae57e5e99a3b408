// A list of the API as a page shows it: read in pages, kept true by events, with its states of loading, empty and fault.
import { api } from "../api.js";
import { html } from "../element.js";

export class Listing {
  rows = []; // as the API orders them
  error = null;
  loading = false;
  #more = ""; // the cursor of the next page, null at the end
  #seqs = new Map(); // the newest event each row was taken from
  #asked = 0;

  /** `host` is drawn anew with each change; `query` are the filters of the list at `path`. */
  constructor(host, path, query = {}, size = 50) {
    Object.assign(this, { host, path, query, size });
  }

  get done() {
    return this.#more === null;
  }

  /** Read the list from its beginning, with other filters where some are given. */
  async begin(query = this.query) {
    this.query = query;
    this.#more = "";
    this.rows = [];
    await this.more();
    return this;
  }

  /** Read the next page. */
  async more() {
    if (this.done) return;
    const asked = ++this.#asked;
    this.loading = true;
    this.error = null;
    this.host.requestUpdate();
    try {
      const given = Object.entries(this.query).filter(([, value]) => value !== "" && value !== null && value !== undefined);
      const asks = new URLSearchParams([...given, ["page_size", this.size], ["cursor", this.#more]]);
      const page = await api.get(`${this.path}?${asks}`);
      if (asked !== this.#asked) return;
      const held = new Set(this.rows.map((row) => row.id));
      this.rows = [...this.rows, ...page.results.filter((row) => !held.has(row.id))];
      this.#more = page.next_cursor ?? null;
    } catch (error) {
      if (asked === this.#asked) this.error = error;
    } finally {
      if (asked === this.#asked) this.loading = false;
      this.host.requestUpdate();
    }
  }

  /** Read the first page anew, without showing nothing meanwhile; what was read beyond it is left out. */
  async renew() {
    const other = new Listing({ requestUpdate() {} }, this.path, this.query, this.size);
    const asked = ++this.#asked;
    await other.begin();
    if (asked !== this.#asked || other.error) return;
    Object.assign(this, { rows: other.rows, loading: false, error: null });
    this.#more = other.#more;
    this.host.requestUpdate();
  }

  get(id) {
    return this.rows.find((row) => row.id === id);
  }

  /** Take a row's state, of an answer or of the event with a number: in its place, or as the newest. */
  put(row, seq = 0) {
    if (seq && (this.#seqs.get(row.id) ?? 0) >= seq) return;
    if (seq) this.#seqs.set(row.id, seq);
    const at = this.rows.findIndex((each) => each.id === row.id);
    this.rows = at < 0 ? [row, ...this.rows] : this.rows.with(at, { ...this.rows[at], ...row });
    this.host.requestUpdate();
  }

  /** Take a row out; what was asked for before may still have it, and is not waited for. */
  drop(id) {
    this.#asked++;
    this.loading = false;
    this.rows = this.rows.filter((row) => row.id !== id);
    this.host.requestUpdate();
  }

  /** Return what stands in place of the rows where there are none yet; null where rows are to be drawn. */
  instead(none) {
    if (this.error && !this.rows.length) return fault(this.error, () => this.begin());
    if (this.rows.length) return null;
    return this.loading ? waiting : html`<div class="empty">${none}</div>`;
  }

  /** Return what stands below the rows: how to get more of them, or why there are none. */
  foot() {
    if (this.error && this.rows.length) return fault(this.error, () => this.more());
    return this.done || !this.rows.length ? "" : html`<p class="foot"><button ?disabled=${this.loading} @click=${() => this.more()}>${this.loading ? "Loading…" : "Show more"}</button></p>`;
  }
}

export const waiting = html`<div class="skeletons" role="status" aria-label="Loading">${[1, 2, 3].map(() => html`<div class="skeleton"></div>`)}</div>`;

export function fault(error, again) {
  return html`<div class="empty" role="alert"><p>${error.message}</p>${again ? html`<button @click=${again}>Try again</button>` : ""}</div>`;
}
