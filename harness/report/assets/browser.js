// The table of all samples of a task. Its data lie packed in the page, or in a script beside it.

const STATUSES = ["ok", "unparsed", "empty", "failed", "absent"];
const SHOWN = [
  ["", "all samples"],
  ["differ", "A and B score differently"],
  ["a", "A better than B"],
  ["b", "B better than A"],
  ["low", "A or B wrong or below half"],
  ["trouble", "A or B unparsed, empty or failed"],
  ["pictured", "those with a picture here"],
];
const SHORT = 140;

function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

function escapeText(text) {
  return String(text).replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
}

async function unpack(packed) {
  const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

// What scripts beside the page hand over, by name.
const geopix = {
  waiting: new Map(),
  receive(name, packed) {
    this.waiting.get(name)?.(packed);
  },
  load(name) {
    return new Promise((resolve, reject) => {
      this.waiting.set(name, resolve);
      const script = make("script", { src: `data/${name}.js` });
      script.addEventListener("error", () => reject(new Error(`data/${name}.js is not beside this page`)));
      document.head.append(script);
    });
  },
};
globalThis.geopix = geopix;

class Browser {
  constructor(section) {
    this.section = section;
    this.key = section.dataset.browser;
    const [a, b = a] = section.dataset.runs.split(" ").map(Number);
    this.state = { a, b, show: "", tag: "", find: "" };
    this.masks = new Map();
    section.querySelector(".open").addEventListener("click", () => this.open());
  }

  // Unpacks the data and builds the table, once.
  open() {
    this.opening ??= this.build();
    return this.opening;
  }

  async build() {
    const status = this.section.querySelector(".state");
    status.textContent = "Reading the samples …";
    try {
      const inside = document.getElementById(`${this.key}-sheet`);
      this.sheet = await unpack(inside ? inside.textContent.trim() : await geopix.load(this.key));
    } catch (error) {
      status.textContent = `The samples cannot be read: ${error.message}`;
      throw error;
    }
    status.textContent = "";
    this.told = this.sheet.truths.some(Boolean);
    this.rows = this.sheet.ids.map((_, row) => row);
    this.section.querySelector(".open").remove();
    this.room = this.section.querySelector(".room");
    this.room.hidden = false;
    this.room.append(this.tools(), make("div", { className: "holder" }));
    this.draw();
  }

  tools() {
    const runs = this.sheet.runs.map((label, number) => [String(number), label]);
    const tags = Object.entries(this.sheet.tags).flatMap(([tag, values]) =>
      [...new Set(values)].filter(Boolean).sort().map((value) => [JSON.stringify([tag, value]), `${tag}: ${value}`]));
    const find = make("input", { type: "search", className: "find", placeholder: "words, ids, answers" });
    find.addEventListener("input", () => this.set({ find: find.value }));
    const choices = [this.choice("A", "a", runs), this.choice("B", "b", runs), this.choice("Show", "show", SHOWN)];
    if (tags.length && tags.length < 400) choices.push(this.choice("Tag", "tag", [["", "any"], ...tags]));
    this.find = find;
    const bar = make("div", { className: "tools" }, ...choices, make("label", {}, "Find ", find));
    bar.setAttribute("role", "group");
    bar.setAttribute("aria-label", "Which samples are listed");
    return bar;
  }

  choice(label, name, options) {
    const select = make("select", { className: `choose-${name}` }, ...options.map(([value, words]) => make("option", { value }, words)));
    select.value = String(this.state[name]);
    select.addEventListener("change", () => this.set({ [name]: name === "a" || name === "b" ? Number(select.value) : select.value }));
    return make("label", {}, `${label} `, select);
  }

  // Takes a new state; the table is built anew where its columns change.
  set(change, quiet = false) {
    const before = { ...this.state };
    Object.assign(this.state, change);
    for (const name of ["a", "b", "show", "tag"]) {
      const select = this.room.querySelector(`.choose-${name}`);
      if (select) select.value = String(this.state[name]);
    }
    if (this.find.value !== this.state.find) this.find.value = this.state.find;
    if (before.a !== this.state.a || before.b !== this.state.b) this.draw();
    else this.table.search(this.state.find).draw();
    if (!quiet) this.remember();
  }

  remember(sample = null) {
    history.replaceState(null, "", this.link(sample));
  }

  link(sample) {
    const { a, b, show, tag, find } = this.state;
    const parts = { task: this.sheet.task, sample, a: this.sheet.runs[a], b: this.sheet.runs[b], show, tag, find };
    const filled = Object.entries(parts).filter(([, value]) => value);
    return `#${new URLSearchParams(filled)}`;
  }

  draw() {
    this.table?.destroy(true);
    const names = [...new Set([this.state.a, this.state.b])];
    const heads = ["Sample", "Prompt", ...(this.told ? ["Right answer"] : []), ...names.map((number) => `${number === this.state.a ? "A" : "B"}: ${this.sheet.runs[number]}`)];
    const head = make("thead", {}, make("tr", {}, ...heads.map((words) => make("th", { scope: "col" }, words))));
    const element = make("table", { className: "samples-table" }, make("caption", { className: "unseen" }, `All samples of ${this.sheet.task}`), head);
    const scroll = make("div", { className: "scroll" }, element);
    this.room.querySelector(".holder").replaceChildren(scroll);
    scroll.tabIndex = 0;
    scroll.setAttribute("role", "region");
    scroll.setAttribute("aria-label", "All samples, scrolls sideways");
    this.table = new DataTable(element, {
      data: this.rows,
      columns: this.columns(names),
      order: [],
      autoWidth: false,
      pageLength: 20,
      layout: { topStart: null, topEnd: null, bottomStart: "info", bottomEnd: "paging" },
      language: { emptyTable: "No samples", zeroRecords: "No sample fits", info: "_START_ to _END_ of _TOTAL_ samples", infoFiltered: "(of _MAX_)", infoEmpty: "no sample" },
      search: { search: this.state.find },
    });
    this.table.search.fixed("shown", (_, row) => this.fits(row)).draw();
    // The controls belong beneath the table's frame, not into what scrolls.
    const wrapper = scroll.querySelector(".dt-container");
    if (wrapper) scroll.after(...Array.from(wrapper.children).filter((child) => !child.contains(element)));
  }

  columns(names) {
    const { sheet } = this;
    const words = (column) => (row, type) => {
      const text = column[row] ?? "";
      return type === "display" ? escapeText(text.length > SHORT ? `${text.slice(0, SHORT)} …` : text) : text;
    };
    return [
      { className: "col-id", data: (row, type) => type === "display" ? `<a href="${escapeText(this.link(sheet.ids[row]))}">${escapeText(sheet.ids[row])}</a>` : sheet.ids[row] },
      { className: "col-words", data: words(sheet.prompts) },
      ...(this.told ? [{ className: "col-words", data: words(sheet.truths) }] : []),
      ...names.map((number) => ({ className: "col-answer", data: (row, type) => this.cell(number, row, type) })),
    ];
  }

  cell(number, row, type) {
    const answers = this.sheet.answers[number];
    if (type === "sort" || type === "type") return answers.scores[row] ?? -1e9;
    const read = answers.parsed[row] || "";
    const text = [this.outcome(number, row), read.length > SHORT ? `${read.slice(0, SHORT)} …` : read].filter(Boolean).join(" · ");
    return type === "display" ? escapeText(text) : `${text} ${answers.raw[row] ?? ""}`;
  }

  status(number, row) {
    return STATUSES[this.sheet.answers[number].status[row]];
  }

  outcome(number, row) {
    const score = this.sheet.answers[number].scores[row];
    const status = this.status(number, row);
    if (status === "absent") return "not in this run";
    const words = score === null ? "n/a" : this.sheet.yes_or_no ? (score ? "✓ right" : "✗ wrong") : this.number(score);
    return status === "ok" ? words : `${status} ${words}`;
  }

  number(value) {
    return this.sheet.metric.unit === "percent" ? (100 * value).toFixed(1) : value.toFixed(this.sheet.metric.unit === "pixels" ? 2 : 3);
  }

  fits(row) {
    const { a, b, show, tag } = this.state;
    if (tag) {
      const [name, value] = JSON.parse(tag);
      if (this.sheet.tags[name]?.[row] !== value) return false;
    }
    if (!show) return true;
    if (show === "pictured") return this.sheet.places[row].length > 0;
    if (show === "trouble") return this.status(a, row) !== "ok" || this.status(b, row) !== "ok";
    const sign = this.sheet.metric.higher ? 1 : -1;
    const [one, other] = [a, b].map((number) => this.sheet.answers[number].scores[row]);
    if (show === "low") return [one, other].some((score) => score !== null && score < 0.5);
    if (one === null || other === null) return false;
    if (show === "differ") return one !== other;
    return show === "a" ? sign * (one - other) > 0 : sign * (other - one) > 0;
  }

  // Rows in the order in which they are listed.
  listed() {
    return this.table.rows({ order: "applied", search: "applied" }).data().toArray();
  }

  async masksOf(row) {
    const { sheet } = this;
    if (!sheet.chunk) return sheet.masks?.[row];
    const number = Math.floor(row / sheet.chunk);
    if (!this.masks.has(number)) this.masks.set(number, geopix.load(`${this.key}-${number}`).then(unpack));
    return (await this.masks.get(number))[row];
  }
}
