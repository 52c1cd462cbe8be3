// Drawing of a photo with its garments.

import { pasted } from "./masks.js";

// Hues that keep apart, in an order in which neighbours differ most.
const COLOURS = [
  [230, 25, 75], [0, 130, 200], [60, 180, 75], [245, 130, 48], [145, 30, 180], [0, 170, 170],
  [240, 50, 230], [128, 128, 0], [170, 110, 40], [0, 0, 160], [128, 0, 0], [90, 120, 30],
];
const MASK_OPACITY = 0.42;

/** The colour of a garment: one for each place in the list. */
export function colourOf(index) {
  return COLOURS[index % COLOURS.length];
}

/** A colour as CSS. */
export function css([r, g, b], alpha = 1) {
  return `rgba(${r}, ${g}, ${b}, ${alpha})`;
}

/**
 * Draws a photo with masks, boxes and labels.
 *
 * @param {HTMLCanvasElement} canvas gets the size of the drawing
 * @param {ImageBitmap | HTMLCanvasElement} photo
 * @param {object[]} garments of results.atLeast, each with `index`, its place in the list
 * @param {object} options masks, boxes, labels: whether to draw them; side: the longest side of the
 *   drawing in pixels; highlighted: index of a garment, or null; convention
 */
export function draw(canvas, photo, garments, options) {
  const scale = Math.min(1, options.side / Math.max(photo.width, photo.height));
  canvas.width = Math.max(1, Math.round(photo.width * scale));
  canvas.height = Math.max(1, Math.round(photo.height * scale));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(photo, 0, 0, canvas.width, canvas.height);
  const factor = [canvas.height / photo.height, canvas.width / photo.width];
  const scaled = garments.map((garment) => ({
    ...garment,
    box: garment.box.map((value, i) => value * factor[i % 2]),
  }));
  const chosen = scaled.filter((g) => options.highlighted === null || g.index === options.highlighted);
  // Large ones first, so that a bag on a coat stays visible.
  chosen.sort((a, b) => area(b.box) - area(a.box));
  const unit = Math.max(canvas.width, canvas.height) / 640;
  for (const garment of chosen) {
    if (options.masks) drawMask(context, canvas, garment, unit, options.convention);
    if (options.boxes) drawBox(context, garment, unit);
  }
  if (options.labels) drawLabels(context, canvas, chosen, unit);
}

function area([y1, x1, y2, x2]) {
  return (y2 - y1) * (x2 - x1);
}

function drawMask(context, canvas, garment, unit, convention) {
  const mask = pasted(garment, [canvas.height, canvas.width], 0.5, convention);
  if (!mask.width || !mask.height) return;
  const layer = document.createElement("canvas");
  [layer.width, layer.height] = [mask.width, mask.height];
  const pixels = new ImageData(mask.width, mask.height);
  const colour = colourOf(garment.index);
  const reach = Math.max(1, Math.round(unit));
  for (let y = 0, i = 0; y < mask.height; y++) {
    for (let x = 0; x < mask.width; x++, i++) {
      if (!mask.data[i]) continue;
      const alpha = isEdge(mask, y, x, reach) ? 1 : MASK_OPACITY;
      pixels.data.set([...colour, Math.round(alpha * 255)], i * 4);
    }
  }
  layer.getContext("2d").putImageData(pixels, 0, 0);
  context.drawImage(layer, mask.left, mask.top);
}

function isEdge(mask, y, x, reach) {
  const covered = (i, j) =>
    i >= 0 && j >= 0 && i < mask.height && j < mask.width && mask.data[i * mask.width + j];
  return !(
    covered(y - reach, x) && covered(y + reach, x) && covered(y, x - reach) && covered(y, x + reach)
  );
}

function drawBox(context, garment, unit) {
  const [y1, x1, y2, x2] = garment.box;
  context.strokeStyle = css(colourOf(garment.index));
  context.lineWidth = 1.5 * unit;
  context.strokeRect(x1, y1, x2 - x1, y2 - y1);
}

function drawLabels(context, canvas, garments, unit) {
  const height = Math.round(15 * Math.max(1, unit));
  context.font = `600 ${Math.round(height * 0.8)}px system-ui, sans-serif`;
  context.textBaseline = "middle";
  const taken = [];
  for (const garment of [...garments].sort((a, b) => a.index - b.index)) {
    const text = `${garment.index + 1} ${garment.name.split(",")[0]}`;
    const width = context.measureText(text).width + height * 0.6;
    const [y1, x1] = garment.box;
    const left = Math.max(0, Math.min(x1, canvas.width - width));
    let top = Math.max(0, y1);
    const overlaps = (row) =>
      taken.some((t) => row < t.top + height && t.top < row + height &&
        left < t.left + t.width && t.left < left + width);
    while (overlaps(top) && top + 2 * height < canvas.height) top += height;
    taken.push({ top, left, width });
    context.fillStyle = css(colourOf(garment.index), 0.92);
    context.fillRect(left, top, width, height);
    context.fillStyle = "#fff";
    context.fillText(text, left + height * 0.3, top + height * 0.55);
  }
}
