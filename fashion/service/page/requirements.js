// A classic script: it also runs where modules do not, and says what is missing.
"use strict";
(function () {
  if ("noModule" in document.createElement("script")) return;
  document.getElementById("problem").textContent =
    "This browser is too old for this page. Use a current Chrome, Edge, Firefox or Safari.";
  document.getElementById("problem").hidden = false;
  document.getElementById("loading").hidden = true;
  document.getElementById("input").hidden = true;
})();
