// Resizing of photos: the twin of PixelConvention.resample in mrcnn/ops/pixel_convention.py.

/** Which input pixels make an output pixel, and with which weights. */
function areaTaps(inputs, outputs) {
  const scale = inputs / outputs;
  const taps = [];
  for (let i = 0; i < outputs; i++) {
    const [start, end] = [i * scale, Math.min((i + 1) * scale, inputs)];
    const first = Math.floor(start + 1e-9);
    const weights = [];
    for (let j = first; j < end - 1e-9; j++) {
      weights.push((Math.min(j + 1, end) - Math.max(j, start)) / scale);
    }
    taps.push([first, weights]);
  }
  return taps;
}

/** Likewise for bilinear interpolation; beyond the edge the last pixel counts, or black. */
function linearTaps(inputs, outputs, onBlack) {
  const taps = [];
  for (let i = 0; i < outputs; i++) {
    const at = (i + 0.5) * (inputs / outputs) - 0.5;
    const first = Math.floor(at);
    const share = at - first;
    const clamp = (j) => Math.min(Math.max(j, 0), inputs - 1);
    const [low, high] = [clamp(first), clamp(first + 1)];
    let weights = low === high ? [1] : [1 - share, share];
    if (onBlack) {
      const inside = 1 - Math.max(-at, 0) - Math.max(at - (inputs - 1), 0);
      weights = weights.map((weight) => weight * inside);
    }
    taps.push([low, weights]);
  }
  return taps;
}

/**
 * Resizes a photo and lays it on the black canvas of the network input.
 *
 * Averages pixels where the photo shrinks and interpolates where it grows ("aligned"), or always
 * interpolates, on black beyond the edge, and cuts fractions off ("corners", as Matterport did).
 *
 * @param {{data: Uint8ClampedArray, width: number, height: number}} photo RGBA pixels
 * @param {object} placement of placementFor
 * @param {"aligned" | "corners"} convention
 * @returns {Uint8Array} height x width x 3, RGB
 */
export function networkInput(photo, placement, convention) {
  const [outH, outW] = placement.sizeHw;
  const corners = convention === "corners";
  const shrinks = !corners && outH < photo.height;
  const tapsOf = (inputs, outputs) =>
    shrinks ? areaTaps(inputs, outputs) : linearTaps(inputs, outputs, corners);
  const rows = tapsOf(photo.height, outH);
  const columns = tapsOf(photo.width, outW);
  const [canvasH, canvasW] = placement.canvasHw;
  const canvas = new Uint8Array(canvasH * canvasW * 3);
  const line = new Float64Array(photo.width * 3);
  for (let y = 0; y < outH; y++) {
    averageRows(photo, rows[y], line);
    let target = ((placement.corner[0] + y) * canvasW + placement.corner[1]) * 3;
    for (const [first, weights] of columns) {
      for (let channel = 0; channel < 3; channel++) {
        let sum = 0;
        for (let k = 0; k < weights.length; k++) {
          sum += weights[k] * line[(first + k) * 3 + channel];
        }
        canvas[target++] = corners ? Math.floor(sum + 1e-4) : Math.round(sum);
      }
    }
  }
  return canvas;
}

function averageRows(photo, [first, weights], line) {
  line.fill(0);
  for (let k = 0; k < weights.length; k++) {
    const row = (first + k) * photo.width * 4;
    for (let x = 0, to = 0; x < photo.width; x++, to += 3) {
      const from = row + x * 4;
      line[to] += weights[k] * photo.data[from];
      line[to + 1] += weights[k] * photo.data[from + 1];
      line[to + 2] += weights[k] * photo.data[from + 2];
    }
  }
}
