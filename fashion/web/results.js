// Results: what the network gave, in pixels of the photo and with names.

import { boxToImage, roundHalfEven } from "./placement.js";

/**
 * Translates the outputs of the exported network.
 *
 * @param {Object<string, {data: ArrayLike<number>, dims: number[]}>} outputs of one image
 * @param {object} placement of placementFor
 * @param {object} model metadata of the exported file
 * @returns {object[]} garments, best first: box (y1, x1, y2, x2, pixels of the photo), score,
 *   categoryId, name, grid and gridSize (the mask), attributes (id, name, group, score; of
 *   categories that carry none: empty)
 */
export function garmentsOf(outputs, placement, model) {
  const labels = model.labels;
  const carriers = new Set(labels.attribute_category_ids || []);
  const grids = outputs.mask_probabilities;
  const gridSize = grids.dims[grids.dims.length - 1];
  const garments = [];
  for (let row = 0; row < outputs.count.data[0]; row++) {
    const onCanvas = outputs.boxes.data.slice(row * 4, row * 4 + 4);
    const box = boxToImage(onCanvas, placement, model.convention);
    if (!hasPixels(box)) continue;
    const classId = Number(outputs.class_ids.data[row]);
    const [categoryId, name] = labels.categories[classId - 1];
    const cells = gridSize * gridSize;
    garments.push({
      box,
      score: outputs.scores.data[row],
      categoryId,
      name,
      grid: outputs.mask_probabilities.data.slice(row * cells, (row + 1) * cells),
      gridSize,
      attributes: carriers.has(categoryId) ? attributesOf(outputs, row, classId, model) : [],
    });
  }
  return garments;
}

function hasPixels(box) {
  const [y1, x1, y2, x2] = box.map(roundHalfEven);
  return y2 > y1 && x2 > x1;
}

function attributesOf(outputs, row, classId, model) {
  const rows = model.labels.attributes;
  if (!outputs.attribute_scores) return [];
  const seen = model.config.ATTRIBUTE_SEEN_PAIRS && model.attribute_counts;
  const scores = outputs.attribute_scores.data.slice(row * rows.length, (row + 1) * rows.length);
  return rows.map(([id, name, group], i) => {
    const unseen = seen && !(model.attribute_counts[classId - 1][i + 1] > 0);
    return { id, name, group, score: unseen ? 0 : scores[i] };
  });
}

/** The garments and attributes that reach the two thresholds. */
export function atLeast(garments, confidence, attributeConfidence) {
  return garments
    .filter((garment) => garment.score >= confidence)
    .map((garment) => ({
      ...garment,
      attributes: garment.attributes
        .filter((attribute) => attribute.score >= attributeConfidence)
        .sort((a, b) => b.score - a.score),
    }));
}
