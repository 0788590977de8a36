// Turns a drop zone (macros/files.html) into uploads with progress. Without this script its form posts as it is.
"use strict";

(() => {
  const AT_ONCE = 2;
  let underWay = 0;
  let leaving = false;

  window.addEventListener("beforeunload", (event) => {
    if (underWay > 0 && !leaving) event.preventDefault();
  });

  function element(tag, className, words) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (words) made.textContent = words;
    return made;
  }

  function button(words, name, onPress) {
    const made = element("button", "btn btn-outline-secondary btn-sm", words);
    made.type = "button";
    made.append(element("span", "visually-hidden", ` ${name}`));
    made.addEventListener("click", onPress);
    return made;
  }

  function size(bytes) {
    if (bytes < 1000) return `${bytes} bytes`;
    if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1).replace(".0", "")} kB`;
    const [unit, factor] = bytes < 1e9 ? ["MB", 1e6] : ["GB", 1e9];
    return `${(bytes / factor).toFixed(1).replace(".0", "")} ${unit}`;
  }

  function answerOf(request) {
    try {
      return JSON.parse(request.responseText) || {};
    } catch {
      return {};
    }
  }

  function refusalWords(request) {
    const own = answerOf(request).error;
    if (typeof own === "string" && own) return own;
    if (request.status === 413) return "This file is too large.";
    if (request.status === 429) return "Too many uploads in a short time. Wait a minute, then try again.";
    if (request.status === 403 || request.status === 404) return "You may not add files here.";
    if (request.status >= 500) return "The server could not store this file.";
    return "This file was not accepted.";
  }

  /** One drop zone: its queue of files, its list of rows, its words. */
  class DropZone {
    constructor(form) {
      this.form = form;
      this.input = form.querySelector("input[type=file]");
      this.queue = form.querySelector("[data-upload-queue]");
      this.said = form.querySelector("[data-upload-said]");
      this.list = document.getElementById(form.dataset.uploadList);
      this.single = "uploadSingle" in form.dataset;
      this.limit = Number(form.dataset.uploadMax) || Infinity;
      this.endings = this.input.accept.split(",").filter((ending) => ending.startsWith("."));
      this.waiting = [];
      this.running = 0;
      this.enhance();
    }

    enhance() {
      this.form.querySelector("[data-upload-plain]").hidden = true;
      this.input.required = false;
      this.input.addEventListener("change", () => {
        const files = [...this.input.files];
        this.input.value = "";
        this.take(files);
      });
      this.form.addEventListener("submit", (event) => event.preventDefault());
      for (const name of ["dragenter", "dragover"]) {
        this.form.addEventListener(name, (event) => {
          event.preventDefault();
          this.form.classList.add("is-over");
        });
      }
      this.form.addEventListener("dragleave", (event) => {
        if (!this.form.contains(event.relatedTarget)) this.form.classList.remove("is-over");
      });
      this.form.addEventListener("drop", (event) => {
        event.preventDefault();
        this.form.classList.remove("is-over");
        this.take(this.dropped(event.dataTransfer));
      });
    }

    dropped(transfer) {
      const folders = new Set();
      for (const item of transfer.items || []) {
        const entry = item.webkitGetAsEntry?.();
        if (entry?.isDirectory) folders.add(entry.name);
      }
      for (const name of folders) this.refuse(this.show({ name, size: 0 }), "A folder cannot be uploaded. Choose the files in it.");
      return [...transfer.files].filter((file) => !folders.has(file.name));
    }

    take(files) {
      if (this.input.disabled) return;
      for (const old of this.queue.querySelectorAll(".is-refused")) old.remove();
      if (this.single && files.length > 1) {
        this.refuse(this.show(files[0]), "Only one file can stand here. Choose one.");
        return;
      }
      for (const file of files) {
        const item = this.show(file);
        const refusal = this.refusalOf(file);
        if (refusal) this.refuse(item, refusal);
        else this.waiting.push(item);
      }
      this.next();
    }

    /** What can be said before anything is sent; the server looks again. */
    refusalOf(file) {
      if (file.size > this.limit) return `This file is too large: ${size(file.size)} of at most ${size(this.limit)}.`;
      if (file.size === 0) return "This file is empty (0 bytes).";
      const name = file.name.toLowerCase();
      if (this.endings.length > 0 && !this.endings.some((ending) => name.endsWith(ending))) {
        return `This kind of file is not accepted here. Accepted: ${this.endings.join(", ")}.`;
      }
      return "";
    }

    show(file) {
      const row = element("li", "upload-item");
      const top = element("div", "upload-item-top");
      const words = element("span", "upload-item-words", "Waiting");
      const bar = element("progress");
      const actions = element("div", "upload-item-actions");
      bar.max = 1;
      bar.value = 0;
      bar.setAttribute("aria-label", `Upload of ${file.name}`);
      top.append(element("span", "upload-item-name", file.name), words);
      row.append(top, bar, actions);
      this.queue.append(row);
      return { file, row, words, bar, actions };
    }

    next() {
      while (this.running < AT_ONCE && this.waiting.length > 0) this.send(this.waiting.shift());
    }

    send(item) {
      const request = new XMLHttpRequest();
      const joint = this.form.dataset.uploadUrl.includes("?") ? "&" : "?";
      request.open("POST", `${this.form.dataset.uploadUrl}${joint}name=${encodeURIComponent(item.file.name)}`);
      request.setRequestHeader("X-CSRFToken", this.form.elements.csrf_token.value);
      request.setRequestHeader("Content-Type", "application/octet-stream");
      request.setRequestHeader("Accept", "application/json");
      request.upload.addEventListener("progress", (event) => this.advance(item, event));
      request.addEventListener("load", () => this.answered(item, request));
      request.addEventListener("error", () => this.offerAgain(item, "The connection was lost before the file had arrived."));
      request.addEventListener("abort", () => this.offerAgain(item, "Upload cancelled."));
      request.addEventListener("loadend", () => {
        this.running -= 1;
        underWay -= 1;
        this.next();
      });
      this.running += 1;
      underWay += 1;
      item.row.classList.remove("is-refused");
      item.bar.hidden = false;
      item.words.textContent = "Starting";
      item.actions.replaceChildren(button("Cancel", item.file.name, () => request.abort()));
      this.say(`Uploading ${item.file.name}`);
      request.send(item.file);
    }

    advance(item, event) {
      if (!event.lengthComputable || event.total === 0) return;
      item.bar.value = event.loaded / event.total;
      item.words.textContent = event.loaded < event.total
        ? `${size(event.loaded)} of ${size(event.total)}` : "Checking the file";
    }

    answered(item, request) {
      if (request.status === 401) {
        leaving = true;
        window.location.reload();
      } else if (request.status === 200 || request.status === 201) {
        this.stored(item, answerOf(request));
      } else if (request.status === 429 || request.status >= 500) {
        this.offerAgain(item, refusalWords(request));
      } else {
        this.refuse(item, refusalWords(request));
      }
    }

    stored(item, answer) {
      const made = document.createElement("template");
      made.innerHTML = typeof answer.html === "string" ? answer.html : "";
      const row = made.content.firstElementChild;
      if (!row || !this.list) {
        leaving = true;
        window.location.reload();
        return;
      }
      if (this.single) this.list.replaceChildren();
      this.list.querySelector(".file-list-empty")?.remove();
      row.classList.add("is-new");
      this.list.append(row);
      if (answer.notice) this.remark(item, answer.notice);
      else item.row.remove();
      if (answer.full) this.close(answer.full);
      window.htmx?.process(row);
      for (const count of document.querySelectorAll(`[data-count-of="${CSS.escape(this.list.id)}"]`)) {
        count.textContent = this.list.querySelectorAll(".file-row").length;
      }
      this.say(`${item.file.name} was uploaded. ${answer.notice || ""}`);
    }

    /** It was stored, and there is something to know about it. */
    remark(item, words) {
      item.bar.hidden = true;
      item.words.textContent = words;
      item.actions.replaceChildren(button("Dismiss", item.file.name, () => item.row.remove()));
    }

    /** No further file fits: the zone takes none until the page is loaded again. */
    close(words) {
      this.form.classList.add("is-full");
      this.input.disabled = true;
      this.form.querySelector("[data-upload-full]").textContent = words;
    }

    refuse(item, words) {
      item.row.classList.add("is-refused");
      item.bar.hidden = true;
      item.words.textContent = words;
      item.actions.replaceChildren(button("Dismiss", item.file.name, () => {
        item.row.remove();
        this.input.focus();
      }));
      this.say(`${item.file.name} was not stored: ${words}`);
    }

    offerAgain(item, words) {
      this.refuse(item, words);
      const again = button("Try again", item.file.name, () => {
        this.waiting.push(item);
        this.next();
      });
      item.actions.prepend(again);
    }

    say(words) {
      this.said.textContent = words;
    }
  }

  function enhanceAll() {
    for (const form of document.querySelectorAll("form.drop-zone:not([data-upload-ready])")) {
      form.dataset.uploadReady = "yes";
      new DropZone(form);
    }
  }

  // A file dropped beside a zone would make the browser leave the page for it.
  for (const name of ["dragover", "drop"]) {
    document.addEventListener(name, (event) => {
      if (event.dataTransfer?.types.includes("Files")) event.preventDefault();
    });
  }
  document.addEventListener("DOMContentLoaded", enhanceAll);
  document.addEventListener("htmx:afterSettle", enhanceAll);
})();
