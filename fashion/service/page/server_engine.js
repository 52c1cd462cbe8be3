// Engine: the server predicts; the same methods as the engine that runs the model in the page.

const KINDS = ["image/jpeg", "image/png", "image/webp"];
const TRIES = 8; // of a request that the server is too busy for
const KEY = "fashion-api-key"; // in the storage of this tab

export class ServerEngine {
  /**
   * @param {object} on onProgress(text) and onBusy(text): what it waits for; askForKey(isWrong):
   *   a promise of the key of the service
   */
  constructor(on) {
    this.on = on;
    this.model = null;
    this.sent = null; // the photo as it was sent, to search with
  }

  /** Waits until the server has loaded its model, and returns what it says about it. */
  async load() {
    this.on.onProgress("Loading the model …");
    for (;;) {
      const response = await this.ask("api/model", {}, 0);
      if (response.ok) {
        this.model = await response.json();
        break;
      }
      if (response.status !== 503) throw new Error(await problemOf(response));
      this.on.onProgress("The server is loading the model …");
      await pause(1);
    }
    this.model.samples = this.model.samples.map((name) => ({
      file: `samples/${name}`,
      credit: name.startsWith("astronaut") ? "Photo: NASA, public domain" : "",
    }));
    return this.model;
  }

  /**
   * Predicts the garments of a photo.
   *
   * @param {{canvas: HTMLCanvasElement, blob: Blob, width: number, height: number}} photo
   * @returns {Promise<object[]>} as results.garmentsOf, and `number`, which the server knows it by
   */
  async predict(photo) {
    const blob = await this.uploadOf(photo);
    const query = `masks=grid&confidence=${this.model.min_score}&attribute_confidence=0.01`;
    const answer = await this.post(`api/detect?${query}`, blob);
    this.sent = blob;
    // A photo that is too large is sent smaller.
    const factor = [photo.height / answer.image.height, photo.width / answer.image.width];
    return answer.garments.map((garment) => {
      const [x, y, w, h] = garment.bbox;
      const box = [y, x, y + h, x + w].map((value, i) => value * factor[i % 2]);
      return {
        box,
        score: garment.score,
        categoryId: garment.category_id,
        name: garment.category,
        grid: floatsOf(garment.grid.data),
        gridSize: garment.grid.size[0],
        attributes: garment.attributes,
        number: garment.number,
      };
    });
  }

  /** Finds garments of the index that are similar to one of the photo that was predicted last. */
  async search(number, parameters) {
    const query = new URLSearchParams({ garment: number, ...parameters });
    return this.post(`api/search?${query}`, this.sent);
  }

  /** Finds garments of the index that are similar to one of them. */
  async similar(id, parameters) {
    const response = await this.ask(`api/similar/${id}?${new URLSearchParams(parameters)}`);
    if (!response.ok) throw new Error(await problemOf(response));
    return response.json();
  }

  /** Describes what rises and falls over time in the index. */
  async trends(parameters) {
    const response = await this.ask(`api/trends?${new URLSearchParams(parameters)}`);
    if (!response.ok) throw new Error(await problemOf(response));
    return response.json();
  }

  /** The address of a small picture; whoever shows it gives it back with URL.revokeObjectURL. */
  async thumbnail(id) {
    const response = await this.ask(`api/thumbnail/${id}`);
    if (!response.ok) throw new Error(await problemOf(response));
    return URL.createObjectURL(await response.blob());
  }

  privacy() {
    const sent = "Photos are sent to this server, which runs the model.";
    return this.model.keeps_photos
      ? `${sent} It keeps them.`
      : `${sent} It forgets them once they are predicted.`;
  }

  aboutRows() {
    const { index, version } = this.model;
    const rows = { "Runs on": `this server, version ${version}` };
    if (index) rows.Index = `${index.garments} garments to search`;
    return rows;
  }

  /** The photo as the server takes it: the file itself, or a smaller JPEG of what it shows. */
  async uploadOf({ canvas, blob, width, height }) {
    const { most_bytes: mostBytes, most_pixels: mostPixels } = this.model;
    const room = 2000; // of the form around the file
    const pixels = width * height;
    if (KINDS.includes(blob.type) && blob.size + room <= mostBytes && pixels <= mostPixels) {
      return blob;
    }
    for (let scale = Math.min(1, Math.sqrt(mostPixels / pixels)); ; scale *= 0.7) {
      const smaller = document.createElement("canvas");
      smaller.width = Math.max(1, Math.floor(width * scale));
      smaller.height = Math.max(1, Math.floor(height * scale));
      smaller.getContext("2d").drawImage(canvas, 0, 0, smaller.width, smaller.height);
      const jpeg = await new Promise((done) => smaller.toBlob(done, "image/jpeg", 0.92));
      if (jpeg.size + room <= mostBytes) return jpeg;
    }
  }

  async post(address, blob) {
    const form = new FormData();
    form.append("photo", blob, "photo");
    const response = await this.ask(address, { method: "POST", body: form });
    if (!response.ok) throw new Error(await problemOf(response));
    return response.json();
  }

  /** Asks the server: again where it is busy, and for a key where it needs one. */
  async ask(address, options = {}, tries = TRIES) {
    for (let left = tries, asked = false; ; left--) {
      const key = sessionStorage.getItem(KEY);
      const headers = key ? { "X-API-Key": key } : {};
      let response;
      try {
        response = await fetch(address, { ...options, headers });
      } catch {
        throw new Error("The server cannot be reached. Is it still running?");
      }
      if (response.status === 401) {
        sessionStorage.setItem(KEY, await this.on.askForKey(asked));
        asked = true;
        continue;
      }
      if (response.status !== 503 || left <= 0) {
        this.on.onBusy("Predicting …");
        return response;
      }
      this.on.onBusy("The server is busy. Waiting …");
      await pause(Math.min(10, Number(response.headers.get("Retry-After")) || 1));
    }
  }
}

function pause(seconds) {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}

/** What the server says is wrong. */
async function problemOf(response) {
  try {
    return (await response.json()).detail;
  } catch {
    return `The server answered with status ${response.status}.`;
  }
}

/** Little-endian float32 in base64. */
function floatsOf(base64) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  return Float32Array.from({ length: bytes.length / 4 }, (_, i) => view.getFloat32(4 * i, true));
}
