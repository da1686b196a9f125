/*
 * The form of a periodic task: shows the fields of the chosen kind, the signature of the
 * chosen task, and the next runs while the user types. The form works without this script.
 */
"use strict";

(() => {
  const KINDS = {
    cron: ["expression", "tz"],
    every: ["count", "unit"],
    once: ["at"],
    solar: ["event", "latitude", "longitude"],
  };
  // The inputs that decide when the task fires. _0 is the input of a date, _1 of a time.
  const SCHEDULE_INPUTS = [
    "kind", "expression", "tz", "count", "unit", "at_0", "at_1", "event", "latitude",
    "longitude", "start_at_0", "start_at_1", "end_at_0", "end_at_1", "max_runs",
  ];
  const DEBOUNCE_MS = 300;

  // Return the box of a field in a row that several fields share, or its own row.
  const boxOf = (form, name) =>
    form.querySelector(`.fieldBox.field-${name}`) ||
    form.querySelector(`.form-row.field-${name}`);

  // Return the element with the box, its help text and its errors. Django 6.0 and earlier
  // put help text and errors beside the box.
  const wrapperOf = (box) =>
    box.matches(".form-row") || box.parentElement.matches(".form-row, fieldset")
      ? box
      : box.parentElement;

  const element = (tag, className, text) => {
    const made = document.createElement(tag);
    made.className = className;
    made.textContent = text;
    return made;
  };

  function showKind(form) {
    const chosen = form.querySelector("[name=kind]:checked");
    for (const [kind, names] of Object.entries(KINDS)) {
      const row = form.querySelector(`.form-row.field-${names[0]}`);
      row.classList.toggle("hidden", Boolean(chosen) && chosen.value !== kind);
    }
  }

  function showWindow(form) {
    const wrapper = wrapperOf(boxOf(form, "missed_window"));
    wrapper.classList.toggle("hidden", form.elements.missed_runs.value !== "all");
  }

  function showSignature(form) {
    const select = form.elements.task_path;
    const { signature, summary } = select.selectedOptions[0]?.dataset ?? {};
    const box = boxOf(form, "task_path");
    box.querySelector(".taskhub-signature").textContent = signature ?? "";
    box.querySelector(".taskhub-summary").textContent = summary ?? "";
  }

  /* The next runs, fetched when the user pauses. A new request aborts the previous one. */
  class Preview {
    constructor(form, place) {
      this.form = form;
      this.place = place;
      this.lastQuery = "";
      this.timer = null;
      this.request = null;
    }

    query() {
      const query = new URLSearchParams();
      for (const [name, value] of new FormData(this.form)) {
        if (SCHEDULE_INPUTS.includes(name)) query.append(name, value);
      }
      query.set("row", this.place.dataset.row);
      query.set("browser_zone", Intl.DateTimeFormat().resolvedOptions().timeZone ?? "");
      return query.toString();
    }

    later() {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.ask(), DEBOUNCE_MS);
    }

    async ask({ showsErrors = true } = {}) {
      const query = this.query();
      if (query === this.lastQuery) return;
      this.lastQuery = query;
      this.request?.abort();
      this.request = new AbortController();
      try {
        const response = await fetch(`${this.place.dataset.url}?${query}`, {
          signal: this.request.signal,
          headers: { Accept: "application/json" },
        });
        if (response.ok) this.show(await response.json(), showsErrors);
        else this.lastQuery = "";
      } catch (error) {
        // After an abort, a newer request is under way. Otherwise the site is down, and the same
        // query may be sent again.
        if (error.name !== "AbortError") this.lastQuery = "";
      }
    }

    show(answer, showsErrors) {
      if (showsErrors) this.showErrors(answer.errors);
      const { waiting, nothing } = this.place.dataset;
      let heads = [answer.zone, answer.browser_zone].filter(Boolean);
      if (!answer.words) heads = [waiting];
      else if (!answer.runs.length) heads = [nothing];
      this.fill(".taskhub-words", [answer.words]);
      this.fill(".taskhub-zones", heads.map((head) => element("span", "", head)));
      this.fill(".taskhub-runs", answer.runs.map((run) => this.line(run)));
    }

    fill(selector, children) {
      this.place.querySelector(selector).replaceChildren(...children);
    }

    line(run) {
      const line = document.createElement("li");
      const time = element("time", "", run.there);
      time.dateTime = run.at;
      line.append(time, " ");
      if (run.here) line.append(element("span", "taskhub-here", run.here), " ");
      line.append(element("span", "taskhub-until", run.until));
      if (run.clocks) {
        const mark = element("abbr", "taskhub-mark", this.place.dataset.clocks);
        mark.title = run.clocks;
        line.append(" ", mark);
      }
      if (run.pause) line.append(" ", element("span", "taskhub-pause", run.pause));
      return line;
    }

    showErrors(errors) {
      const names = [...Object.values(KINDS).flat(), "start_at", "end_at", "max_runs"];
      for (const name of names) {
        const box = boxOf(this.form, name);
        const wrapper = wrapperOf(box);
        const faults = errors[name] ?? [];
        wrapper.querySelectorAll(".errorlist").forEach((list) => list.remove());
        box.classList.toggle("errors", faults.length > 0);
        for (const input of box.querySelectorAll("input, select")) {
          if (faults.length) input.setAttribute("aria-invalid", "true");
          else input.removeAttribute("aria-invalid");
        }
        if (faults.length) {
          const list = element("ul", "errorlist", "");
          list.append(...faults.map((fault) => element("li", "", fault)));
          this.placeFault(list, box, wrapper);
        }
      }
    }

    /* Put errors where the admin does: above the input, or above the whole line. */
    placeFault(list, box, wrapper) {
      const line = box.matches(".flex-container")
        ? box
        : box.querySelector(".flex-container");
      if (getComputedStyle(line).flexDirection !== "column") {
        wrapper.prepend(list);
        return;
      }
      let widget = line.querySelector("input, select");
      while (widget.parentElement !== line) widget = widget.parentElement;
      widget.before(list);
    }
  }

  function start() {
    const form = document.getElementById("periodictask_form");
    const place = form?.querySelector(".taskhub-preview");
    if (!place || !form.elements.kind) return;
    const preview = new Preview(form, place);
    const update = (event) => {
      showKind(form);
      showWindow(form);
      if (event.target.name === "task_path") showSignature(form);
      preview.later();
    };
    // The admin's calendar and clock send no event, but focus the input afterwards.
    for (const kind of ["input", "change", "focusin"]) {
      form.addEventListener(kind, update);
    }
    showKind(form);
    showWindow(form);
    preview.ask({ showsErrors: false });
  }

  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", start);
  } else {
    start();
  }
})();
