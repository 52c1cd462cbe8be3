// Trends: what rises and falls over time in the photos of the index.

import { element } from "./elements.js";
import { percent, trendPlot } from "./trend_plot.js";

const PERIODS = ["week", "month", "quarter", "year"];
const MOST_PLOTS = 18; // as on the page of `fashion trends`
const HEADINGS = ["series", "trend", "from", "to", "q", "images"];
const NO_DATES =
  "No photo of this index has a date. Dates come from the EXIF data of photos (DateTimeOriginal), " +
  "which “fashion catalogue” reads. If folders are named after dates, or a CSV file has them, start " +
  "the service with --dates folders or --dates FILE.csv.";

export class Trends {
  /**
   * @param {ServerEngine} engine whose model has an index
   */
  constructor(engine) {
    this.engine = engine;
    this.asked = 0; // the last question; answers to earlier ones are dropped
    this.button = element("button", { type: "button" });
    this.button.setAttribute("aria-controls", "trend-panel");
    this.button.onclick = () => this.open(this.panel.hidden);
    this.panel = element("div", { id: "trend-panel", hidden: true });
    this.summary = element("p", { className: "finding" });
    this.summary.setAttribute("aria-live", "polite");
    this.found = element("div");
    this.choices = this.makeChoices();
    this.panel.append(this.choices, this.summary, this.found);
    this.section = element(
      "section",
      { id: "trends" },
      element("h2", {}, "Trends"),
      element("p", { className: "summary" }, "What rises and falls over time in the index"),
      this.button,
      this.panel,
    );
    this.open(false);
  }

  makeChoices() {
    const select = (values) =>
      element("select", {}, ...values.map(([value, text]) => new Option(text, value)));
    const { categories } = this.engine.model.index;
    this.period = select(PERIODS.map((period) => [period, period]));
    this.period.value = "month";
    this.category = select([["any", "all"], ...categories.map((name) => [name, name])]);
    this.seasonal = element("input", { type: "checkbox" });
    this.shoots = element("input", { type: "checkbox" });
    for (const input of [this.period, this.category, this.seasonal, this.shoots]) {
      input.onchange = () => this.ask();
    }
    return element(
      "div",
      { className: "choices" },
      element("label", {}, "Period", this.period),
      element("label", {}, "Category", this.category),
      element("label", {}, this.seasonal, "compare the same season of each year"),
      element("label", {}, this.shoots, "count each photo session (folder) in one period"),
    );
  }

  open(isOpen) {
    this.panel.hidden = !isOpen;
    this.button.setAttribute("aria-expanded", String(isOpen));
    this.button.textContent = isOpen ? "Hide trends" : "Show trends";
    if (isOpen && !this.asked) this.ask();
  }

  async ask() {
    const asked = ++this.asked;
    this.summary.textContent = "Computing …";
    this.found.replaceChildren();
    let text, parts;
    try {
      const answer = await this.engine.trends({
        period: this.period.value,
        category: this.category.value,
        seasonal: this.seasonal.checked,
        shoots: this.shoots.checked,
      });
      [text, parts] = hasDates(answer)
        ? [answer.summary, [...plotsOf(answer), ...tableOf(answer), ...notesOf(answer)]]
        : [NO_DATES, []];
    } catch (error) {
      [text, parts] = [error.message, []];
    }
    if (asked !== this.asked) return;
    this.choices.hidden = text === NO_DATES;
    this.summary.textContent = text;
    this.found.replaceChildren(...parts);
  }
}

/** False if no photo of the index has a date; of one category alone that would say little. */
function hasDates({ category, images, left_out: left, imprecise_dates: coarse, undated }) {
  return category !== null || images + left.periods.length + coarse > 0 || undated === 0;
}

function plotsOf(answer) {
  const trends = answer.series.filter(({ trend }) => trend !== "none");
  if (!trends.length) return [];
  const figures = trends.slice(0, MOST_PLOTS).map((row) => {
    const text = `${titleOf(row)}: from ${percent(row.from)} to ${percent(row.to)}, ${qOf(row)}`;
    return element(
      "figure",
      {},
      element("figcaption", {}, element("b", {}, titleOf(row)), text.slice(titleOf(row).length)),
      trendPlot(row, text),
    );
  });
  const more = trends.length - figures.length;
  const images = answer.category ? `images with “${answer.category}”` : "images";
  const note =
    `Dots: share of the ${images} of each ${answer.period}; bars: 95 % intervals (Wilson). ` +
    `Line: Theil and Sen.${more > 0 ? ` The table has ${more} more trends.` : ""}`;
  return [
    element("div", { className: "plots" }, ...figures),
    element("p", { className: "summary" }, note),
  ];
}

function tableOf({ series }) {
  if (!series.length) return [];
  const head = HEADINGS.map((text) => element("th", { scope: "col" }, text));
  const rows = series.map((row) => {
    const { from, to, q, images } = row;
    const trend = row.trend === "none" ? "" : row.trend;
    const cells = [trend, percent(from), percent(to), qText(q), images.toLocaleString("en")];
    return element(
      "tr",
      {},
      element("th", { scope: "row" }, titleOf(row)),
      ...cells.map((cell) => element("td", {}, cell)),
    );
  });
  const table = element(
    "table",
    {},
    element("thead", {}, element("tr", {}, ...head)),
    element("tbody", {}, ...rows),
  );
  // Whoever has no mouse scrolls a wide table with the arrow keys.
  const frame = element("div", { className: "table", tabIndex: 0 }, table);
  frame.setAttribute("role", "region");
  frame.setAttribute("aria-label", "All series");
  const note =
    "From, to: ends of the line of Theil and Sen. q: p value after Benjamini and Hochberg.";
  return [
    element("h3", {}, "All series"),
    frame,
    element("p", { className: "summary" }, note),
  ];
}

function notesOf({ notes }) {
  if (!notes.length) return [];
  const items = notes.map((text) => element("p", { className: "summary" }, text));
  return [element("h3", {}, "What is assumed, and what is left out"), ...items];
}

function titleOf({ kind, name }) {
  return kind === "category" ? name : `${name} (${kind})`;
}

function qOf({ q }) {
  return q < 0.001 ? "q < 0.001" : `q = ${qText(q)}`;
}

function qText(q) {
  return q < 0.001 ? "< 0.001" : String(Number(q.toPrecision(2)));
}
