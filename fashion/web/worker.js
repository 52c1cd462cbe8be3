// Worker: loads the model and runs it with ONNX Runtime Web.

const CHECKED_SCORE = 0.2; // rows of the stored image that a GPU must agree in
const CHECKED_DIFFERENCE = 0.02; // of scores; that of boxes is one pixel

let session = null;
let sizeHw = null;
let Tensor = null;

self.onmessage = async ({ data }) => {
  try {
    const answer = data.type === "load" ? await load(data.model) : await run(data);
    self.postMessage({ type: data.type, id: data.id, ...answer });
  } catch (error) {
    self.postMessage({ type: "error", id: data.id, message: String(error.message || error) });
  }
};

async function load(model) {
  sizeHw = model.image_hw;
  const bytes = await download(model.file, model.bytes);
  if ((await hasGpu()) && (await startOnGpu(bytes, model.check_image))) return { backend: "WebGPU" };
  const ort = await runtime("./ort/ort.wasm.min.mjs");
  // Threads share memory, which browsers allow on isolated pages only.
  const cores = self.navigator.hardwareConcurrency || 1;
  const threads = self.crossOriginIsolated ? Math.min(4, cores) : 1;
  ort.env.wasm.numThreads = threads;
  session = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] });
  return { backend: `WebAssembly, ${threads} thread${threads > 1 ? "s" : ""}` };
}

async function runtime(file) {
  const ort = await import(file);
  ort.env.wasm.wasmPaths = new URL("./ort/", self.location.href).href;
  ort.env.logLevel = "error";
  Tensor = ort.Tensor;
  return ort;
}

async function hasGpu() {
  if (!self.navigator.gpu) return false;
  return (await self.navigator.gpu.requestAdapter().catch(() => null)) !== null;
}

/** Uses the GPU only if it computes what the model must give for the stored image. */
async function startOnGpu(bytes, check) {
  try {
    const ort = await runtime("./ort/ort.webgpu.min.mjs");
    const providers = { executionProviders: ["webgpu", "wasm"] };
    session = await ort.InferenceSession.create(bytes, providers);
    const response = await fetch(check.file);
    const pixels = new Uint8Array(await response.arrayBuffer());
    const { outputs } = await run({ pixels, window: check.window });
    if (agrees(outputs, check)) return true;
    console.warn("The GPU of this device gives other results than the model; not used.");
  } catch (error) {
    console.warn(`The GPU of this device cannot run the model (${error.message}); not used.`);
  }
  session = null;
  return false;
}

function agrees(outputs, check) {
  const confident = check.scores.filter((score) => score >= CHECKED_SCORE).length;
  for (let row = 0; row < confident; row++) {
    if (Math.abs(outputs.scores.data[row] - check.scores[row]) > CHECKED_DIFFERENCE) return false;
    for (let i = 0; i < 4; i++) {
      const difference = outputs.boxes.data[row * 4 + i] - check.boxes[row][i];
      if (!(Math.abs(difference) <= 1)) return false;
    }
  }
  return confident > 0;
}

async function download(file, total) {
  const response = await fetch(file);
  if (!response.ok) throw new Error(`${file} could not be loaded (${response.status}).`);
  const bytes = new Uint8Array(total);
  const reader = response.body.getReader();
  let loaded = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (loaded + value.length > total) throw new Error(`${file} is larger than model.json says.`);
    bytes.set(value, loaded);
    loaded += value.length;
    self.postMessage({ type: "progress", loaded, total });
  }
  if (loaded !== total) throw new Error(`${file} is cut off: ${loaded} of ${total} bytes.`);
  return bytes;
}

async function run({ pixels, window }) {
  const feeds = {
    images: new Tensor("uint8", pixels, [1, ...sizeHw, 3]),
    windows: new Tensor("float32", Float32Array.from(window), [1, 4]),
  };
  const results = await session.run(feeds);
  const outputs = {};
  for (const [name, tensor] of Object.entries(results)) {
    outputs[name] = { data: await tensor.getData(), dims: [...tensor.dims] };
  }
  return { outputs };
}
