// Similar garments: what a search found, as a grid of pictures; a click shows one in full.

import { element } from "./elements.js";

const COUNT = 12;

export class SimilarGarments {
  /**
   * @param {ServerEngine} engine
   * @param {(problem: string) => void} report shows a problem; "" hides it
   */
  constructor(engine, report) {
    [this.engine, this.report] = [engine, report];
    this.section = element("section", { id: "similar", hidden: true });
    this.title = element("h2");
    this.same = element("input", { type: "checkbox", checked: true });
    const label = element("label", {}, this.same, " same category only");
    this.summary = element("p", { className: "summary" });
    this.list = element("ul");
    this.section.append(this.title, label, this.summary, this.list);
    this.asked = 0; // the last search; answers to earlier ones are dropped
    this.again = null;
    this.same.onchange = () => this.again && this.again();
  }

  clear() {
    this.asked++;
    this.again = null;
    this.section.hidden = true;
  }

  /** Searches with a garment of the photo. */
  searchBy(garment) {
    this.again = () =>
      this.show(`Similar to ${garment.index + 1} ${garment.name}`, (parameters) =>
        this.engine.search(garment.number, parameters),
      );
    return this.again();
  }

  /** Searches with a garment of the index. */
  searchLike(found) {
    this.again = () =>
      this.show(`Similar to ${found.category} of ${found.image}`, (parameters) =>
        this.engine.similar(found.id, parameters),
      );
    return this.again();
  }

  async show(title, ask) {
    const asked = ++this.asked;
    this.report("");
    this.title.textContent = title;
    this.summary.textContent = "Searching …";
    this.list.replaceChildren();
    this.section.hidden = false;
    this.section.scrollIntoView({ behavior: "smooth", block: "start" });
    try {
      const { matches } = await ask({ k: COUNT, category: this.same.checked ? "same" : "any" });
      if (asked !== this.asked) return;
      this.summary.textContent = matches.length
        ? `${matches.length} garments, the most similar first`
        : "The index has no garment of this category.";
      this.list.replaceChildren(...matches.map((match) => this.card(match)));
    } catch (error) {
      if (asked !== this.asked) return;
      this.summary.textContent = error.message;
    }
  }

  card(match) {
    const button = element("button", { type: "button" });
    button.append(
      this.picture(match),
      element("b", {}, match.category),
      element("span", { className: "score" }, match.similarity.toFixed(2)),
    );
    button.onclick = () => this.open(match);
    return element("li", {}, button);
  }

  picture(match) {
    const image = element("img", { alt: match.category });
    this.engine.thumbnail(match.id).then(
      (address) => {
        image.onload = () => URL.revokeObjectURL(address);
        image.src = address;
      },
      () => image.classList.add("missing"),
    );
    return image;
  }

  open(match) {
    const dialog = element("dialog", { id: "hit" });
    const attributes = match.attributes.map(({ name, score }) =>
      element("li", { title: `confidence ${score.toFixed(2)}` }, name),
    );
    const colors = match.colors.map((color) => {
      const swatch = element("span", { className: "swatch", title: color });
      swatch.style.setProperty("background-color", color);
      return swatch;
    });
    const search = element("button", { type: "button" }, "Similar garments");
    const close = element("button", { type: "button" }, "Close");
    const facts = [`similarity ${match.similarity.toFixed(2)}`, match.image];
    if (match.date) facts.push(match.date.slice(0, 10));
    dialog.append(
      this.picture(match),
      element("h2", {}, match.category),
      element("p", { className: "summary" }, facts.join(" · ")),
      element("p", {}, ...colors),
      element("ul", { className: "attributes" }, ...attributes),
      element("div", { className: "downloads" }, search, close),
    );
    search.onclick = () => {
      dialog.close();
      this.searchLike(match);
    };
    close.onclick = () => dialog.close();
    dialog.onclose = () => dialog.remove();
    document.body.append(dialog);
    dialog.showModal();
  }
}
