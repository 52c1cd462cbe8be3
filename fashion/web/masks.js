// Masks of garments: pasting, outlines and run lengths; the twin of mrcnn/inference/pasting.py.

import { roundHalfEven } from "./placement.js";

/**
 * Pastes a mask into the pixels that its box reaches.
 *
 * Cell (i, j) of the grid has its centre at the fractions ((i + 0.5) / n, (j + 0.5) / n) of the
 * box. The mask is read at pixel centres: bilinear between cell centres, constant in the outer half
 * cell. "corners" fades to zero there, and pastes into a box of whole pixels, as Matterport did.
 *
 * @param {{grid: Float32Array, gridSize: number, box: number[]}} garment box: y1, x1, y2, x2
 * @param {[number, number]} imageHw height and width of the image, pixels
 * @param {number} threshold a pixel is covered where the mask is at least this
 * @param {"aligned" | "corners"} convention
 * @returns {{top: number, left: number, height: number, width: number, data: Uint8Array}}
 */
export function pasted(garment, imageHw, threshold, convention) {
  const zeroEdge = convention === "corners";
  const box = zeroEdge ? garment.box.map(roundHalfEven) : garment.box;
  const [top, bottom] = pixelsInside(box[0], box[2], imageHw[0]);
  const [left, right] = pixelsInside(box[1], box[3], imageHw[1]);
  const height = Math.max(0, bottom - top);
  const width = Math.max(0, right - left);
  const data = new Uint8Array(height * width);
  const n = garment.gridSize;
  if (zeroEdge && garment.grid.every((value) => value >= threshold)) {
    return { top, left, height, width, data: data.fill(1) };
  }
  const rows = taps(top, height, box[0], box[2], n, zeroEdge);
  const columns = taps(left, width, box[1], box[3], n, zeroEdge);
  const cell = (i, j) => (i < 0 || j < 0 || i >= n || j >= n ? 0 : garment.grid[i * n + j]);
  for (let y = 0, at = 0; y < height; y++) {
    const [above, below, down] = rows[y];
    for (let x = 0; x < width; x++, at++) {
      const [before, after, across] = columns[x];
      const upper = cell(above, before) * (1 - across) + cell(above, after) * across;
      const lower = cell(below, before) * (1 - across) + cell(below, after) * across;
      data[at] = upper * (1 - down) + lower * down >= threshold ? 1 : 0;
    }
  }
  return { top, left, height, width, data };
}

/** The pixels whose centre lies in a box: the first, and the one after the last. */
function pixelsInside(start, end, size) {
  return [Math.max(0, Math.ceil(start - 0.5)), Math.min(size, Math.ceil(end - 0.5))];
}

function taps(first, count, start, end, cells, zeroEdge) {
  const found = [];
  for (let i = 0; i < count; i++) {
    let at = ((first + i + 0.5 - start) / (end - start)) * cells - 0.5;
    if (!zeroEdge) at = Math.min(Math.max(at, 0), cells - 1);
    const low = Math.min(Math.max(Math.floor(at), -1), cells - 1);
    found.push([low, zeroEdge ? low + 1 : Math.min(low + 1, cells - 1), at - low]);
  }
  return found;
}

/**
 * Run lengths of a mask in the whole image, column by column, beginning with zeros, as COCO has it.
 *
 * @param {object} mask of pasted
 * @param {[number, number]} imageHw height and width of the image, pixels
 * @returns {number[]}
 */
export function runLengths(mask, [height, width]) {
  const counts = [];
  let [value, run] = [0, mask.left * height];
  const push = (next, length) => {
    if (next !== value) {
      counts.push(run);
      [value, run] = [next, 0];
    }
    run += length;
  };
  for (let x = 0; x < mask.width; x++) {
    push(0, mask.top);
    for (let y = 0; y < mask.height; y++) push(mask.data[y * mask.width + x], 1);
    push(0, height - mask.top - mask.height);
  }
  push(0, (width - mask.left - mask.width) * height);
  counts.push(run);
  return counts;
}

/** COCO's text of run lengths: differences to the run before the last, six bits a character. */
export function compressed(counts) {
  let text = "";
  for (let i = 0; i < counts.length; i++) {
    let rest = i > 2 ? counts[i] - counts[i - 2] : counts[i];
    for (let more = true; more; ) {
      let bits = rest & 31;
      rest >>= 5;
      more = bits & 16 ? rest !== -1 : rest !== 0;
      if (more) bits |= 32;
      text += String.fromCharCode(bits + 48);
    }
  }
  return text;
}

/** Kaggle's run lengths: pairs of start, from 1, and length, column by column. */
export function kagglePairs(counts) {
  const pairs = [];
  let at = 1;
  counts.forEach((count, i) => {
    if (i % 2 === 1 && count > 0) pairs.push(at, count);
    at += count;
  });
  return pairs.join(" ");
}
