// A field that takes a code of a terminology: choose one of those that the server finds while one types. Without it, a
// code is typed; nothing here is needed for that.
"use strict";

(() => {
  const of = (element) => element.closest?.("[data-code-field]");
  const input = (field) => field.querySelector("input");
  const list = (field) => field.querySelector(".suggestions");
  const options = (field) => [...field.querySelectorAll("[role=option]")];
  const active = (field) => options(field).find((one) => one.getAttribute("aria-selected") === "true");

  function say(field, words) {
    field.querySelector(".field-meaning").textContent = words;
  }

  function prepare(field) {
    const box = input(field);
    box.setAttribute("role", "combobox");
    box.setAttribute("aria-autocomplete", "list");
    box.setAttribute("aria-expanded", "false");
  }

  function open(field) {
    const box = input(field);
    options(field).forEach((one, place) => { one.id = `${box.id}-option-${place}`; });
    const found = list(field).querySelector("[role=listbox]");
    if (!found || document.activeElement !== box) return close(field);
    found.id = `${box.id}-options`;
    box.setAttribute("aria-controls", found.id);
    box.setAttribute("aria-expanded", "true");
    list(field).hidden = false;
  }

  function close(field) {
    const box = input(field);
    mark(field, undefined);
    list(field).hidden = true;
    box.setAttribute("aria-expanded", "false");
    box.removeAttribute("aria-controls");
  }

  function mark(field, option) {
    for (const one of options(field)) one.setAttribute("aria-selected", String(one === option));
    if (!option) return input(field).removeAttribute("aria-activedescendant");
    input(field).setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  }

  function choose(field, option) {
    const box = input(field);
    // What is still being asked about the words before must not open the list again.
    window.htmx.trigger(box, "htmx:abort");
    box.value = option.dataset.code;
    field.dataset.chosen = box.value;
    say(field, option.dataset.meaning);
    close(field);
  }

  function step(field, by) {
    if (list(field).hidden) open(field);
    if (list(field).hidden) return;
    // Round and round, with the field itself between the last option and the first.
    const places = [undefined, ...options(field)];
    mark(field, places.at((places.indexOf(active(field)) + by) % places.length));
  }

  function pressed(event) {
    const field = of(event.target);
    if (!field || event.target !== input(field) || event.isComposing || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "ArrowDown") step(field, 1);
    else if (event.key === "ArrowUp") step(field, -1);
    else if (event.key === "Enter" && active(field)) choose(field, active(field));
    else if (event.key === "Escape" && !list(field).hidden) close(field);
    else return;
    event.preventDefault();
  }

  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("[data-code-field]").forEach(prepare));
  document.addEventListener("keydown", pressed);
  document.addEventListener("input", (event) => {
    const field = of(event.target);
    if (field) delete field.dataset.chosen;
  });
  document.addEventListener("mousedown", (event) => {
    // The field keeps the focus, or leaving it would close the list before the click arrives.
    if (event.target.closest(".suggestions")) event.preventDefault();
  });
  document.addEventListener("click", (event) => {
    const option = event.target.closest("[data-code-field] [role=option]");
    if (option) choose(of(option), option);
  });
  document.addEventListener("focusout", (event) => {
    const field = of(event.target);
    if (field) close(field);
  });
  document.addEventListener("htmx:configRequest", (event) => {
    const field = of(event.target);
    if (field) event.detail.parameters = { q: input(field).value };
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    const field = of(event.target);
    if (!field || field.dataset.chosen === input(field).value) return;
    say(field, list(field).firstElementChild.dataset.said);
    open(field);
  });
})();
