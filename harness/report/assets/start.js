// Wires the page up: tables, chosen samples, browsers, the address's hash, keys.

const browsers = Array.from(document.querySelectorAll("[data-browser]"), (section) => new Browser(section));
const viewer = new Viewer(document.getElementById("viewer"), document.getElementById("help"));
const TASKS = new Map(Array.from(document.querySelectorAll("section.task"), (section) => [section.dataset.task, section.id]));

// #task=NAME&a=RUN&b=RUN&show=..&tag=..&find=..&sample=ID
async function followHash() {
  const wanted = new URLSearchParams(location.hash.slice(1));
  const browser = browsers.find((one) => one.key === TASKS.get(wanted.get("task")));
  if (!browser) return;
  await browser.open();
  const { runs, ids } = browser.sheet;
  const run = (name) => runs.indexOf(wanted.get(name));
  const change = { show: wanted.get("show") ?? "", tag: wanted.get("tag") ?? "", find: wanted.get("find") ?? "" };
  for (const name of ["a", "b"]) if (run(name) >= 0) change[name] = run(name);
  if (!SHOWN.some(([value]) => value === change.show)) change.show = "";
  try {
    if (change.tag && !Array.isArray(JSON.parse(change.tag))) change.tag = "";
  } catch {
    change.tag = "";
  }
  browser.set(change, true);
  const row = ids.indexOf(wanted.get("sample"));
  if (row >= 0) await viewer.open(browser, row);
  else browser.section.scrollIntoView();
}

function turn(name) {
  const boxes = viewer.dialog.open ? [viewer.dialog.querySelector(name)] : document.querySelectorAll(`.samples ${name}`);
  for (const box of boxes) if (!box.parentElement.hidden) box.click();
}

function fade(by) {
  const sliders = viewer.dialog.open ? [viewer.dialog.querySelector(".opacity")] : document.querySelectorAll(".samples .opacity");
  for (const slider of sliders) {
    slider.value = Number(slider.value) + by;
    slider.dispatchEvent(new Event("input"));
  }
}

async function walk(by) {
  if (viewer.dialog.open) return viewer.step(by);
  const browser = browsers.find((one) => one.sheet) ?? browsers[0];
  await browser?.open();
  const rows = browser?.listed() ?? [];
  if (rows.length) await viewer.open(browser, rows[0]);
}

const KEYS = {
  j: () => walk(1),
  k: () => walk(-1),
  g: () => turn(".show-truth"),
  p: () => turn(".show-prediction"),
  "[": () => fade(-10),
  "]": () => fade(10),
  "?": () => { if (!viewer.help.open) viewer.help.showModal(); },
};

document.addEventListener("keydown", (event) => {
  const typing = event.target.matches?.("input[type=search], select, textarea");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || !(event.key in KEYS)) return;
  event.preventDefault();
  KEYS[event.key]();
});

document.querySelectorAll("table.sortable").forEach(makeSortable);
document.querySelectorAll("[data-samples]").forEach((section) => {
  makeFilters(section);
  makeOpacity(section);
});
document.querySelectorAll("[data-copy]").forEach(makeCopy);
document.querySelectorAll(".needs-script").forEach((element) => { element.hidden = false; });
window.addEventListener("hashchange", followHash);
followHash();
