// Where an image lies on the canvas of the network input; the twin of mrcnn/data/resize.py.

/** Rounds halves to even, as Python does. */
export function roundHalfEven(value) {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

/**
 * Computes the placement of an image on a canvas of fixed size.
 *
 * @param {[number, number]} imageHw height and width of the image, pixels
 * @param {object} model metadata of the exported file: image_hw, config
 * @returns {{imageHw: number[], sizeHw: number[], corner: number[], canvasHw: number[]}}
 *   sizeHw: of the scaled image; corner: (y, x) of its upper left pixel on the canvas
 */
export function placementFor(imageHw, model) {
  const [h, w] = imageHw;
  const [height, width] = model.image_hw;
  const mode = model.config.IMAGE_RESIZE_MODE;
  if (mode !== "square" && mode !== "portrait") {
    throw new Error(`This page cannot use a model with IMAGE_RESIZE_MODE ${mode}.`);
  }
  let scale = null;
  if (mode === "square") {
    const least = (model.config.IMAGE_MIN_DIM || 0) / Math.min(h, w);
    scale = Math.max(1, least, model.config.IMAGE_MIN_SCALE || 0);
  }
  if (scale === null || roundHalfEven(h * scale) > height || roundHalfEven(w * scale) > width) {
    scale = Math.min(height / h, width / w);
  }
  const sizeHw = [
    Math.min(height, Math.max(1, roundHalfEven(h * scale))),
    Math.min(width, Math.max(1, roundHalfEven(w * scale))),
  ];
  const corner = [Math.floor((height - sizeHw[0]) / 2), Math.floor((width - sizeHw[1]) / 2)];
  return { imageHw: [h, w], sizeHw, corner, canvasHw: [height, width] };
}

/** The part of the canvas that the image covers: y1, x1, y2, x2. */
export function windowOf({ corner, sizeHw }) {
  return [corner[0], corner[1], corner[0] + sizeHw[0], corner[1] + sizeHw[1]];
}

/**
 * Maps a box from the canvas to the original image.
 *
 * @param {ArrayLike<number>} box y1, x1, y2, x2, pixels of the canvas
 * @param {object} placement of placementFor
 * @param {"aligned" | "corners"} convention "corners" lays the corner pixels of the two images on
 *   each other, as Matterport's weights expect it; "aligned" lays the edges on each other
 * @returns {number[]} y1, x1, y2, x2, pixels of the image, clipped to it
 */
export function boxToImage(box, placement, convention) {
  const { imageHw, sizeHw, corner } = placement;
  return Array.from(box, (value, i) => {
    const axis = i % 2;
    const at = value - corner[axis];
    let mapped = (at * imageHw[axis]) / sizeHw[axis];
    if (convention === "corners") {
      const outside = i < 2 ? 0 : 1;
      mapped = ((at - outside) / (sizeHw[axis] - 1)) * (imageHw[axis] - 1) + outside;
    }
    return Math.min(Math.max(mapped, 0), imageHw[axis]);
  });
}
