// The form for measurements, beyond HTML: tick a whole template, filter metrics, put tokens into the file name.
"use strict";

(() => {
  const CHOICES = "metric-choice";
  let lastUsed = null;
  let ticked = null;

  function changed(element) {
    element.dispatchEvent(new Event("change", { bubbles: true }));
  }

  // "All" and "None" ask the server where there is no script; here the boxes are at hand. Hidden ones stay as they are.
  function tickGroup(event) {
    const button = event.target.closest("[data-ticks]");
    const group = button && button.closest(".metric-group");
    if (!group) return;
    event.preventDefault();
    for (const box of group.querySelectorAll("li:not([hidden]) input[type=checkbox]")) {
      box.checked = button.dataset.ticks === "all";
    }
    chooseTicked();
    changed(group);
  }

  function chooseTicked() {
    const choice = document.querySelector('[data-metrics="ticked"]');
    if (choice) choice.checked = true;
  }

  // To tick one is to want only the ticked ones; to want every metric is to want no ticks.
  function followMetrics(event) {
    if (event.target.name === "metric_ids") chooseTicked();
    if (event.target.dataset.metrics === "every") {
      for (const box of document.querySelectorAll(`#${CHOICES} input[type=checkbox]`)) box.checked = false;
    }
  }

  function insertToken(event) {
    const button = event.target.closest("[data-inserts]");
    const field = button && document.getElementById(button.dataset.into);
    if (!field) return;
    const end = field.value.length;
    const untouched = field.dataset.touched === undefined;
    field.setRangeText(button.dataset.inserts, untouched ? end : field.selectionStart, untouched ? end : field.selectionEnd, "end");
    field.dataset.touched = "yes";
    field.focus();
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  function noteTouch(event) {
    if (event.target.id === "f-file_name") event.target.dataset.touched = "yes";
  }

  function filterMetrics(field) {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0, all = 0;
    for (const group of document.querySelectorAll(`#${field.dataset.filters} .metric-group`)) {
      let here = 0;
      for (const row of group.querySelectorAll("[data-words]")) {
        // Each word begins a word of the metric, its unit, its part or its template: "v" finds V1, not mV.
        row.hidden = !words.every((word) => ` ${row.dataset.words}`.includes(` ${word}`));
        all += 1;
        here += row.hidden ? 0 : 1;
      }
      group.hidden = here === 0;
      shown += here;
    }
    const said = document.getElementById("metric-filter-said");
    said.textContent = words.length ? `${shown} of ${all} metrics` : "";
    if (words.length && !shown) said.textContent = `No metric is found by “${field.value.trim()}”. Each word must begin a word of its name or unit.`;
    document.getElementById("metric-filter-clear").hidden = !words.length || shown > 0;
  }

  function clearFilter(event) {
    if (event.target.id !== "metric-filter-clear") return;
    const field = document.getElementById("metric-filter");
    field.value = "";
    field.focus();
    filterMetrics(field);
  }

  function typed(event) {
    if (!event.target.matches("[data-filters]")) return;
    // What is filtered stays ticked: the preview has nothing new to say.
    event.stopPropagation();
    if (event.type === "input") filterMetrics(event.target);
  }

  function searchByEnter(event) {
    if (event.key !== "Enter" || !event.target.matches("[data-filters]")) return;
    event.preventDefault();
  }

  function isChoice(input) {
    return input.type === "checkbox" || input.type === "radio";
  }

  // A box ticked while other metrics are on their way stays ticked, if it is offered still.
  function keepTicks(event) {
    if (event.detail.target.id !== CHOICES) return;
    ticked = new Map([...event.detail.target.querySelectorAll("input")].filter(isChoice).map((box) => [box.value, box.checked]));
  }

  function putTicksBack(event) {
    if (event.detail.target.id !== CHOICES || ticked === null) return;
    for (const box of [...document.querySelectorAll(`#${CHOICES} input`)].filter(isChoice)) {
      if (ticked.has(box.value)) box.checked = ticked.get(box.value);
    }
    ticked = null;
  }

  // A button that is gone after it was pressed hands the keyboard on, instead of losing it at the page's top.
  function handOnFocus() {
    if (lastUsed === null || document.activeElement !== document.body) return;
    const part = document.querySelector("[data-focus-after]");
    if (part && lastUsed === part.id) document.getElementById(part.dataset.focusAfter)?.focus();
    lastUsed = null;
  }

  document.addEventListener("click", tickGroup);
  document.addEventListener("click", insertToken);
  document.addEventListener("click", clearFilter);
  document.addEventListener("click", (event) => {
    lastUsed = event.target.closest("button")?.closest("[data-focus-after]")?.id ?? null;
  }, true);
  document.addEventListener("focusin", noteTouch);
  document.addEventListener("input", typed, true);
  document.addEventListener("change", typed, true);
  document.addEventListener("change", followMetrics, true);
  document.addEventListener("keydown", searchByEnter);
  document.addEventListener("htmx:oobBeforeSwap", keepTicks);
  document.addEventListener("htmx:oobAfterSwap", putTicksBack);
  document.addEventListener("htmx:afterSettle", handOnFocus);
})();
