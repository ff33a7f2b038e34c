"use strict";
// Sorting of the page's own tables, filters and opacity of the chosen samples. All else there works without a script.

function sortBy(body, column, kind, ascending) {
  const key = (row) => {
    const cell = row.cells[column];
    return kind === "number" ? parseFloat(cell.dataset.value) : cell.textContent.trim().toLowerCase();
  };
  const missing = (value) => Number.isNaN(value);
  const rows = Array.from(body.rows).filter((row) => !row.classList.contains("divider")).map((row) => ({ row, value: key(row) }));
  rows.sort((a, b) => {
    if (missing(a.value) || missing(b.value)) return missing(a.value) - missing(b.value);
    const order = kind === "number" ? a.value - b.value : a.value.localeCompare(b.value);
    return ascending ? order : -order;
  });
  body.append(...rows.map(({ row }) => row));
}

function makeSortable(table) {
  const heads = Array.from(table.tHead.rows[table.tHead.rows.length - 1].cells);
  heads.forEach((head, column) => {
    if (!head.dataset.sort) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const before = head.getAttribute("aria-sort");
      const first = head.dataset.sort === "number" ? "descending" : "ascending";
      const other = first === "ascending" ? "descending" : "ascending";
      const order = before === first ? other : first;
      heads.forEach((one) => one.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", order);
      Array.from(table.tBodies).forEach((body) => sortBy(body, column, head.dataset.sort, order === "ascending"));
    });
  });
}

function makeFilters(section) {
  const cards = Array.from(section.querySelectorAll(".card"), (card) => ({
    card,
    states: card.dataset.state.split(" "),
    words: card.textContent.toLowerCase(),
  }));
  const filter = section.querySelector(".filter");
  const find = section.querySelector(".find");
  const shown = section.querySelector(".shown");
  const update = () => {
    const words = find.value.trim().toLowerCase();
    let count = 0;
    cards.forEach(({ card, states, words: text }) => {
      const fits = (!filter.value || states.includes(filter.value)) && text.includes(words);
      card.hidden = !fits;
      count += fits;
    });
    shown.textContent = `${count} of ${cards.length} shown`;
  };
  filter.addEventListener("change", update);
  find.addEventListener("input", update);
  update();
}

function makeOpacity(section) {
  const slider = section.querySelector(".opacity");
  slider?.addEventListener("input", () => section.style.setProperty("--opacity", slider.value / 100));
}

function makeCopy(button) {
  const source = document.getElementById(button.dataset.copy);
  const words = button.textContent;
  button.addEventListener("click", async () => {
    source.select();
    try {
      await navigator.clipboard.writeText(source.value);
    } catch {
      document.execCommand("copy"); // pages opened as files may not have the clipboard
    }
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = words; }, 2000);
  });
}
