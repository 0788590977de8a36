// A file of measurements that has arrived: go on to where its columns are chosen. Without this a link leads there.
"use strict";

(() => {
  function goOn(list) {
    const row = list.querySelector("[data-goes-to]");
    // After what else follows an upload: a page that is left while one is under way asks whether it may be.
    if (row) window.setTimeout(() => window.location.assign(row.dataset.goesTo), 0);
  }

  document.addEventListener("DOMContentLoaded", () => {
    const list = document.getElementById("import-list");
    if (list) new MutationObserver(() => goOn(list)).observe(list, { childList: true });
  });
})();
