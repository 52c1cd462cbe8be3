// Downloads: predictions as JSON and CSV, and the drawing as PNG.

import { compressed, kagglePairs, pasted, runLengths } from "./masks.js";

/**
 * Predictions in the format of COCO results, as `fashion predict` writes them.
 *
 * @param {object[]} garments of results.atLeast
 * @param {{name: string, width: number, height: number}} photo
 * @param {object} model metadata of the exported file
 * @returns {object} images, predictions, categories, attributes; JSON-able
 */
export function asJson(garments, photo, model) {
  const imageHw = [photo.height, photo.width];
  return {
    images: [{ id: 1, file_name: photo.name, width: photo.width, height: photo.height }],
    predictions: garments.map((garment) => {
      const [y1, x1, y2, x2] = garment.box;
      const counts = runLengths(pasted(garment, imageHw, 0.5, model.convention), imageHw);
      return {
        image_id: 1,
        category_id: garment.categoryId,
        category: garment.name,
        bbox: [x1, y1, x2 - x1, y2 - y1],
        segmentation: { size: imageHw, counts: compressed(counts) },
        score: garment.score,
        attribute_ids: garment.attributes.map(({ id }) => id).sort((a, b) => a - b),
        attributes: garment.attributes.map(({ name, score }) => ({ name, score })),
      };
    }),
    categories: model.labels.categories.map(namedRow),
    attributes: model.labels.attributes.map(namedRow),
  };
}

function namedRow([id, name, supercategory]) {
  return { id, name, supercategory };
}

/** The same as a CSV with Kaggle's columns, and the names and scores. */
export function asCsv(garments, photo, model) {
  const imageHw = [photo.height, photo.width];
  const header =
    "ImageId,EncodedPixels,Height,Width,ClassId,AttributesIds,Category,Score,Attributes";
  const rows = garments.map((garment) => {
    const counts = runLengths(pasted(garment, imageHw, 0.5, model.convention), imageHw);
    const ids = garment.attributes.map(({ id }) => id).sort((a, b) => a - b);
    return [
      photo.name.replace(/\.[^.]*$/, ""),
      kagglePairs(counts),
      photo.height,
      photo.width,
      garment.categoryId,
      ids.join(","),
      garment.name,
      garment.score.toFixed(4),
      garment.attributes.map(({ name }) => name).join("; "),
    ].map(quoted).join(",");
  });
  return [header, ...rows].join("\n") + "\n";
}

function quoted(value) {
  let text = String(value);
  // A spreadsheet would run a file name that begins like a formula.
  if (/^[=+@\t\r]/.test(text)) text = "'" + text;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Offers a file for download. */
export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
