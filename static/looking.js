// Makes the server's drawing of measurements interactive: a cursor that says values, and zooming, which asks the server
// for the next drawing. Nothing here is needed to see the chart: every step is a link, and every choice a form's field.
"use strict";

(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const NARROWEST = 10; // milliseconds
  const FAST = 10; // points
  const [EARLIEST, LATEST] = [Date.UTC(1900, 0, 1), Date.UTC(2199, 11, 31)]; // beyond them nothing can be measured
  const DRAGGED = 6; // pixels, below which a drag was a click

  const part = (options) => new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", ...options });
  const DAY = part({ day: "numeric", month: "short", year: "numeric" });
  const MINUTE = part({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const CLOCK = part({ hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

  function moment(at) {
    const date = new Date(at);
    const fraction = ((at % 1000) + 1000) % 1000;
    const thousandths = fraction ? `.${String(fraction).padStart(3, "0")}` : "";
    return `${DAY.format(date)}, ${CLOCK.format(date)}${thousandths} UTC`;
  }

  /** A stretch that a point stands for, no finer than it is. */
  function stretch(at, width) {
    if (!width) return moment(at);
    if (width < 60000) return `${moment(at)} and ${width < 1000 ? `${width} ms` : `${width / 1000} s`} more`;
    if (width < 86400000) return `${DAY.format(at)}, ${MINUTE.format(at)} to ${MINUTE.format(at + width)} UTC`;
    return width === 86400000 ? DAY.format(at) : `${DAY.format(at)} to ${DAY.format(at + width - 1)}`;
  }

  function number(value) {
    if (Number.isInteger(value) && Math.abs(value) < 1e15) return value.toLocaleString("en-GB");
    const short = Number(value.toPrecision(5));
    return Math.abs(short) >= 1e-4 && Math.abs(short) < 1e15 ? short.toLocaleString("en-GB", { maximumSignificantDigits: 5 })
      : value.toExponential(3);
  }

  const local = (at) => new Date(Math.round(at)).toISOString().slice(0, 23).replace(/\.000$/, "").replace(/:00$/, "");

  function shape(name, attributes) {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  }

  /** A curve's points with their times; what the page carries is short. */
  function unpacked(curve, unit) {
    let place = 0;
    const times = curve.t.map((step) => { place += step; return place * unit + curve.shift; });
    return { ...curve, times };
  }

  /** The place of the time that is nearest, in a list that is in order. */
  function nearest(times, at) {
    let low = 0;
    let high = times.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (times[middle] < at) low = middle + 1; else high = middle;
    }
    return low > 0 && at - times[low - 1] < times[low] - at ? low - 1 : low;
  }

  /** The chart that stands in the page just now. */
  class Plots {
    constructor(looking, root) {
      this.looking = looking;
      this.root = root;
      const data = JSON.parse(root.dataset.points);
      this.start = data.start;
      this.end = data.end;
      this.width = data.width;
      this.tones = data.tones;
      this.curves = data.curves.map((curve) => unpacked(curve, data.unit));
      this.times = [...new Set(this.curves.flatMap((curve) => curve.times))].sort((a, b) => a - b);
      this.values = [...looking.root.querySelectorAll("[data-legend-value]")];
      this.said = looking.root.querySelector(".look-cursor");
      this.plots = [...root.querySelectorAll("svg.plot")];
      this.place = null;
      this.listen();
    }

    listen() {
      this.root.tabIndex = 0;
      this.root.setAttribute("role", "application");
      this.root.setAttribute("aria-roledescription", "chart");
      this.root.setAttribute("aria-label", `${this.root.dataset.title}, over time`);
      this.root.setAttribute("aria-describedby", "look-keys");
      this.root.addEventListener("keydown", (event) => this.pressed(event));
      this.root.addEventListener("pointermove", (event) => this.moved(event));
      this.root.addEventListener("pointerleave", () => { if (!this.from) this.forget(); });
      this.root.addEventListener("pointerdown", (event) => this.began(event));
      this.root.addEventListener("pointerup", (event) => this.ended(event));
      this.root.addEventListener("pointercancel", () => this.letGo());
      this.root.addEventListener("dblclick", () => this.zoom(2, (this.start + this.end) / 2));
    }

    timeAt(event) {
      const box = this.plots[0].getBoundingClientRect();
      const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
      return this.start + share * (this.end - this.start);
    }

    x(at) { return (1000 * (at - this.start)) / (this.end - this.start); }

    moved(event) {
      if (this.from !== undefined) return this.drag(event);
      if (this.times.length) this.point(nearest(this.times, this.timeAt(event) - this.width / 2));
    }

    began(event) {
      if (event.button !== 0 || !event.isPrimary || event.pointerType === "touch") return;
      this.from = this.timeAt(event);
      this.fromX = event.clientX;
      this.root.setPointerCapture(event.pointerId);
    }

    drag(event) {
      const to = this.timeAt(event);
      const [left, right] = [this.from, to].sort((a, b) => a - b).map((at) => this.x(at));
      for (const plot of this.plots) {
        plot.querySelector(".zoom-area")?.remove();
        plot.append(shape("rect", { class: "zoom-area", x: left, y: 0, width: right - left, height: plot.viewBox.baseVal.height }));
      }
    }

    ended(event) {
      if (this.from === undefined) return;
      const [from, to] = [this.from, this.timeAt(event)].sort((a, b) => a - b);
      const isDrag = Math.abs(event.clientX - this.fromX) >= DRAGGED;
      this.letGo();
      if (isDrag) this.show(from, to);
    }

    letGo() {
      delete this.from;
      for (const plot of this.plots) plot.querySelector(".zoom-area")?.remove();
    }

    pressed(event) {
      if (event.altKey || event.ctrlKey || event.metaKey) return;
      const last = this.times.length - 1;
      const here = this.place ?? (event.key === "ArrowLeft" || event.key === "PageUp" ? last + 1 : -1);
      const steps = { ArrowLeft: here - 1, ArrowRight: here + 1, PageUp: here - FAST, PageDown: here + FAST, Home: 0, End: last };
      if (event.key in steps) {
        if (last >= 0) this.point(Math.min(last, Math.max(0, steps[event.key])));
      } else if (event.key === "+" || event.key === "=") this.zoom(0.5, this.middle());
      else if (event.key === "-" || event.key === "−" || event.key === "_") this.zoom(2, this.middle());
      else if (event.key === "Escape") this.forget();
      else return;
      event.preventDefault();
    }

    middle() { return this.place === null ? (this.start + this.end) / 2 : this.times[this.place] + this.width / 2; }

    zoom(factor, around) {
      const half = ((this.end - this.start) * factor) / 2;
      this.show(around - half, around + half);
    }

    show(from, to) {
      const short = NARROWEST / 2 - (to - from) / 2;
      if (short > 0) [from, to] = [from - short, to + short];
      const url = new URL(this.root.dataset.zoomUrl, window.location.href);
      url.searchParams.set("from", local(Math.max(from, EARLIEST)));
      url.searchParams.set("to", local(Math.min(to, LATEST)));
      const at = this.place === null ? null : this.times[this.place];
      this.looking.go(url, { push: true, at, focus: this.root.contains(document.activeElement) });
    }

    /** Put the cursor on a point, and say what each line has there. */
    point(place) {
      if (place === this.place) return;
      this.place = place;
      const at = this.times[place];
      const x = this.x(at + this.width / 2);
      for (const plot of this.plots) {
        plot.querySelector(".cursor-line")?.remove();
        plot.append(shape("path", { class: "cursor-line", d: `M${x},0V${plot.viewBox.baseVal.height}` }));
      }
      const words = this.curves.map((curve) => this.valueOf(curve, at));
      words.forEach((word, i) => { if (this.values[i]) this.values[i].textContent = word; });
      const names = [...this.looking.root.querySelectorAll(".legend-label")].map((label) => label.textContent.trim().replace(/\s+/g, " "));
      this.said.textContent = stretch(at, this.width);
      this.said.setAttribute("aria-label", `${this.said.textContent}: ${words.map((word, i) => `${names[i]} ${word}`).join("; ")}`);
    }

    valueOf(curve, at) {
      if (!curve.times.length) return "–";
      const place = nearest(curve.times, at);
      // Lines that were measured at other instants are said when they are about as near as the eye can tell.
      if (Math.abs(curve.times[place] - at) > (this.end - this.start) / 200) return "–";
      const mean = curve.m[place];
      if (curve.yes && (mean === 0 || mean === 1)) return mean ? "Yes" : "No";
      const bounds = curve.l && curve.l[place] !== curve.h[place] ? ` (${number(curve.l[place])} to ${number(curve.h[place])})` : "";
      return number(mean) + bounds;
    }

    forget() {
      this.place = null;
      for (const plot of this.plots) plot.querySelector(".cursor-line")?.remove();
      for (const value of this.values) value.textContent = "";
      if (this.said) {
        this.said.textContent = "";
        this.said.removeAttribute("aria-label");
      }
    }
  }

  /** The part of the page that changes with the period: its addresses are the page's own. */
  class Looking {
    constructor(root) {
      this.root = root;
      root.addEventListener("click", (event) => this.clicked(event));
      root.addEventListener("submit", (event) => this.sent(event));
      root.addEventListener("change", (event) => { if (event.target.matches(".ticks input, select")) this.sent(event); });
      window.addEventListener("popstate", () => this.go(new URL(window.location.href), {}));
      this.begin({});
    }

    begin({ at, focus }) {
      const found = this.root.querySelector(".plots[data-points]");
      this.plots = found ? new Plots(this, found) : null;
      if (focus) (found || this.root.querySelector("a, button"))?.focus({ preventScroll: true });
      if (this.plots && at !== null && at !== undefined && this.plots.times.length) this.plots.point(nearest(this.plots.times, at));
    }

    clicked(event) {
      const link = event.target.closest("a[data-look]");
      if (!link || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
      event.preventDefault();
      this.go(new URL(link.href), { push: true, again: link.dataset.look });
    }

    sent(event) {
      const form = event.target.closest("form[data-look-form]");
      if (!form) return;
      event.preventDefault();
      const url = new URL(form.action, window.location.href);
      for (const [name, value] of new FormData(form)) if (value) url.searchParams.append(name, value);
      const kept = new URL(window.location.href).searchParams.get("period");
      if (kept && !url.searchParams.has("from") && !url.searchParams.has("to")) url.searchParams.set("period", kept);
      this.go(url, { push: true, field: document.activeElement?.id });
    }

    /** Show another view; when it cannot be had as a part, the whole page is loaded, which says why. */
    async go(url, { push = false, at = null, focus = false, again = "", field = "" }) {
      this.asking?.abort();
      this.asking = new AbortController();
      this.root.setAttribute("aria-busy", "true");
      try {
        const answer = await fetch(url, { headers: { "HX-Request": "true" }, signal: this.asking.signal });
        const text = await answer.text();
        if (!answer.ok) return window.location.assign(url);
        if (push) window.history.pushState({}, "", url);
        this.root.innerHTML = text;
        this.root.removeAttribute("aria-busy");
        this.begin({ at, focus });
        const pressed = again ? this.root.querySelector(`a[data-look="${CSS.escape(again)}"]`) : null;
        (pressed ?? document.getElementById(field))?.focus({ preventScroll: true });
        this.root.dispatchEvent(new CustomEvent("htmx:afterSettle", { bubbles: true }));
      } catch (fault) {
        if (fault.name !== "AbortError") window.location.assign(url);
      }
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    for (const root of document.querySelectorAll("[data-looking]")) new Looking(root);
  });
})();
