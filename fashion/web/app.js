// The page of `fashion page`: the model runs in the browser.

import { OnnxEngine } from "./engine.js";
import { $, startPage } from "./page.js";

const engine = new OnnxEngine((loaded, total) => {
  $("progress").value = loaded / total;
  const [done, all] = [loaded, total].map((bytes) => (bytes / 1e6).toFixed(0));
  $("progress-text").textContent = `Loading the model: ${done} of ${all} MB`;
});

startPage(engine);
