// The wallet: what there is to spend, what to see to, what was charged and paid in.
import { api } from "../api.js";
import { Element, html } from "../element.js";
import { brief, exactly } from "../format.js";
import { icons } from "../icons.js";
import { dialog } from "../parts/dialog.js";
import { copied, doing, patch, post, refusal, tabs, values } from "../parts/form.js";
import { Listing, fault, waiting } from "../parts/listing.js";
import { money } from "../parts/money.js";
import { session } from "../session.js";
import { sheet } from "../sheet.js";
import { plain } from "../text.js";
import "./ledger.js";

await sheet(new URL("../pages.css", import.meta.url));

const PARTS = [["ledger", "Ledger"], ["recharges", "Recharges"]];
const ORDERS = { PENDING: ["Waits to be paid", "wait"], SUCCESS: ["Paid", "good"], FAILED: ["Failed", "bad"] };

export default class WalletPage extends Element {
  static properties = {
    app: { attribute: false }, path: { attribute: false }, wallet: { state: true }, alerts: { state: true }, error: { state: true },
    open: { state: true }, order: { state: true },
  };

  constructor() {
    super();
    this.orders = new Listing(this, "/razorpay/razor-pay/");
  }

  connectedCallback() {
    super.connectedCallback();
    this.leave = this.app.listen((events) => {
      const told = events.findLast((event) => event.type.startsWith("wallet."));
      if (told) this.#moved(told.data);
    }, () => this.#read());
    this.#read();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.leave();
  }

  async #read() {
    this.error = null;
    try {
      [this.wallet, this.alerts] = await Promise.all([api.get("/tenants/host-wallet/"), api.get("/tenants/host-wallet/alerts/").then((told) => told.alerts)]);
    } catch (error) {
      if (error.status === 404) this.wallet = null;
      else this.error = error;
    }
  }

