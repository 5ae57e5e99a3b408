// The ground of the console's elements: rendered into the page itself, so that one style sheet holds for all.
import { LitElement } from "./vendored/lit-3.3.3.js";

export * from "./vendored/lit-3.3.3.js";

export class Element extends LitElement {
  createRenderRoot() {
    return this;
  }

  /** Tell those above that something happened here. */
  tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true }));
  }
}
