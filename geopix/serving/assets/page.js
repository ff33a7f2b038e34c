// One picture on the stage, the questions asked about it, and the answer whose masks are drawn.

// Okabe and Ito's colours, in the order of geopix.drawing.COLOURS.
const COLOURS = [[230, 159, 0], [86, 180, 233], [0, 158, 115], [240, 228, 66], [213, 94, 0], [204, 121, 167]];
const at = (id) => document.getElementById(id);
const colourOf = (number) => COLOURS[number % COLOURS.length];
const rgb = (number) => `rgb(${colourOf(number).join(" ")})`;

const stage = { picture: null, image: null, shown: null, waiting: false };

// An element with its properties and children; masks.js makes its canvases with it too.
function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

async function call(address, body, type) {
  let answer;
  try {
    answer = await fetch(address, { method: "POST", body, headers: { "Content-Type": type } });
  } catch {
    throw new Error("The server does not answer. Is geopix serve still running?");
  }
  const told = await answer.json().catch(() => ({ error: `The server answered ${answer.status} without a reason.` }));
  if (!answer.ok) throw new Error(told.error);
  return told;
}

// Does one thing at a time, says how long it takes, and shows what went wrong.
async function busy(words, work) {
  if (stage.waiting) return;
  stage.waiting = true;
  at("trouble").hidden = true;
  const start = Date.now();
  const tell = () => { at("state").textContent = `${words} ${Math.floor((Date.now() - start) / 1000)} s`; };
  tell();
  const clock = setInterval(tell, 1000);
  allow();
  try {
    await work();
  } catch (error) {
    at("trouble").textContent = error.message;
    at("trouble").hidden = false;
  } finally {
    clearInterval(clock);
    at("state").textContent = "";
    stage.waiting = false;
    allow();
  }
}

function allow() {
  at("send").disabled = stage.waiting || !stage.picture || !at("question").value.trim();
}

function bring(file) {
  return busy("Reading the image …", async () => {
    const told = await call("/pictures", file, "application/octet-stream");
    const image = make("img", { alt: file.name || "the image", src: `/pictures/${told.picture}` });
    await image.decode();
    image.style.setProperty("--width", told.width);
    image.style.setProperty("--ratio", told.width / told.height);
    Object.assign(stage, { picture: { ...told, file: file.name || "pasted" }, image, shown: null });
    at("frame").replaceChildren(image);
    at("size").textContent = `${told.width} × ${told.height} pixels`;
    at("answers").replaceChildren();
    at("picture").hidden = false;
    at("drop").hidden = true;
    at("question").focus();
  });
}

function ask() {
  const text = at("question").value.trim();
  if (!text || !stage.picture) return undefined;
  return busy("Answering …", async () => {
    const number = (id) => Number(at(id).value || at(id).defaultValue);
    const question = {
      picture: stage.picture.picture, text, task: at("task").value || null,
      temperature: number("temperature"), seed: number("seed"), max_masks: number("max_masks"),
    };
    const answer = await call("/questions", JSON.stringify(question), "application/json");
    answer.question = question;
    answer.hidden = new Set();
    answer.card = cardOf(answer);
    at("answers").prepend(answer.card);
    show(answer);
  });
}

// The words, each <SEG> as a chip in its mask's colour. Everything a model says is set as text, never as HTML.
function words(answer) {
  const said = make("p", { className: "said" });
  let target = 0;
  for (const piece of answer.text.split(/(<SEG>)/)) {
    if (piece !== "<SEG>") said.append(piece);
    else if (target >= answer.masks.length) said.append("[no mask]");
    else {
      const chip = make("span", { className: "seg", textContent: target + 1 });
      chip.style.background = rgb(target++);
      said.append(chip);
    }
  }
  if (!answer.text) said.append(make("span", { className: "none", textContent: "no answer; try other words" }));
  return said;
}

function targetsOf(answer) {
  const whole = stage.picture.width * stage.picture.height;
  const rows = answer.masks.map((mask, number) => {
    const box = make("input", { type: "checkbox", checked: true });
    box.addEventListener("change", () => {
      answer.hidden[box.checked ? "delete" : "add"](number);
      show(answer);
    });
    const swatch = make("span", { className: "swatch" });
    swatch.style.background = rgb(number);
    const share = ((100 * mask.area) / whole).toFixed(mask.area / whole < 0.1 ? 2 : 1);
    return make("li", {}, make("label", {}, box, swatch, `mask ${number + 1}: ${mask.area} pixels, ${share} %`));
  });
  rows.push(...answer.boxes.map((box, number) => {
    const swatch = make("span", { className: "swatch" });
    swatch.style.borderColor = rgb(number);
    return make("li", {}, make("label", {}, swatch, `box ${number + 1}: ${box.map((side) => Math.round(side)).join(", ")}`));
  }));
  return make("ul", { className: "targets" }, ...rows);
}

