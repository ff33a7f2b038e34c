// One sample: picture, masks, and the answers of two runs side by side.

class Viewer {
  constructor(dialog, help) {
    this.dialog = dialog;
    this.help = help;
    this.body = dialog.querySelector(".sample");
    dialog.querySelector(".previous").addEventListener("click", () => this.step(-1));
    dialog.querySelector(".next").addEventListener("click", () => this.step(1));
    for (const box of dialog.querySelectorAll(".show-truth, .show-prediction")) box.addEventListener("change", () => this.show());
    const slider = dialog.querySelector(".opacity");
    slider.addEventListener("input", () => dialog.style.setProperty("--opacity", slider.value / 100));
    for (const one of [dialog, help]) one.querySelector(".close").addEventListener("click", () => one.close());
    dialog.addEventListener("close", () => this.browser?.remember());
  }

  open(browser, row) {
    this.browser = browser;
    this.row = row;
    if (!this.dialog.open) this.dialog.showModal();
    return this.show();
  }

  step(by) {
    const rows = this.browser.listed();
    const place = rows.indexOf(this.row);
    const next = rows[place < 0 ? 0 : place + by];
    if (next !== undefined) this.open(this.browser, next);
  }

  async show() {
    const { browser, row } = this;
    const { sheet, state } = browser;
    const masks = await browser.masksOf(row).catch((error) => ({ problem: error.message }));
    if (row !== this.row) return; // the reader has gone on
    const rows = browser.listed();
    this.dialog.querySelector("#viewer-title").textContent = sheet.ids[row];
    const place = rows.indexOf(row);
    this.dialog.querySelector(".previous").disabled = place <= 0;
    this.dialog.querySelector(".next").disabled = place < 0 || place >= rows.length - 1;
    const drawn = Boolean(masks?.truth);
    for (const tool of this.dialog.querySelectorAll(".masked")) tool.hidden = !drawn;
    const numbers = [...new Set([state.a, state.b])];
    this.body.replaceChildren(
      make("p", { className: "counts" }, `${sheet.task}, ${place < 0 ? "not in the list" : `${(place + 1).toLocaleString("en")} of ${rows.length.toLocaleString("en")} listed`}`),
      this.tags(),
      ...(drawn ? sheet.places[row].slice(1) : sheet.places[row]).map((number) => this.picture(sheet.pictures[number])),
      ...this.absent(masks),
      this.list({ Prompt: sheet.prompts[row], "Right answer": sheet.truths[row], "Right boxes": sheet.boxes[row] }),
      make("div", { className: "answers" }, ...numbers.map((number) => this.answer(number, drawn ? masks : null))),
    );
    browser.remember(sheet.ids[row]);
  }

  absent(masks) {
    const { sheet } = this.browser;
    if (masks?.problem) return [make("p", { className: "missing" }, `The masks cannot be read: ${masks.problem}`)];
    const elsewhere = !sheet.chunk && !sheet.places[this.row].length;
    return elsewhere ? [make("p", { className: "notes" }, "Picture and masks of this sample are not in this file; --format folder keeps those of all samples.")] : [];
  }

  tags() {
    const { tags } = this.browser.sheet;
    const shown = Object.entries(tags).filter(([, values]) => values[this.row]);
    return make("p", {}, ...shown.flatMap(([tag, values]) => [make("span", { className: "tag" }, `${tag}: ${values[this.row]}`), " "]));
  }

  picture([address, width, height, problem]) {
    if (!address) return make("p", { className: "missing" }, `Picture not at hand: ${problem}`);
    const source = address.startsWith("#") ? document.getElementById(address.slice(1)).getAttribute("href") : address;
    return make("img", { src: source, width, height, className: "picture plain", alt: `Picture of sample ${this.browser.sheet.ids[this.row]}` });
  }

  answer(number, masks) {
    const { sheet } = this.browser;
    const { row } = this;
    const answers = sheet.answers[number];
    const letter = number === this.browser.state.a ? "A" : "B";
    const article = make("section", { className: "answer" }, make("h3", {}, `${letter}: ${sheet.runs[number]}`),
      make("p", { className: "outcome" }, `${sheet.yes_or_no ? "" : `${sheet.metric.name} `}${this.browser.outcome(number, row)}`));
    if (masks) article.append(this.figure(number, masks));
    article.append(this.list({
      Parsed: answers.parsed[row], Boxes: answers.boxes[row], Reason: answers.reasons[row], "Raw answer": answers.raw[row],
      "The model says": answers.remarks[row], "Prompt in this run": answers.prompts[row], Statistics: this.statistics(answers.statistics),
    }));
    return article;
  }

  figure(number, masks) {
    const { sheet } = this.browser;
    const [, width, height] = sheet.pictures[sheet.places[this.row][0]] ?? [null, 384, 384];
    const [truth, prediction] = [".show-truth", ".show-prediction"].map((name) => this.dialog.querySelector(name).checked);
    const { canvas, damaged } = drawMasks(masks.truth, masks.answers[number], width, height, (truth ? 1 : 0) | (prediction ? 2 : 0));
    const full = this.fullSize(masks);
    if (full && truth) drawBoxes(canvas, masks.boxes, full, MASK_COLOURS[0], [6, 4]);
    if (full && prediction) drawBoxes(canvas, masks.found[number], full, MASK_COLOURS[1], []);
    const first = sheet.places[this.row][0];
    const picture = first === undefined ? make("p", { className: "missing" }, "no picture") : this.picture(sheet.pictures[first]);
    const notes = damaged ? [make("p", { className: "missing" }, "A mask is damaged and is not drawn.")] : [];
    if (!masks.answers[number].length && !masks.found[number].length) notes.push(make("p", { className: "notes" }, "No mask or box in this answer."));
    return make("figure", {}, make("div", { className: "stack" }, picture, canvas), ...notes);
  }

  // Width and height of the image that boxes lie in; nothing where they are not known.
  fullSize({ truth, answers }) {
    const [mask] = [...truth, ...answers.flat()];
    if (mask) return [mask[1], mask[0]];
    const first = this.browser.sheet.pictures[this.browser.sheet.places[this.row][0]];
    return first?.length > 4 ? first.slice(4) : null;
  }

  statistics(found) {
    const lines = Object.entries(found).map(([metric, columns]) => [metric,
      Object.entries(columns).filter(([, values]) => values[this.row] !== null).map(([name, values]) => `${name} ${values[this.row]}`).join(", ")]);
    return lines.filter(([, words]) => words).map(([metric, words]) => `${metric}: ${words}`).join("\n");
  }

  list(entries) {
    const shown = Object.entries(entries).filter(([, words]) => words);
    return make("dl", {}, ...shown.flatMap(([name, words]) => [make("dt", {}, name), make("dd", { className: "words" }, words)]));
  }
}
