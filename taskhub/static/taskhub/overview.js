/*
 * Draws the charts of the overview, and replaces the panels that have changed. Without this
 * script, the page has no charts and is not updated.
 */
"use strict";

(() => {
  function replace(panels) {
    for (const [name, html] of Object.entries(panels)) {
      const panel = document.querySelector(`[data-panel="${name}"]`);
      // Replacing a panel would take the keyboard focus from an element in it.
      if (panel.dataset.html === html || panel.contains(document.activeElement)) {
        continue;
      }
      panel.dataset.html = html;
      const scrolled = [...panel.querySelectorAll(".taskhub-scroll")].map(
        (each) => each.scrollLeft,
      );
      panel.innerHTML = html;
      panel.querySelectorAll(".taskhub-scroll").forEach((each, index) => {
        each.scrollLeft = scrolled[index] ?? 0;
      });
    }
  }

  function start() {
    const bar = document.querySelector(".taskhub-live");
    if (!bar) return;
    const charts = new Map();
    for (const place of document.querySelectorAll("[data-chart]")) {
      charts.set(place.dataset.chart, new window.taskhub.Chart(place));
    }
    const draw = (drawn) => {
      for (const [name, chart] of Object.entries(drawn)) charts.get(name)?.show(chart);
    };
    draw(JSON.parse(document.getElementById("taskhub-drawn").textContent));
    window.taskhub.onTheme(() => charts.forEach((chart) => chart.draw()));
    new window.taskhub.Live(bar, (answer) => {
      draw(answer.charts);
      replace(answer.panels);
      bar.querySelector(".taskhub-at").textContent = answer.at;
    }).start();
  }

  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", start);
  } else {
    start();
  }
})();
