/*
 * Fetches the content of a page every few seconds, while the page is visible and not paused.
 */
"use strict";

(() => {
  const PAUSE_MS = 3000;
  const LONGEST_PAUSE_MS = 60000;

  class Live {
    /*
     * `bar` is the element with the state, the button and the URL. `show` is a function that
     * is called with each answer.
     */
    constructor(bar, show) {
      this.bar = bar;
      this.show = show;
      this.button = bar.querySelector("button");
      this.isPaused = false;
      this.isOver = false;
      this.failures = 0;
      this.timer = null;
      this.request = null;
    }

    start() {
      this.button.hidden = false;
      this.button.addEventListener("click", () => this.toggle());
      document.addEventListener("visibilitychange", () => this.look());
      this.say("live");
      this.look();
    }

    get isActive() {
      return !this.isPaused && !this.isOver && !document.hidden;
    }

    toggle() {
      this.isPaused = !this.isPaused;
      const { pause, resume } = this.bar.dataset;
      this.button.textContent = this.isPaused ? resume : pause;
      this.say(this.isPaused ? "paused" : "live");
      this.look();
    }

    /* Fetch at once if the page is visible and not paused, or stop fetching. */
    look() {
      clearTimeout(this.timer);
      this.request?.abort();
      this.request = null;
      if (this.isActive) this.ask();
    }

    async ask() {
      const request = (this.request = new AbortController());
      try {
        const response = await fetch(this.bar.dataset.url, {
          signal: request.signal,
          headers: { Accept: "application/json" },
        });
        // The response is a login page, or the user has lost the permission.
        if (response.redirected || response.status === 403) return this.end();
        if (!response.ok) throw new Error(response.statusText);
        const answer = await response.json();
        this.failures = 0;
        this.say("live");
        this.show(answer);
      } catch (error) {
        if (error.name === "AbortError") return;
        this.failures += 1;
        this.say("away");
      }
      const pause = Math.min(PAUSE_MS * 2 ** this.failures, LONGEST_PAUSE_MS);
      if (this.isActive) this.timer = setTimeout(() => this.ask(), pause);
    }

    end() {
      this.isOver = true;
      this.button.hidden = true;
      this.say("signedOut");
    }

    say(state) {
      this.bar.dataset.state = state;
      const place = this.bar.querySelector(".taskhub-live-state");
      const word = this.bar.dataset[state];
      // If the same text were set again, screen readers would read it again.
      if (place.textContent !== word) place.textContent = word;
    }
  }

  window.taskhub = { ...window.taskhub, Live };
})();
