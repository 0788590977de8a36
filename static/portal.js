// What every page does beyond HTML. Nothing here is needed to use a page; all of it is found by data attributes.
"use strict";

(() => {
  // A row that turns into a card on a phone (display: block) loses its table role in browsers; say it again.
  const ROLES = [["table", "table"], ["tbody", "rowgroup"], ["thead", "rowgroup"], ["tr", "row"],
    ["td", "cell"], ["tbody th", "rowheader"], ["thead th", "columnheader"]];

  function keepTableRoles(root) {
    for (const table of root.querySelectorAll("table.table-stack:not([role])")) {
      for (const [selector, role] of ROLES) {
        const found = selector === "table" ? [table] : table.querySelectorAll(selector);
        for (const element of found) element.setAttribute("role", role);
      }
    }
  }

  function closeOthers(event) {
    for (const menu of document.querySelectorAll("details[data-closes-itself][open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  }

  // On the key, not on the focus: a menu that closed under a pressed mouse would move what is clicked.
  function closeBehindTab(event) {
    if (event.key === "Tab") closeOthers(event);
  }

  function closeOnEscape(event) {
    if (event.key !== "Escape") return;
    for (const menu of document.querySelectorAll("details[data-closes-itself][open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  }

  // Only the second press is stopped: a disabled button would drop its own name and value from the form.
  function submitOnce(event) {
    const form = event.target;
    if (!form.matches("form[data-submit-once]")) return;
    if (form.dataset.submitted) {
      event.preventDefault();
      return;
    }
    form.dataset.submitted = "yes";
    for (const button of form.querySelectorAll("[type=submit]")) button.setAttribute("aria-disabled", "true");
  }

  function allowSubmitAgain() {
    for (const form of document.querySelectorAll("form[data-submitted]")) {
      delete form.dataset.submitted;
      for (const button of form.querySelectorAll("[type=submit]")) button.removeAttribute("aria-disabled");
    }
  }

  function focusField(event) {
    const link = event.target.closest(".error-summary a[href^='#']");
    const field = link && document.getElementById(decodeURIComponent(link.hash.slice(1)));
    if (!field) return;
    event.preventDefault();
    field.focus();
    field.scrollIntoView({ block: "center" });
  }

  // Without a clipboard (plain http) the text is selected instead, ready to be copied by hand.
  async function copyText(event) {
    const button = event.target.closest("[data-copies]");
    const source = button && document.getElementById(button.dataset.copies);
    if (!source) return;
    try {
      await navigator.clipboard.writeText(source.textContent);
      button.textContent = "Copied";
    } catch {
      window.getSelection().selectAllChildren(source);
      button.textContent = "Selected";
    }
  }

  document.addEventListener("click", closeOthers);
  document.addEventListener("click", copyText);
  document.addEventListener("click", focusField);
  document.addEventListener("keydown", closeOnEscape);
  document.addEventListener("keyup", closeBehindTab);
  document.addEventListener("submit", submitOnce);
  // A page that comes back from the browser's memory must not show a signed-out person's data, nor a locked form.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) window.location.reload();
    allowSubmitAgain();
  });
  document.addEventListener("DOMContentLoaded", () => {
    keepTableRoles(document);
    document.querySelector("[data-takes-focus]")?.focus();
  });
  document.addEventListener("htmx:afterSettle", (event) => keepTableRoles(event.target.ownerDocument));
})();
