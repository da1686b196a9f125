/*
 * The page of a result, or of a bulk action, while that is under way: as soon as progress.js
 * hears that there is something new, the page is fetched and what has changed is put in
 * its place. Without it, one loads the page again.
 */
"use strict";

(() => {
  const LIVE = ["#taskhub-live", ".object-tools"];

  let refreshing = false;

  /* What whoever looks has opened, scrolled or is at, by the ids of the elements. */
  function remember(root) {
    const open = [...root.querySelectorAll("details[id]")].map((each) => [each.id, each.open]);
    return { open: new Map(open), focused: document.activeElement?.id };
  }

  function restore(root, before) {
    for (const each of root.querySelectorAll("details[id]")) {
      if (before.open.has(each.id)) each.open = before.open.get(each.id);
    }
    if (before.focused && document.activeElement?.id !== before.focused) {
      document.getElementById(before.focused)?.focus({ preventScroll: true });
    }
  }

  async function refresh() {
    if (refreshing) return;
    refreshing = true;
    try {
      const response = await fetch(location.href);
      if (!response.ok) return;
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      for (const selector of LIVE) {
        const shown = document.querySelector(selector);
        const fresh = page.querySelector(selector);
        if (!shown || !fresh || shown.innerHTML === fresh.innerHTML) continue;
        const before = remember(shown);
        shown.replaceChildren(...fresh.childNodes);
        restore(shown, before);
        shown.dispatchEvent(new CustomEvent("taskhub:new", { bubbles: true }));
      }
    } catch {
      // The site is away: progress.js asks again, and so does this.
    } finally {
      refreshing = false;
    }
  }

  document.addEventListener("taskhub:progress", (event) => {
    const { state, is_over: isOver } = event.detail;
    if (isOver || state !== event.target.dataset.state) refresh();
  });
})();
