// The ledger: rows that are only ever added, narrowed by kind and time.
import { Element, html } from "../element.js";
import { brief, exactly } from "../format.js";
import { Listing } from "../parts/listing.js";
import { money, signed } from "../parts/money.js";
import { session } from "../session.js";
import { plain } from "../text.js";

const KINDS = {
  CONSUMPTION: "Sent", VOICE_OUTBOUND: "Call placed", VOICE_INBOUND: "Call taken", REFUND: "Came back",
  "SUCCESS RECHARGE": "Paid in", "PENDING RECHARGE": "Order made", "FAILED RECHARGE": "Order failed",
};
const AGAIN_MS = 1000;

class Ledger extends Element {
  static properties = { app: { attribute: false } };

  #timer = null;

  constructor() {
    super();
    this.list = new Listing(this, "/transaction/tenant-transactions/");
  }

  connectedCallback() {
    super.connectedCallback();
    this.list.begin();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearTimeout(this.#timer);
  }

  /** Read the newest rows again: the wallet has moved. */
  moved() {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      if (this.list.rows.length <= this.list.size) this.list.renew();
    }, AGAIN_MS);
  }

  #narrow(change) {
    this.list.begin({ ...this.list.query, ...change });
  }

  /** Return the moment at which a day begins here, some days after the one written. */
  #begins(day, after = 0) {
    if (!day) return "";
    const [year, month, date] = day.split("-").map(Number);
    return new Date(year, month - 1, date + after).toISOString();
  }

  render() {
    const instead = this.list.instead(html`<p>Nothing was charged or paid in${Object.values(this.list.query).some(Boolean) ? " then" : " yet"}.</p>`);
    return html`
      <div class="narrowing filters-line">
        <select aria-label="Kind" @change=${(event) => this.#narrow({ transaction_type: event.target.value })}>
          <option value="">Everything</option>${Object.entries(KINDS).map(([id, name]) => html`<option value=${id}>${name}</option>`)}</select>
        <label class="line">From <input type="date" @change=${(event) => this.#narrow({ created_at__gte: this.#begins(event.target.value) })}></label>
        <label class="line">To <input type="date" @change=${(event) => this.#narrow({ created_at__lt: this.#begins(event.target.value, 1) })}></label>
      </div>
      ${instead ?? html`<table><thead><tr><th>When</th><th>What</th><th class="number">Amount</th><th class="number wide">Balance after</th></tr></thead>
        <tbody>${this.list.rows.map((row) => this.#row(row))}</tbody></table>`}
      ${this.list.foot()}`;
  }

  #row(row) {
    return html`<tr>
      <td><time datetime=${row.created_at} title=${exactly(row.created_at)}>${brief(row.created_at)}</time></td>
      <td><b>${KINDS[row.transaction_type] ?? plain(row.transaction_type, 40)}</b> ${this.#about(row)}
        ${row.reserved_change > 0 ? html`<span class="tag">set aside</span>` : ""}</td>
      <td class="number">${row.change ? signed(row.change, row.change_currency) : html`<span class="soft" title="The balance does not move">${money(row.amount, row.amount_currency)}</span>`}</td>
      <td class="number wide">${money(row.balance_after, row.balance_after_currency)}</td></tr>`;
  }

  #about(row) {
    const told = plain(row.broadcast_name ?? row.description ?? "", 100);
    if (row.broadcast && session.may("broadcast.view")) return html`<a href="#/broadcasts/${row.broadcast}"><bdi>${told || "Broadcast"}</bdi></a>`;
    if (row.call && session.may("voice.view")) return html`<a href="#/calls/${row.call}">${told || "Call"}</a>`;
    return told ? html`<span class="soft"><bdi>${told}</bdi></span>` : "";
  }
}

customElements.define("jc-ledger", Ledger);
