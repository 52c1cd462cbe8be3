// A classic script: it also runs where modules do not, and says what is missing.
"use strict";
(function () {
  let problem = "";
  if (location.protocol === "file:") {
    problem =
      "A browser does not load a model from a file address. Serve this folder instead: " +
      "run “python -m http.server” in it and open http://localhost:8000.";
  } else if (typeof WebAssembly === "undefined" || typeof Worker === "undefined") {
    problem =
      "This browser has no WebAssembly or no web workers, which the model needs. " +
      "A current Chrome, Edge, Firefox or Safari has both.";
  } else if (!("noModule" in document.createElement("script"))) {
    problem = "This browser is too old for this page. Use a current Chrome, Edge, Firefox or Safari.";
  }
  if (problem) {
    document.getElementById("problem").textContent = problem;
    document.getElementById("problem").hidden = false;
    document.getElementById("loading").hidden = true;
    document.getElementById("input").hidden = true;
  }
})();
