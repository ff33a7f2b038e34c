// COCO run-length encodings drawn on a canvas. Nothing of a picture is read, so this works in a page opened as a file.

// Truth only, prediction only, both; the style sheet's legend has the same colours.
const MASK_COLOURS = [[86, 180, 255], [255, 110, 40], [250, 230, 60]];

// The run lengths of one mask, background first; null where the encoding is damaged.
function runLengths([height, width, counts]) {
  const lengths = [];
  let value = 0;
  let shift = 0;
  let total = 0;
  for (let i = 0; i < counts.length; i++) {
    const letter = counts.charCodeAt(i) - 48;
    if (letter < 0 || letter > 63 || shift > 30) return null;
    value += (letter & 31) * 2 ** shift;
    shift += 5;
    if (letter & 32) continue;
    if (letter & 16) value -= 2 ** shift;
    if (lengths.length > 2) value += lengths[lengths.length - 2];
    if (value < 0) return null;
    lengths.push(value);
    total += value;
    value = shift = 0;
  }
  return shift === 0 && total === height * width ? lengths : null;
}

// Marks a mask's pixels in an array of bits at the canvas's size; false where the mask is damaged.
function mark(bits, bit, mask, width, height) {
  const lengths = runLengths(mask);
  if (!lengths) return false;
  const [fullHeight, fullWidth] = mask;
  let run = 0;
  let end = lengths[0];
  // Pixels are counted down the columns, so the places asked for only grow.
  for (let x = 0; x < width; x++) {
    const column = Math.floor(((x + 0.5) * fullWidth) / width) * fullHeight;
    for (let y = 0; y < height; y++) {
      const place = column + Math.floor(((y + 0.5) * fullHeight) / height);
      while (place >= end) end += lengths[++run];
      if (run % 2) bits[y * width + x] |= bit;
    }
  }
  return true;
}

// A canvas with truth and prediction over each other, as far as each is wanted; a note where a mask is damaged.
function drawMasks(truth, prediction, width, height, wanted) {
  const bits = new Uint8Array(width * height);
  const whole = [...truth.map((mask) => mark(bits, 1, mask, width, height)), ...prediction.map((mask) => mark(bits, 2, mask, width, height))];
  const canvas = make("canvas", { width, height, className: "mask" });
  canvas.setAttribute("aria-hidden", "true");
  const image = new ImageData(width, height);
  for (let i = 0; i < bits.length; i++) {
    const shown = bits[i] & wanted;
    if (!shown) continue;
    image.data.set(MASK_COLOURS[shown - 1], i * 4);
    image.data[i * 4 + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  return { canvas, damaged: whole.includes(false) };
}

// Boxes over a canvas: the true ones dashed. They are in pixels of the image as stored, fullWidth by fullHeight.
function drawBoxes(canvas, boxes, [fullWidth, fullHeight], colour, dashes) {
  const context = canvas.getContext("2d");
  context.strokeStyle = `rgb(${colour.join(" ")})`;
  context.lineWidth = 2.5;
  context.setLineDash(dashes);
  for (const [x0, y0, x1, y1] of boxes) {
    const [across, down] = [canvas.width / fullWidth, canvas.height / fullHeight];
    context.strokeRect(x0 * across, y0 * down, (x1 - x0) * across, (y1 - y0) * down);
  }
}
