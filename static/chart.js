// Draws <div class="chart" data-chart-url="…"> with uPlot; until then, and without script, the sparkline inside stands.
"use strict";

(() => {
  const PALETTE = ["#0a4f9e", "#a8201a", "#1b6e3c", "#7a3e9d", "#9a5b00", "#00696f", "#8a1c5c", "#4b5563",
    "#3949ab", "#6d4c41", "#5d6b00", "#c2185b"];
  const INK = "#4a5363";
  const GRID = { stroke: "#dfe4ea", width: 1 };
  const FONT = "12px system-ui, sans-serif";
  const PRESETS = [["1 year", 365 * 86400], ["90 days", 90 * 86400], ["30 days", 30 * 86400], ["7 days", 7 * 86400],
    ["24 hours", 86400], ["1 hour", 3600], ["1 minute", 60], ["1 second", 1]];
  const RESOLUTIONS = { raw: "Single values.", hour: "Hourly means; zoom in for single values.",
    day: "Daily means; zoom in for single values." };

  const part = (options) => new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", ...options });
  const DAY = part({ day: "numeric", month: "short" });
  const FULL_DAY = part({ day: "numeric", month: "short", year: "numeric" });
  const MONTH = part({ month: "short", year: "numeric" });
  const YEAR = part({ year: "numeric" });
  const MINUTE = part({ hour: "2-digit", minute: "2-digit", hour12: false });
  const SECOND = part({ hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });

  const milliseconds = (seconds) => String(Math.round(seconds * 1000) % 1000).padStart(3, "0");

  function moment(seconds) {
    const date = new Date(seconds * 1000);
    const fraction = milliseconds(seconds);
    return `${FULL_DAY.format(date)}, ${SECOND.format(date)}${fraction === "000" ? "" : `.${fraction}`} UTC`;
  }

  function timeLabels(_plot, splits, _axis, _space, step) {
    if (step >= 364 * 86400) return splits.map((at) => YEAR.format(at * 1000));
    if (step >= 27 * 86400) return splits.map((at) => MONTH.format(at * 1000));
    if (step >= 86400) return splits.map((at, i) => DAY.format(at * 1000) + yearBelow(splits, i));
    return splits.map((at, i) => {
      const time = step >= 60 ? MINUTE.format(at * 1000) : SECOND.format(at * 1000);
      return time + (step < 1 ? `.${milliseconds(at)}` : "") + dayBelow(splits, i);
    });
  }

  function yearBelow(splits, i) {
    const year = YEAR.format(splits[i] * 1000);
    return i === 0 || year !== YEAR.format(splits[i - 1] * 1000) ? `\n${year}` : "";
  }

  function dayBelow(splits, i) {
    const day = FULL_DAY.format(splits[i] * 1000);
    return i === 0 || day !== FULL_DAY.format(splits[i - 1] * 1000) ? `\n${day}` : "";
  }

  const number = (value) => (Math.abs(value) >= 1e6 || (value !== 0 && Math.abs(value) < 1e-3)
    ? value.toExponential(3) : String(Number(value.toPrecision(6))));

  function element(tag, className, words) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (words) made.textContent = words;
    return made;
  }

  /** Which series share a plot: all of them with one or two units, else one plot for each unit. */
  function plotGroups(series) {
    const units = [...new Set(series.map((one) => one.unit || ""))];
    const every = series.map((_, i) => i);
    return units.length <= 2 ? [every] : units.map((unit) => every.filter((i) => (series[i].unit || "") === unit));
  }

  /** The y range of a unit: its values, and the normal ranges too, or a value outside one would look as if inside. */
  function around(shown, unit) {
    const bounds = shown.filter((one) => (one.unit || "") === unit).flatMap((one) => one.normal || []).filter(Number.isFinite);
    return (_plot, low, high) => (Number.isFinite(low) && Number.isFinite(high)
      ? window.uPlot.rangeNum(Math.min(low, ...bounds), Math.max(high, ...bounds), 0.1, true) : [0, 1]);
  }

  /** Paints the normal range of each shown series behind the lines. */
  function paintNormalRanges(plot, shown) {
    const { left, top, width, height } = plot.bbox;
    const context = plot.ctx;
    context.save();
    shown.forEach((one, i) => {
      if (!one.normal || !plot.series[i + 1].show) return;
      const edge = (value, otherwise) => (value === null || value === undefined ? otherwise
        : Math.min(top + height, Math.max(top, plot.valToPos(value, plot.series[i + 1].scale, true))));
      const low = edge(one.normal[0], top + height);
      const high = edge(one.normal[1], top);
      context.globalAlpha = 0.1;
      context.fillStyle = one.stroke;
      context.fillRect(left, high, width, low - high);
    });
    context.restore();
  }

  /** The legend's labels switch series on and off by mouse; this lets the keyboard do it as well. */
  function reachLegend(plot) {
    plot.root.querySelector(".u-legend")?.setAttribute("role", "presentation");
    plot.root.querySelectorAll(".u-legend .u-series").forEach((row, i) => {
      if (i === 0) return;
      const label = row.querySelector("th");
      label.setAttribute("role", "button");
      label.setAttribute("aria-pressed", "true");
      label.tabIndex = 0;
      label.addEventListener("click", () => label.setAttribute("aria-pressed", String(plot.series[i].show)));
      label.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        label.click();
      });
    });
  }

  class Chart {
    constructor(root) {
      this.root = root;
      this.plots = [];
      this.load(null, null);
    }

    address(from, to) {
      const url = new URL(this.root.dataset.chartUrl, window.location.href);
      if (from !== null) {
        url.searchParams.set("from", Math.floor(from * 1000));
        url.searchParams.set("to", Math.ceil(to * 1000));
      }
      return url;
    }

    async load(from, to) {
      this.asking?.abort();
      const asking = new AbortController();
      this.asking = asking;
      this.say("Loading values…");
      try {
        const answer = await fetch(this.address(from, to), { headers: { Accept: "application/json" }, signal: asking.signal });
        if (answer.status === 401) {
          window.location.reload();
          return;
        }
        if (!answer.ok) {
          await answer.body?.cancel(); // an unread body keeps its connection
          throw new Error(String(answer.status));
        }
        this.take(await answer.json(), from, to);
      } catch (fault) {
        if (fault.name !== "AbortError") this.fail(from, to);
      }
    }

    take(data, from, to) {
      if (this.plots.length > 0) {
        this.refill(data, from, to);
      } else if (data.x.length === 0) {
        this.root.classList.add("is-without-values");
        this.root.replaceChildren(element("p", "chart-words", "No values to draw yet."));
      } else {
        this.whole = data;
        this.draw(data);
      }
    }

    refill(data, from, to) {
      if (from === null) this.whole = data;
      if (data.x.length === 0) {
        this.say("No values in this range.");
        return;
      }
      this.setData(data, from ?? data.x[0], to ?? data.x[data.x.length - 1]);
    }

    setData(data, from, to) {
      for (const plot of this.plots) {
        plot.batch(() => {
          plot.setData([data.x, ...plot.picked.map((i) => data.y[i])], false);
          plot.setScale("x", { min: from, max: to });
        });
      }
      this.view = [from, to];
      this.mark();
      this.say(RESOLUTIONS[data.resolution] || "");
    }

    draw(data) {
      const plots = element("div", "chart-plots");
      this.words = element("p", "chart-words");
      this.words.setAttribute("role", "status");
      this.first = data.x[0];
      this.last = data.x[data.x.length - 1];
      if (this.first === this.last) [this.first, this.last] = [this.first - 43200, this.last + 43200];
      this.view = [this.first, this.last];
      this.root.replaceChildren(this.tools(), plots);
      this.root.classList.add("is-drawn");
      const groups = plotGroups(data.series);
      this.plots = groups.map((picked) => this.plot(plots, data, picked, groups.length > 1 ? 180 : 250));
      this.watchSize();
      this.showAll();
    }

    plot(parent, data, picked, height) {
      const box = element("div", "chart-plot");
      parent.append(box);
      const shown = picked.map((i) => ({ ...data.series[i], stroke: data.series[i].color || PALETTE[i % PALETTE.length] }));
      const options = this.options(shown, box.clientWidth, height);
      const plot = new window.uPlot(options, [data.x, ...picked.map((i) => data.y[i])], box);
      plot.picked = picked;
      plot.box = box;
      const canvas = box.querySelector("canvas");
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", `${data.title}: ${shown.map((one) => one.label).join(", ")}, drawn over time`);
      reachLegend(plot);
      return plot;
    }

    options(shown, width, height) {
      const units = [...new Set(shown.map((one) => one.unit || ""))];
      const axis = { stroke: INK, font: FONT, labelFont: FONT, ticks: GRID };
      return {
        width, height,
        tzDate: (at) => window.uPlot.tzDate(new Date(at * 1000), "Etc/UTC"),
        cursor: { drag: { x: true, y: false, setScale: false }, sync: { key: this.root.dataset.chartUrl },
          bind: { dblclick: () => () => { this.showAll(); return null; } } },
        scales: { x: { time: true }, ...Object.fromEntries(units.map((unit) => [`y ${unit}`, { range: around(shown, unit) }])) },
        series: [{ label: "Time", value: (_plot, at) => (at === null ? "–" : moment(at)) },
          ...shown.map((one) => ({
            label: one.unit ? `${one.label} (${one.unit})` : one.label, scale: `y ${one.unit || ""}`, stroke: one.stroke, width: 1.5,
            spanGaps: true, points: { size: 5, show: (plot, _which, first, last) => last - first < plot.width / 8 },
            value: (_plot, value) => (value === null || value === undefined ? "–" : number(value)) }))],
        axes: [{ ...axis, grid: GRID, values: timeLabels, space: (_plot, _axis, from, to) => (to - from < 10 ? 100 : 70), size: 48 },
          ...units.map((unit, i) => ({ ...axis, scale: `y ${unit}`, label: unit || undefined, labelSize: unit ? 20 : 0, size: 46,
            side: i === 0 ? 3 : 1, grid: i === 0 ? GRID : { show: false },
            values: (_plot, splits) => splits.map((value) => (value === null ? "" : number(value))) }))],
        hooks: { drawClear: [(plot) => paintNormalRanges(plot, shown)], setSelect: [(plot) => this.dragged(plot)] },
      };
    }

    dragged(plot) {
      const { left, width } = plot.select;
      if (width < 4) return;
      const from = plot.posToVal(left, "x");
      const to = plot.posToVal(left + width, "x");
      plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
      this.show(from, to);
    }

    show(from, to) {
      const middle = (from + to) / 2;
      if (to - from < 0.01) [from, to] = [middle - 0.005, middle + 0.005];
      if (from <= this.first && to >= this.last) {
        this.showAll();
        return;
      }
      for (const plot of this.plots) plot.setScale("x", { min: from, max: to });
      this.view = [from, to];
      this.mark();
      this.load(from, to);
    }

    showAll() {
      this.asking?.abort();
      this.setData(this.whole, this.first, this.last);
    }

    zoom(factor) {
      const [from, to] = this.view;
      const middle = (from + to) / 2;
      const half = ((to - from) / 2) * factor;
      this.show(Math.max(this.first, middle - half), Math.min(this.last, middle + half));
    }

    move(share) {
      const [from, to] = this.view;
      const length = to - from;
      const start = Math.min(this.last - length, Math.max(this.first, from + length * share));
      this.show(start, start + length);
    }

    tools() {
      const bar = element("div", "chart-tools");
      bar.setAttribute("role", "group");
      bar.setAttribute("aria-label", `Range shown, ${this.root.dataset.chartTitle || "chart"}`);
      const add = (words, onPress, seconds) => {
        const made = element("button", "btn btn-outline-secondary btn-sm", words);
        made.type = "button";
        made.addEventListener("click", onPress);
        if (seconds !== undefined) made.dataset.seconds = seconds;
        bar.append(made);
      };
      add("All", () => this.showAll(), 0);
      const span = this.last - this.first;
      for (const [words, seconds] of PRESETS.filter((preset) => preset[1] < span).slice(0, 3)) {
        add(words, () => this.show(this.last - seconds, this.last), seconds);
      }
      add("Earlier", () => this.move(-0.5));
      add("Later", () => this.move(0.5));
      add("Closer", () => this.zoom(0.5));
      add("Wider", () => this.zoom(2));
      bar.append(this.words);
      return bar;
    }

    mark() {
      const length = this.view[1] - this.view[0];
      const all = this.view[0] <= this.first && this.view[1] >= this.last;
      for (const made of this.root.querySelectorAll(".chart-tools [data-seconds]")) {
        const seconds = Number(made.dataset.seconds);
        made.setAttribute("aria-pressed", String(seconds === 0 ? all : !all && Math.abs(length - seconds) < 1e-6 * seconds));
      }
    }

    watchSize() {
      const watcher = new ResizeObserver(() => {
        if (!this.root.isConnected) {
          watcher.disconnect();
          for (const plot of this.plots) plot.destroy();
          return;
        }
        for (const plot of this.plots) {
          if (plot.box.clientWidth > 0 && plot.box.clientWidth !== plot.width) plot.setSize({ width: plot.box.clientWidth, height: plot.height });
        }
      });
      watcher.observe(this.root);
    }

    fail(from, to) {
      const again = element("button", "btn btn-outline-secondary btn-sm", "Try again");
      again.type = "button";
      again.addEventListener("click", () => {
        again.closest(".chart-failure")?.remove();
        this.root.classList.remove("is-without-values");
        this.load(from, to);
      });
      if (this.plots.length > 0) {
        this.say("These values could not be loaded. ");
        return this.words.append(again);
      }
      const words = element("p", "chart-words chart-failure", "The chart could not be loaded. ");
      words.setAttribute("role", "alert");
      words.append(again);
      this.root.classList.add("is-without-values");
      this.root.append(words);
    }

    say(words) {
      if (this.words) this.words.textContent = words;
    }
  }

  function drawAll() {
    for (const root of document.querySelectorAll(".chart[data-chart-url]:not([data-chart-ready])")) {
      root.dataset.chartReady = "yes";
      new Chart(root);
    }
  }

  document.addEventListener("DOMContentLoaded", drawAll);
  document.addEventListener("htmx:afterSettle", drawAll);
})();
