// A chart of values over time; what it shows last stands beside it in words.
import { Element, createRef, html, ref } from "../element.js";
import { sheet } from "../sheet.js";
import UPlot from "../vendored/uPlot-1.6.32.js";

await sheet(new URL("../vendored/uPlot-1.6.32.css", import.meta.url));

const HEIGHT = 150;
const dark = matchMedia("(prefers-color-scheme: dark)");

class Chart extends Element {
  static properties = { name: {}, now: {}, at: { attribute: false }, lines: { attribute: false }, most: { attribute: false } };

  #box = createRef();
  #plot = null;
  #shape = "";
  #sized = new ResizeObserver(() => this.#size());
  #scheme = () => this.#draw(true);

  connectedCallback() {
    super.connectedCallback();
    dark.addEventListener("change", this.#scheme);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    dark.removeEventListener("change", this.#scheme);
    this.#sized.disconnect();
    this.#plot?.destroy();
    this.#plot = null;
  }

  updated() {
    this.#draw();
  }

  #size() {
    const width = this.#box.value?.clientWidth;
    if (width && this.#plot && this.#plot.width !== width) this.#plot.setSize({ width, height: HEIGHT });
  }

  #draw(anew = false) {
    const box = this.#box.value;
    if (!box || !this.at?.length) return;
    const data = [this.at, ...this.lines.map((line) => line.values)];
    const shape = this.lines.map((line) => line.name).join();
    if (this.#plot && shape === this.#shape && !anew) return this.#plot.setData(data);
    this.#plot?.destroy();
    this.#shape = shape;
    const style = getComputedStyle(this);
    const colour = (name) => style.getPropertyValue(name).trim();
    const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 }, font: `11px ${style.fontFamily}` };
    this.#plot = new UPlot({
      width: box.clientWidth || 300, height: HEIGHT, legend: { show: false }, cursor: { drag: { x: false, y: false } },
      scales: { y: { range: (plot, low, high) => [0, this.most ?? Math.max(1, (high ?? 0) * 1.15)] } },
      axes: [{ ...axis, size: 28 }, { ...axis, size: 46 }],
      series: [{}, ...this.lines.map((line) => ({
        label: line.name, stroke: colour(line.colour), width: 2, spanGaps: false, points: { size: 4, show: line.values.length < 60 }, dash: line.dash,
      }))],
    }, data, box);
    this.#sized.observe(box);
  }

  render() {
    const said = this.lines.map((line) => `${line.name}: ${line.last}`).join(", ");
    return html`
      <figure class="chart">
        <figcaption>${this.name} ${this.lines.map((line) => html`
          <span class="key"><i class="line-of ${line.dash ? "dashed" : ""}" data-colour=${line.colour.slice(2)}></i>${line.name} <b>${line.last}</b></span>`)}</figcaption>
        ${this.at?.length ? html`<div class="plot" role="img" aria-label="${this.name}. ${said}" ${ref(this.#box)}></div>` : html`<p class="soft none">Nothing was measured yet.</p>`}
      </figure>`;
  }
}

customElements.define("jc-chart", Chart);