function cardOf(answer) {
  const button = (textContent, act) => {
    const made = make("button", { type: "button", className: "button", textContent });
    made.addEventListener("click", act);
    return made;
  };
  const card = make("li", {}, make("h3", { textContent: answer.question.text }), words(answer));
  if (answer.masks.length || answer.boxes.length) card.append(targetsOf(answer));
  if (answer.reason) card.append(make("p", { className: "reason", textContent: answer.reason }));
  card.append(make("div", { className: "row" },
    button("Show", () => show(answer)),
    button("Save the answer", () => saveAnswer(answer)),
    make("span", { className: "time", textContent: `${answer.tokens} tokens, ${answer.seconds.toFixed(1)} s` })));
  return card;
}

function show(answer) {
  stage.shown = answer;
  for (const card of at("answers").children) card.classList.toggle("current", card === answer.card);
  at("frame").replaceChildren(stage.image, ...layersOf(answer));
}

// A canvas of tinted masks and one of lines, both at the size of the picture shown.
function layersOf(answer) {
  const [width, height] = [stage.image.naturalWidth, stage.image.naturalHeight];
  const tinted = make("canvas", { width, height, className: "mask" });
  const lined = make("canvas", { width, height });
  const pixels = new ImageData(width, height);
  const full = [stage.picture.width, stage.picture.height];
  answer.masks.forEach(({ segmentation }, number) => {
    if (answer.hidden.has(number)) return;
    const bits = new Uint8Array(width * height);
    mark(bits, 1, [...segmentation.size, segmentation.counts], width, height);
    for (let i = 0; i < bits.length; i++) if (bits[i]) pixels.data.set([...colourOf(number), 255], 4 * i);
  });
  tinted.getContext("2d").putImageData(pixels, 0, 0);
  answer.boxes.forEach((box, number) => drawBoxes(lined, [box], full, colourOf(number), []));
  return [tinted, lined];
}

function save(blob, name) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

const stem = () => stage.picture.file.replace(/\.[^.]*$/, "");

function saveAnswer(answer) {
  const { question, text, masks, boxes, reason } = answer;
  const told = { image: stage.picture.file, sha256: stage.picture.picture, question, text, masks, boxes, reason };
  save(new Blob([JSON.stringify(told, null, 1)], { type: "application/json" }), `${stem()}.json`);
}

function savePicture() {
  const canvas = make("canvas", { width: stage.image.naturalWidth, height: stage.image.naturalHeight });
  const context = canvas.getContext("2d");
  context.drawImage(stage.image, 0, 0);
  const [tinted, lined] = at("frame").querySelectorAll("canvas");
  if (tinted) {
    context.globalAlpha = at("opacity").value / 100;
    context.drawImage(tinted, 0, 0);
    context.globalAlpha = 1;
    context.drawImage(lined, 0, 0);
  }
  canvas.toBlob((blob) => save(blob, `${stem()}-geopix.png`), "image/png");
}

at("file").addEventListener("change", () => {
  const [file] = at("file").files;
  at("file").value = "";
  if (file) bring(file);
});
at("form").addEventListener("submit", (event) => {
  event.preventDefault();
  ask();
});
at("question").addEventListener("input", allow);
at("opacity").addEventListener("input", () => { at("frame").style.setProperty("--opacity", at("opacity").value / 100); });
at("frame").style.setProperty("--opacity", at("opacity").value / 100);
at("save-picture").addEventListener("click", savePicture);
for (const button of document.querySelectorAll("[data-suggest]")) {
  button.addEventListener("click", () => {
    at("question").value = button.textContent;
    allow();
    ask();
  });
}
for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    document.body.classList.toggle("over", kind === "dragenter" || kind === "dragover");
    const [file] = kind === "drop" ? event.dataTransfer.files : [];
    if (file) bring(file);
  });
}
document.addEventListener("paste", (event) => {
  const [file] = event.clipboardData.files;
  if (file) bring(file);
});
fetch("/about").then((answer) => answer.json()).then(({ model, device }) => { at("about").textContent = `${model} on ${device}`; });
