// The page: a photo in, its garments drawn and listed, downloads. Engines predict.

import { asCsv, asJson, save } from "./downloads.js";
import { colourOf, css, draw } from "./drawing.js";
import { atLeast } from "./results.js";

const MAX_PIXELS = 50e6; // beyond, browsers of phones run out of memory
const SCREEN_SIDE = 1400; // pixels of the drawing on the page

export const $ = (id) => document.getElementById(id);
export const state = { model: null, photo: null, garments: [], highlighted: null, busy: false };
let engine = null;
let hooks = {};

/**
 * Starts the page.
 *
 * @param {object} ofPage engine: load() gives the model, predict(photo) its garments, privacy()
 *   says where photos go, aboutRows() more rows about the model
 * @param {object} more rowExtra(garment): an element under a garment, or null; onOpen(): called
 *   when another photo is opened
 */
export async function startPage(ofPage, more = {}) {
  [engine, hooks] = [ofPage, more];
  listen();
  // For tests of the page, and for use from the console of a browser.
  window.garments = { engine, state, open };
  try {
    state.model = await engine.load();
  } catch (error) {
    $("loading").hidden = true;
    return report(`The model could not be loaded. ${error.message}`);
  }
  $("loading").hidden = true;
  document.body.classList.add("ready");
  $("privacy").textContent = engine.privacy();
  $("confidence").value = state.model.config.CONFIDENCE_THRESHOLD ?? 0.5;
  $("confidence").min = Math.max(0.01, state.model.min_score);
  $("attribute-confidence").value = state.model.config.ATTRIBUTE_THRESHOLD ?? 0.5;
  describeModel();
  showSamples();
  showTexts();
}

/** Shows a problem; "" hides it. */
export function report(message) {
  $("problem").textContent = message;
  $("problem").hidden = !message;
}

function describeModel() {
  const { model } = state;
  if (model.title) document.title = document.querySelector("h1").textContent = model.title;
  const rows = {
    Model: [model.source || model.file, model.format, model.precision].filter(Boolean).join(", "),
    "Network input": `${model.image_hw[1]} pixels wide, ${model.image_hw[0]} high`,
    Categories: model.labels.categories.map((row) => row[1]).join("; "),
    Attributes: String(model.labels.attributes.length),
    License: model.license,
    ...engine.aboutRows(),
  };
  for (const [name, value] of Object.entries(rows).filter(([, value]) => value)) {
    const [term, text] = [document.createElement("dt"), document.createElement("dd")];
    [term.textContent, text.textContent] = [name, value];
    $("about").querySelector("dl").append(term, text);
  }
}

function showSamples() {
  for (const { file, credit } of state.model.samples || []) {
    const button = document.createElement("button");
    button.type = "button";
    const image = document.createElement("img");
    [image.src, image.alt, image.title] = [file, `Sample: ${file}`, credit || ""];
    button.append(image);
    button.onclick = async () => {
      const response = await fetch(file);
      await open(await response.blob(), file.split("/").pop());
    };
    $("samples").append(button);
    $("samples").hidden = false;
  }
}

/** Predicts a file and shows the result; an error leaves the last result as it is. */
export async function open(blob, name) {
  if (state.busy || !state.model) return;
  report("");
  state.busy = true;
  try {
    const photo = await decoded(blob);
    state.photo = { ...photo, bitmap: photo.canvas, name };
    [state.garments, state.highlighted] = [[], null];
    if (hooks.onOpen) hooks.onOpen();
    $("result").hidden = false;
    $("busy").hidden = false;
    show();
    await painted();
    state.garments = await engine.predict(state.photo);
    show();
    $("result").scrollIntoView({ behavior: "smooth", block: "start" });
  } catch (error) {
    report(error.message);
  } finally {
    $("busy").hidden = true;
    state.busy = false;
  }
}

/** Two frames: what was drawn is on the screen after them. */
function painted() {
  return new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
}

async function decoded(blob) {
  let bitmap;
  try {
    // The photo upright, with the pixels of the file.
    const how = { imageOrientation: "from-image", colorSpaceConversion: "none" };
    bitmap = await createImageBitmap(blob, how);
  } catch {
    throw new Error(
      "This file cannot be read as an image. Choose a JPEG, PNG, WebP or another format that " +
        "your browser shows.",
    );
  }
  const { width, height } = bitmap;
  if (width * height > MAX_PIXELS) {
    bitmap.close();
    throw new Error(
      `This image has ${(width * height / 1e6).toFixed(0)} million pixels; ` +
        `${MAX_PIXELS / 1e6} million are the most. Make it smaller.`,
    );
  }
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const pixels = () => context.getImageData(0, 0, width, height);
  return { canvas, width, height, blob, pixels };
}