  /** Take the wallet's state from the feed. */
  async #moved(data) {
    this.wallet = { ...this.wallet, ...data };
    this.querySelector("jc-ledger")?.moved();
    if (this.path[0] === "recharges") this.orders.renew();
    this.alerts = await api.get("/tenants/host-wallet/alerts/").then((told) => told.alerts, () => this.alerts);
  }

  willUpdate(changed) {
    if (changed.has("path") && this.path[0] === "recharges" && !this.orders.rows.length) this.orders.begin();
  }

  async #threshold(event) {
    event.preventDefault();
    const done = await doing(this, () => patch("/tenants/host-wallet/", values(event.target)), "Kept.");
    if (!done) return;
    this.wallet = done;
    this.open = null;
  }

  async #play(event) {
    event.preventDefault();
    const done = await doing(this, () => post("/sandbox/wallet/", { ...values(event.target), is_on: true }), "Play money is in the wallet.");
    if (!done) return;
    this.wallet = done;
    this.open = null;
    this.querySelector("jc-ledger")?.moved();
  }

  async #recharge(event) {
    event.preventDefault();
    const done = await doing(this, () => post("/razorpay/razor-pay/", values(event.target)));
    if (!done) return;
    this.order = done;
    this.orders.put(done);
  }

  render() {
    if (this.error) return fault(this.error, () => this.#read());
    if (this.wallet === undefined) return waiting;
    const manages = session.may("billing.manage");
    const test = session.mode === "test";
    const at = this.path[0] === "recharges" ? "recharges" : "ledger";
    return html`
      <section class="page">
        <header class="page-head"><h1>Wallet</h1>
          ${manages && this.wallet ? html`<button @click=${() => this.#ask("threshold")}>Warn me below…</button>` : ""}
          ${manages ? html`<button class="primary" @click=${() => this.#ask(test ? "play" : "recharge")}>${icons.add} ${test ? "Play money" : "Recharge"}</button>` : ""}</header>
        ${this.#balance()}
        ${(this.alerts ?? []).map((each) => html`<p class=${each.severity === "critical" ? "notice bad" : "notice"}><b>${plain(each.title, 120)}</b> ${plain(each.message, 300)}</p>`)}
        ${test ? html`<h2>Ledger</h2>` : tabs("Parts of the wallet", "wallet", PARTS, at)}
        ${at === "recharges" && !test ? this.#orders() : html`<jc-ledger .app=${this.app}></jc-ledger>`}
        ${dialog(this, "open", { threshold: "Warn me", play: "Play money", recharge: "Recharge" }[this.open], () => this.#dialog())}
      </section>`;
  }

  #ask(what) {
    this.order = null;
    this.fault = null;
    this.open = what;
  }

  #balance() {
    const { wallet } = this;
    if (!wallet) return html`<p class="notice">This organisation has no wallet: nothing is charged.</p>`;
    const figure = (name, value) => html`<div><dt>${name}</dt><dd>${money(value, wallet.balance_currency)}</dd></div>`;
    return html`
      ${wallet.is_on ? "" : html`<p class="notice">The wallet is not switched on: nothing is charged.</p>`}
      <dl class="figures">${figure("To spend", wallet.total_balance)} ${figure("Balance", wallet.balance)}
        ${figure("Set aside for what is on its way", wallet.reserved)} ${wallet.credit_line ? figure("Credit", wallet.credit_line) : ""}
        ${figure("Warns below", wallet.threshold_alert)}</dl>`;
  }

  #dialog() {
    const buttons = (name) => html`${refusal(this)}<footer><button type="button" @click=${() => (this.open = null)}>Leave it</button><button class="primary" ?disabled=${this.busy}>${name}</button></footer>`;
    const currency = this.wallet?.balance_currency ?? "USD";
    if (this.open === "threshold") {
      return html`<form @submit=${(event) => this.#threshold(event)}><label>Below how much is left, in ${currency}
        <input name="threshold_alert" type="number" min="0" step="any" required .value=${String(this.wallet.threshold_alert)}></label>${buttons("Keep")}</form>`;
    }
    if (this.open === "play") {
      return html`<form @submit=${(event) => this.#play(event)}><p>In the sandbox money is played with, and what is sent costs some of it.</p>
        <label>How much, in ${currency} <input name="amount" type="number" min="0.01" step="any" required .value=${"100"}></label>${buttons("Put it in")}</form>`;
    }
    if (this.order) {
      return html`<p>The order is made. The wallet is credited as soon as it is paid.</p>${copied(this.app, "Order at Razorpay", this.order.order_id)}
        <p><b>${money(this.order.amount, this.order.amount_currency)}</b></p>`;
    }
    return html`<form @submit=${(event) => this.#recharge(event)}><div class="side">
      <label>How much <input name="amount" type="number" min="1" step="0.01" required></label>
      <label>In <input name="amount_currency" required pattern="[A-Z]{3}" maxlength="3" .value=${currency}></label></div>
      <p class="soft small">An order is made at Razorpay, to be paid there.</p>${buttons("Make the order")}</form>`;
  }

  #orders() {
    const instead = this.orders.instead(html`<p>Nothing was paid in yet.</p>`);
    return html`${instead ?? html`<table><thead><tr><th>When</th><th>Order</th><th>State</th><th class="number">Amount</th></tr></thead>
      <tbody>${this.orders.rows.map((row) => html`<tr><td><time datetime=${row.created_at} title=${exactly(row.created_at)}>${brief(row.created_at)}</time></td>
        <td>${row.order_id}<br><span class="soft small"><bdi>${plain(row.created_by ?? "", 60)}</bdi></span></td>
        <td><span class="tag ${ORDERS[row.status][1]}">${ORDERS[row.status][0]}</span> ${row.error_message ? html`<span class="small">${plain(row.error_message, 120)}</span>` : ""}</td>
        <td class="number">${money(row.amount, row.amount_currency)}</td></tr>`)}</tbody></table>`}
      ${this.orders.foot()}`;
  }
}

customElements.define("jc-wallet", WalletPage);
