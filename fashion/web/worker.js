// Worker: loads the model and runs it with ONNX Runtime Web.

let session = null;
let sizeHw = null;

self.onmessage = async ({ data }) => {
  try {
    const answer = data.type === "load" ? await load(data.model) : await run(data);
    self.postMessage({ type: data.type, id: data.id, ...answer });
  } catch (error) {
    self.postMessage({ type: "error", id: data.id, message: String(error.message || error) });
  }
};

async function load(model) {
  const [bytes, gpu] = await Promise.all([download(model.file, model.bytes), hasGpu(model)]);
  const ort = await import(gpu ? "./ort/ort.webgpu.min.mjs" : "./ort/ort.wasm.min.mjs");
  ort.env.wasm.wasmPaths = new URL("./ort/", self.location.href).href;
  // Threads share memory, which browsers allow on isolated pages only.
  const cores = self.navigator.hardwareConcurrency || 1;
  ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(4, cores) : 1;
  ort.env.logLevel = "error";
  self.ort = ort;
  sizeHw = model.image_hw;
  const providers = gpu ? ["webgpu", "wasm"] : ["wasm"];
  session = await ort.InferenceSession.create(bytes, { executionProviders: providers });
  const threads = ort.env.wasm.numThreads;
  return { backend: gpu ? "WebGPU" : `WebAssembly, ${threads} thread${threads > 1 ? "s" : ""}` };
}

/** WebGPU is used where the page offers it and the device has it. */
async function hasGpu(model) {
  if (!model.webgpu || !self.navigator.gpu) return false;
  return (await self.navigator.gpu.requestAdapter().catch(() => null)) !== null;
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
    images: new self.ort.Tensor("uint8", pixels, [1, ...sizeHw, 3]),
    windows: new self.ort.Tensor("float32", Float32Array.from(window), [1, 4]),
  };
  const results = await session.run(feeds);
  const outputs = {};
  for (const [name, tensor] of Object.entries(results)) {
    outputs[name] = { data: await tensor.getData(), dims: [...tensor.dims] };
  }
  return { outputs };
}