function chosen() {
  const garments = state.garments.map((garment, index) => ({ ...garment, index }));
  return atLeast(garments, Number($("confidence").value), Number($("attribute-confidence").value));
}

function options(side) {
  return {
    masks: $("show-masks").checked,
    boxes: $("show-boxes").checked,
    labels: $("show-labels").checked,
    highlighted: state.highlighted,
    convention: state.model.convention,
    side,
  };
}

function show() {
  showTexts();
  if (!state.photo) return;
  const garments = chosen();
  draw($("photo"), state.photo.bitmap, garments, options(SCREEN_SIDE));
  $("summary").textContent = summary(garments.length);
  $("garments").replaceChildren(...garments.map(garmentRow));
  for (const kind of ["png", "json", "csv"]) $(`download-${kind}`).disabled = !garments.length;
}

function summary(shown) {
  const all = state.garments.length;
  if (state.busy && !all) return "";
  if (!all) return "No garment was detected in this photo.";
  if (!shown) return `No garment has this confidence; ${all} have less. Move the slider.`;
  return `${shown} garment${shown > 1 ? "s" : ""}, ${all - shown} with less confidence`;
}

function showTexts() {
  for (const name of ["confidence", "attribute-confidence"]) {
    $(`${name}-text`).value = Number($(name).value).toFixed(2);
  }
}

function garmentRow(garment) {
  const row = document.createElement("li");
  const head = document.createElement("button");
  head.type = "button";
  head.className = "garment";
  head.setAttribute("aria-pressed", String(state.highlighted === garment.index));
  head.style.setProperty("--colour", css(colourOf(garment.index)));
  const [name, score] = [document.createElement("b"), document.createElement("span")];
  name.textContent = `${garment.index + 1} ${garment.name}`;
  score.textContent = garment.score.toFixed(2);
  score.className = "score";
  head.append(name, score);
  head.onclick = () => {
    state.highlighted = state.highlighted === garment.index ? null : garment.index;
    show();
  };
  const attributes = document.createElement("ul");
  for (const attribute of garment.attributes) {
    const item = document.createElement("li");
    item.textContent = attribute.name;
    item.title = `${attribute.group || "attribute"}, confidence ${attribute.score.toFixed(2)}`;
    attributes.append(item);
  }
  row.append(head, attributes);
  const extra = hooks.rowExtra ? hooks.rowExtra(garment) : null;
  if (extra) row.append(extra);
  return row;
}

function stem() {
  return state.photo.name.replace(/\.[^.]*$/, "") || "photo";
}

function downloadPng() {
  const canvas = document.createElement("canvas");
  draw(canvas, state.photo.bitmap, chosen(), options(Infinity));
  canvas.toBlob((blob) => save(blob, `${stem()}-garments.png`), "image/png");
}

function downloadJson() {
  const text = JSON.stringify(asJson(chosen(), state.photo, state.model), null, 1);
  save(new Blob([text], { type: "application/json" }), `${stem()}.json`);
}

function downloadCsv() {
  const text = asCsv(chosen(), state.photo, state.model);
  save(new Blob([text], { type: "text/csv" }), `${stem()}.csv`);
}

function openFirst(files) {
  if (files && files[0]) open(files[0], files[0].name || "photo");
}

function listen() {
  for (const id of ["file", "camera"]) {
    $(id).onchange = (event) => {
      openFirst(event.target.files);
      event.target.value = ""; // the same file may be chosen again
    };
  }
  for (const id of ["confidence", "attribute-confidence"]) $(id).oninput = show;
  for (const id of ["show-masks", "show-boxes", "show-labels"]) $(id).onchange = show;
  $("download-png").onclick = downloadPng;
  $("download-json").onclick = downloadJson;
  $("download-csv").onclick = downloadCsv;
  window.addEventListener("paste", (event) => openFirst(event.clipboardData.files));
  window.addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  window.addEventListener("dragleave", () => document.body.classList.remove("dropping"));
  window.addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dropping");
    openFirst(event.dataTransfer.files);
  });
}
