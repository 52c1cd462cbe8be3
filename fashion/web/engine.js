// Engine: the exported network in a worker, so that the page stays responsive.
//
// Another engine, such as one that asks a server, has the same methods: load, predict, privacy and
// aboutRows.

import { networkInput } from "./resize.js";
import { placementFor, windowOf } from "./placement.js";
import { garmentsOf } from "./results.js";

export class OnnxEngine {
  /** @param {(loaded: number, total: number) => void} onProgress bytes of the files */
  constructor(onProgress) {
    this.onProgress = onProgress;
    this.waiting = new Map();
    this.next = 0;
    this.worker = new Worker("worker.js", { type: "module" });
    this.worker.onmessage = ({ data }) => this.receive(data);
    this.worker.onerror = (event) => {
      const message = event.message || "The worker of this page did not start.";
      for (const { reject } of this.waiting.values()) reject(new Error(message));
      this.waiting.clear();
    };
  }

  /**
   * Loads the model.
   *
   * @returns {Promise<object>} metadata of the exported file, and `backend`, where it runs
   */
  async load() {
    const response = await fetch("model.json");
    if (!response.ok) throw new Error(`model.json could not be loaded (${response.status}).`);
    this.model = await response.json();
    const { backend } = await this.ask({ type: "load", model: this.model });
    this.model = { ...this.model, backend };
    return this.model;
  }

  /**
   * Predicts the garments of a photo.
   *
   * @param {{width: number, height: number, pixels: () => ImageData}} photo of the page
   * @returns {Promise<object[]>} see results.garmentsOf
   */
  async predict(photo) {
    const placement = placementFor([photo.height, photo.width], this.model);
    const pixels = networkInput(photo.pixels(), placement, this.model.convention);
    const outputs = await this.run(pixels, windowOf(placement));
    return garmentsOf(outputs, placement, this.model);
  }

  /** Says where photos go. */
  privacy() {
    return "The model runs in this page. Photos stay on this device: nothing is sent anywhere.";
  }

  /** Rows about the model, beside those of every engine. */
  aboutRows() {
    const version = this.model.runtime_version || "";
    return { "Runs in": this.model.backend, Runtime: `ONNX Runtime Web ${version} (MIT license)` };
  }

  /**
   * Runs the network.
   *
   * @param {Uint8Array} pixels height x width x 3 of the network input, RGB
   * @param {number[]} window y1, x1, y2, x2 of the photo on it
   * @returns {Promise<Object<string, {data: ArrayLike<number>, dims: number[]}>>}
   */
  async run(pixels, window) {
    return (await this.ask({ type: "run", pixels, window })).outputs;
  }

  ask(message) {
    const id = this.next++;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ ...message, id });
    });
  }

  receive(data) {
    if (data.type === "progress") {
      this.onProgress(data.loaded, data.total);
      return;
    }
    const { resolve, reject } = this.waiting.get(data.id);
    this.waiting.delete(data.id);
    if (data.type === "error") reject(new Error(data.message));
    else resolve(data);
  }
}
