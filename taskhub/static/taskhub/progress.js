/*
 * Updates progress bars: for each element of the class taskhub-progress, its data-url is
 * fetched until the answer has `is_over`. Nothing is fetched while the page is hidden. The
 * element dispatches the event `taskhub:progress` for each answer, and `taskhub:over` at the
 * end. If it has data-reload, the page is then reloaded.
 */
"use strict";

(() => {
  const PAUSE_MS = 1000;
  const LONGEST_PAUSE_MS = 30000;

  class Follower {
    constructor(place) {
      this.place = place;
      this.pause = PAUSE_MS;
      this.later();
    }

    later() {
      setTimeout(() => this.look(), this.pause);
    }

    async look() {
      if (!this.place.isConnected) return;
      if (document.hidden) {
        document.addEventListener("visibilitychange", () => this.look(), { once: true });
        return;
      }
      const answer = await this.ask();
      // There will be no answer, for example because a permission is missing.
      if (answer === null) return;
      if (answer) this.show(answer);
      if (answer?.is_over) this.end(answer);
      else this.later();
    }

    /* Return the answer, null if there will be none, or undefined if this request failed. */
    async ask() {
      try {
        const response = await fetch(this.url(), {
          headers: { Accept: "application/json" },
        });
        if (response.status >= 400 && response.status < 500) return null;
        if (!response.ok) throw new Error(response.statusText);
        // The session has ended, and the response is a login page.
        if (response.redirected) return null;
        const answer = await response.json();
        if (answer.status) this.place.dataset.seen = "yes";
        // A result that does not exist yet may come late or never: fetch less often.
        this.pause = answer.status ? PAUSE_MS : this.longerPause();
        return answer;
      } catch {
        // The site is down: fetch less often.
        this.pause = this.longerPause();
        return undefined;
      }
    }

    /* Return the URL. `seen` tells the site that a missing result existed before. */
    url() {
      const url = new URL(this.place.dataset.url, location.href);
      if (this.place.dataset.seen) url.searchParams.set("seen", "yes");
      return url;
    }

    longerPause() {
      return Math.min(2 * this.pause, LONGEST_PAUSE_MS);
    }

    show(answer) {
      const bar = this.place.querySelector(".taskhub-progress-bar");
      if (answer.percent === null) bar.removeAttribute("value");
      else bar.value = answer.percent;
      this.write(".taskhub-progress-status", answer.label);
      this.write(".taskhub-progress-text", answer.text);
      this.tell("taskhub:progress", answer);
    }

    write(selector, text) {
      const place = this.place.querySelector(selector);
      if (place && place.textContent !== text) place.textContent = text;
    }

    end(answer) {
      this.place.dataset.over = "yes";
      this.tell("taskhub:over", answer);
      if (this.place.dataset.reload) location.reload();
    }

    tell(name, detail) {
      this.place.dispatchEvent(new CustomEvent(name, { detail, bubbles: true }));
    }
  }

  function start(root) {
    for (const place of root.querySelectorAll(".taskhub-progress[data-over=no]")) {
      if (!place.taskhub) place.taskhub = new Follower(place);
    }
  }

  // Pages that replace elements dispatch this event.
  document.addEventListener("taskhub:new", (event) => start(event.target));
  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", () => start(document));
  } else start(document);
})();
