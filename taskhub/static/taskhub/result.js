/*
 * The page of an unfinished result or bulk action: when progress.js reports a new state, the
 * page is fetched, and elements that have changed are replaced. Without this script, users
 * must reload the page.
 */
"use strict";

(() => {
  const LIVE = ["#taskhub-live", ".object-tools"];

  let refreshing = false;

  /* Return which details are open, and which element has the focus, by their ids. */
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
      // The site is down. progress.js fetches again, and then this script does, too.
    } finally {
      refreshing = false;
    }
  }

  document.addEventListener("taskhub:progress", (event) => {
    const { state, is_over: isOver } = event.detail;
    if (isOver || state !== event.target.dataset.state) refresh();
  });
})();
