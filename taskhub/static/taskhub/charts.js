/*
 * Draws charts with uPlot, in the colours of the admin's theme, and updates the tables of
 * their values. Styles are set as properties, which a strict content security policy allows.
 */
"use strict";

(() => {
  const HEIGHT = 180;
  const DAY = 86400;
  const POWERS = [0, 1, 2, 3, 4, 5, 6, 7, 8];
  // The steps of the vertical axis by the unit of a chart: whole numbers, or seconds.
  const STEPS = {
    count: POWERS.flatMap((power) => [1, 2, 5].map((digit) => digit * 10 ** power)),
    seconds: [
      0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60,
      120, 300, 600, 1200, 1800, 3600, 7200, 18000, 36000, DAY, 2 * DAY, 5 * DAY,
    ],
  };

  const colour = (name) =>
    getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  const colourOf = (kind) => colour(`--taskhub-${kind}`) || colour("--body-fg");

  function inSeconds(value) {
    if (value == null) return "–";
    if (value === 0) return "0 s";
    if (value < 1) return `${+(value * 1000).toPrecision(3)} ms`;
    if (value < 60) return `${+value.toPrecision(3)} s`;
    if (value < 3600) return `${+(value / 60).toPrecision(3)} min`;
    return `${+(value / 3600).toPrecision(3)} h`;
  }

  const language = document.documentElement.lang || undefined;
  const counted = (value) => (value == null ? "–" : value.toLocaleString(language));

  /* Return functions that format times in a zone, or in the browser's if `zone` is unknown. */
  function clockOf(zone) {
    const options = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
    const day = { month: "short", day: "numeric" };
    const format = (parts) => {
      try {
        return new Intl.DateTimeFormat(language, { ...parts, timeZone: zone });
      } catch {
        return new Intl.DateTimeFormat(language, parts);
      }
    };
    const [times, days, whole] = [options, day, { ...day, ...options }].map(format);
    return {
      axis: (start, spansDays) => {
        const at = new Date(start * 1000);
        const time = times.format(at);
        return spansDays && time === "00:00" ? days.format(at) : time;
      },
      whole: (start) => whole.format(new Date(start * 1000)),
      shift: (start) => {
        try {
          return uPlot.tzDate(new Date(start * 1000), zone);
        } catch {
          return new Date(start * 1000);
        }
      },
    };
  }

  class Chart {
    constructor(place) {
      this.place = place;
      this.drawing = place.querySelector(".taskhub-drawing");
      this.table = place.querySelector(".taskhub-as-table");
      this.clock = clockOf(place.dataset.zone);
      this.plot = null;
      this.shape = "";
      this.table.addEventListener("toggle", () => this.fill());
      new ResizeObserver(() => this.resize()).observe(this.drawing);
    }

    show(chart) {
      this.chart = chart;
      this.place.querySelector(".taskhub-summary").textContent = chart.summary;
      this.drawing.setAttribute("aria-label", `${chart.title}: ${chart.summary}`);
      const shape = JSON.stringify(chart.lines.map((line) => [line.label, line.kind]));
      if (this.plot && shape === this.shape) this.plot.setData(this.points());
      else this.draw();
      this.shape = shape;
      this.fill();
    }

    /* The function that formats a value of the chart. */
    get write() {
      return this.chart.unit === "seconds" ? inSeconds : counted;
    }

    /* Return the columns for uPlot: the times, and for stacked bars the top of each layer. */
    points() {
      const columns = this.chart.lines.map((line) => line.values);
      if (!this.chart.is_stacked) return [this.chart.starts, ...columns];
      const below = this.chart.starts.map(() => 0);
      const tops = columns.map((values) =>
        values.map((value, index) => (below[index] += value ?? 0)),
      );
      return [this.chart.starts, ...tops];
    }

    draw() {
      this.plot?.destroy();
      this.plot = null;
      if (!this.chart || !this.drawing.clientWidth) return;
      this.plot = new uPlot(this.options(), this.points(), this.drawing);
    }

    options() {
      const { chart, clock } = this;
      const spansDays = chart.starts.at(-1) - chart.starts[0] > DAY / 2;
      const axis = {
        stroke: colour("--body-quiet-color"),
        grid: { stroke: colour("--hairline-color"), width: 1 },
        ticks: { stroke: colour("--hairline-color"), width: 1 },
        font: "12px system-ui, sans-serif",
      };
      return {
        width: this.drawing.clientWidth,
        height: HEIGHT,
        tzDate: clock.shift,
        cursor: { drag: { x: false, y: false }, y: false },
        legend: { live: true },
        scales: {
          x: { range: (_plot, from, to) => this.rangeOfTime(from, to) },
          y: { range: (_plot, _from, to) => [0, Math.max(to ?? 0, 1) * 1.1] },
        },
        axes: [
          {
            ...axis,
            space: 60,
            values: (_plot, starts) =>
              starts.map((start) => clock.axis(start, spansDays)),
          },
          {
            ...axis,
            size: 60,
            incrs: STEPS[chart.unit],
            values: (_plot, values) => values.map(this.write),
          },
        ],
        series: [
          { label: "", value: (_plot, start) => (start == null ? "–" : clock.whole(start)) },
          ...chart.lines.map((line, index) => this.series(line, index)),
        ],
      };
    }

    rangeOfTime(from, to) {
      const half = this.chart.is_stacked ? this.chart.seconds / 2 : 0;
      return [from - half, to + half];
    }

    series(line, index) {
      const stroke = colourOf(line.kind);
      const value = (_plot, _value, _series, at) =>
        this.write(at == null ? null : this.chart.lines[index].values[at]);
      if (!this.chart.is_stacked) {
        return { label: line.label, stroke, value, width: 2, points: { show: false } };
      }
      return {
        label: line.label,
        stroke,
        value,
        fill: stroke,
        width: 0,
        points: { show: false },
        paths: this.bar(index),
      };
    }

    /* Return a function that draws a layer, from the top of the layer below to its own top. */
    bar(index) {
      return (plot, seriesIndex, first, last) => {
        const shape = new Path2D();
        const [starts, ...tops] = plot.data;
        const width = Math.max(
          1,
          plot.valToPos(starts[0] + this.chart.seconds, "x", true) -
            plot.valToPos(starts[0], "x", true),
        );
        const shown = Math.max(1, width * 0.75);
        for (let at = first; at <= last; at += 1) {
          const below = index ? tops[index - 1][at] : 0;
          if (tops[index][at] === below) continue;
          const x = plot.valToPos(starts[at], "x", true) - shown / 2;
          const top = plot.valToPos(tops[index][at], "y", true);
          shape.rect(x, top, shown, plot.valToPos(below, "y", true) - top);
        }
        return { stroke: null, fill: shape, clip: null };
      };
    }

    resize() {
      if (!this.plot) this.draw();
      else if (this.plot.width !== this.drawing.clientWidth) {
        this.plot.setSize({ width: this.drawing.clientWidth, height: HEIGHT });
      }
    }

    /* Fill the table of values, if it is open. */
    fill() {
      if (!this.table.open || !this.chart) return;
      const row = (tag, head, cells) => {
        const made = document.createElement("tr");
        const cell = (kind, scope, text) => {
          const each = document.createElement(kind);
          if (scope) each.scope = scope;
          each.textContent = text;
          return each;
        };
        made.append(cell("th", tag === "th" ? "col" : "row", head));
        made.append(...cells.map((text) => cell(tag, tag === "th" ? "col" : "", text)));
        return made;
      };
      const { starts, lines } = this.chart;
      const head = this.table.querySelector("thead");
      const from = head.querySelector("th").textContent;
      head.replaceChildren(row("th", from, lines.map((line) => line.label)));
      const rows = starts.map((start, index) => {
        const cells = lines.map((line) => this.write(line.values[index]));
        return row("td", this.clock.whole(start), cells);
      });
      this.table.querySelector("tbody").replaceChildren(...rows.reverse());
    }
  }

  /* Call `changed` when the system or the admin's button changes the theme. */
  function onTheme(changed) {
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
    new MutationObserver(changed).observe(document.documentElement, {
      attributeFilter: ["data-theme"],
    });
  }

  window.taskhub = { ...window.taskhub, Chart, onTheme };
})();
