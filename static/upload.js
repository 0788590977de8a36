// Turns a drop zone (macros/files.html) into uploads with progress. Without this script its form posts as it is.
"use strict";

(() => {
  const AT_ONCE = 2;
  /** Larger files go in pieces, so that a lost connection costs one piece and not the file. */
  const IN_ONE = 8 * 1024 * 1024;
  const TRIES = 4;
  const FIRST_PAUSE = 1000;
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

  /** One request, its answer as a promise. Rejected with "lost" without an answer and with "stopped" after abort(). */
  function ask(method, url, token, { body = null, type = null, onProgress = null, holder = {} } = {}) {
    return new Promise((answered, failed) => {
      const request = new XMLHttpRequest();
      holder.request = request;
      request.open(method, url);
      request.setRequestHeader("Accept", "application/json");
      request.setRequestHeader("X-CSRFToken", token);
      if (type) request.setRequestHeader("Content-Type", type);
      if (onProgress) request.upload.addEventListener("progress", onProgress);
      request.addEventListener("load", () => answered(request));
      request.addEventListener("error", () => failed("lost"));
      request.addEventListener("abort", () => failed("stopped"));
      request.send(body);
    });
  }

  /** A large file on its way: knows which pieces have come, and goes on where it stopped. */
  class Pieces {
    constructor(zone, item) {
      this.zone = zone;
      this.item = item;
      this.base = `${zone.form.dataset.uploadUrl.split("?")[0]}/pieces`;
      this.token = zone.form.elements.csrf_token.value;
      this.holder = {};
      this.id = null;
      this.size = IN_ONE;
      this.received = new Set();
      this.notice = "";
      this.halted = false;
      this.ended = false;
    }

    /** From the beginning, or on from where it stopped. Settles when it is stored, refused, paused or given up. */
    async run() {
      this.halted = false;
      try {
        await (this.id ? this.look() : this.begin());
        for (let number = 1; number <= this.count; number += 1) {
          if (!this.received.has(number)) await this.sendPiece(number);
        }
        this.item.words.textContent = "Checking the file";
        this.item.actions.replaceChildren();
        const answer = await this.patiently(() => this.must("POST", `${this.base}/${this.id}/complete`));
        this.ended = true;
        this.zone.stored(this.item, { ...answerOf(answer), notice: this.notice || answerOf(answer).notice });
      } catch (why) {
        this.stopped(why);
      }
    }

    async begin() {
      const { name, size } = this.item.file;
      const answer = await this.must("POST", `${this.base}?name=${encodeURIComponent(name)}&size=${size}`);
      const told = answerOf(answer);
      this.id = told.id;
      this.size = told.piece_bytes;
      this.count = told.pieces;
      this.notice = told.notice || "";
    }

    async look() {
      const told = answerOf(await this.patiently(() => this.must("GET", `${this.base}/${this.id}`)));
      this.received = told.state === "expected" ? new Set(told.received)
        : new Set(Array.from({ length: this.count }, (_, place) => place + 1));
    }

    async sendPiece(number) {
      const start = (number - 1) * this.size;
      const body = this.item.file.slice(start, start + this.size);
      const onProgress = (event) => this.zone.shown(this.item, this.before() + event.loaded);
      await this.patiently(() => this.must("PUT", `${this.base}/${this.id}/${number}`,
        { body, type: "application/octet-stream", onProgress }));
      this.received.add(number);
      this.zone.shown(this.item, this.before());
    }

    before() {
      return Math.min(this.item.file.size, this.received.size * this.size);
    }

    /** A few tries, each after a longer pause: a server that starts anew, a line that comes back. */
    async patiently(once) {
      for (let tried = 1; ; tried += 1) {
        try {
          return await once();
        } catch (why) {
          if (why !== "lost" || tried === TRIES) throw why;
          this.item.words.textContent = "The connection was lost. Trying again";
          await new Promise((over) => setTimeout(over, FIRST_PAUSE * 2 ** (tried - 1)));
          if (this.halted) throw "stopped";
        }
      }
    }

    async must(method, url, more = {}) {
      if (this.halted) throw "stopped";
      const answer = await ask(method, url, this.token, { ...more, holder: this.holder });
      if (answer.status === 408 || answer.status === 429 || answer.status >= 500) throw "lost";
      if (answer.status >= 400) throw answer;
      return answer;
    }

    halt() {
      this.halted = true;
      this.holder.request?.abort();
    }

    giveUp() {
      this.ended = true;
      this.halt();
      // Swept in any case, a day later.
      if (this.id) ask("DELETE", `${this.base}/${this.id}`, this.token).catch(() => {});
    }

    stopped(why) {
      if (this.ended) {
        this.zone.offerAgain(this.item, "Upload cancelled.");
      } else if (why === "stopped" || why === "lost") {
        this.zone.offerResume(this.item, this, why);
      } else if (why instanceof XMLHttpRequest) {
        this.ended = true;
        this.zone.answered(this.item, why);
      } else {
        throw why;
      }
    }
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
      if (item.file.size > IN_ONE) {
        this.sendInPieces(item);
        return;
      }
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

    sendInPieces(item) {
      if (!item.pieces || item.pieces.ended) item.pieces = new Pieces(this, item);
      const { pieces } = item;
      this.running += 1;
      underWay += 1;
      item.row.classList.remove("is-refused");
      item.bar.hidden = false;
      item.words.textContent = "Starting";
      item.actions.replaceChildren(
        button("Pause", item.file.name, () => pieces.halt()),
        button("Cancel", item.file.name, () => pieces.giveUp()),
      );
      this.say(`Uploading ${item.file.name}`);
      pieces.run().finally(() => {
        this.running -= 1;
        underWay -= 1;
        this.next();
      });
    }

    /** Paused, or the line is gone for longer than we try by ourselves: what has come stays where it is. */
    offerResume(item, pieces, why) {
      const words = `${why === "lost" ? "The connection was lost" : "Paused"}: ${size(pieces.before())} of ${size(item.file.size)} have arrived.`;
      item.words.textContent = words;
      item.actions.replaceChildren(
        button("Resume", item.file.name, () => {
          this.waiting.push(item);
          this.next();
        }),
        button("Cancel", item.file.name, () => {
          pieces.giveUp();
          this.offerAgain(item, "Upload cancelled.");
        }),
      );
      this.say(`${item.file.name}: ${words}`);
    }

    shown(item, bytes) {
      const here = Math.min(bytes, item.file.size);
      item.bar.value = here / item.file.size;
      item.words.textContent = `${size(here)} of ${size(item.file.size)}`;
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
