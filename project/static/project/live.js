// Update the part of a page with the id "live" until its data-over is "yes".

const PAUSE_MS = 500;

async function refresh() {
  const shown = document.getElementById("live");
  if (shown.dataset.over === "yes") return;
  if (!document.hidden) {
    try {
      const response = await fetch(location.href);
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      const fresh = page.getElementById("live");
      if (response.ok && fresh) shown.replaceWith(fresh);
    } catch {
      // The server may be restarting; fetch the page again later.
    }
  }
  setTimeout(refresh, PAUSE_MS);
}

setTimeout(refresh, PAUSE_MS);
