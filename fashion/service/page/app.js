// The page of `fashion serve`: the model runs on the server.

import { $, report, startPage, state } from "./page.js";
import { ServerEngine } from "./server_engine.js";
import { SimilarGarments } from "./similar.js";
import { Trends } from "./trends.js";

const engine = new ServerEngine({
  onProgress: (text) => ($("progress-text").textContent = text),
  onBusy: (text) => ($("busy").firstElementChild.textContent = text),
  askForKey,
});
const similar = new SimilarGarments(engine, report);
$("result").after(similar.section);

const started = startPage(engine, {
  rowExtra: (garment) => (engine.model.index ? searchButton(garment) : null),
  onOpen: () => similar.clear(),
});
started.then(() => {
  if (engine.model && engine.model.index) $("about").before(new Trends(engine).section);
});

function searchButton(garment) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "search";
  button.textContent = "Similar garments";
  button.onclick = () => similar.searchBy(garment, state.photo);
  return button;
}

/** Asks for the key of the service; resolves with what was typed. */
function askForKey(isWrong) {
  const [dialog, label, input, button] = ["dialog", "label", "input", "button"].map((name) =>
    document.createElement(name),
  );
  label.textContent = isWrong
    ? "This key is not valid. Key of this service:"
    : "This service needs a key. Ask whoever runs it for one.";
  [input.type, input.autocomplete, button.type] = ["password", "off", "button"];
  dialog.id = "key";
  button.textContent = "Continue";
  label.append(input);
  dialog.append(label, button);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    button.onclick = () => dialog.close();
    input.onkeydown = (event) => {
      if (event.key === "Enter") dialog.close();
    };
    dialog.onclose = () => {
      dialog.remove();
      resolve(input.value.trim());
    };
  });
}
