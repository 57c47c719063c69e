// Follows tests that were asked for. While one has not ended, asks every two seconds how far it is;
// when that changes, takes the changed parts from the page as it is now, and says so politely.
// Nothing is asked where nothing runs or while the tab is hidden.
"use strict";
(() => {
  const box = document.querySelector("[data-asked]");
  if (!box) return;
  const EVERY_MS = 2000;
  const LONGEST_MS = 30000;
  const PARTS = ["asked-rows", "latest-results"];
  const GONE = [401, 403, 404];
  const said = document.getElementById("asked-said");
  let wait = EVERY_MS;
  let timer = 0;
  let asking = false;

  class Gone extends Error {}

  const open = () => [...box.querySelectorAll("[data-command]")];
  const later = (milliseconds) => {
    clearTimeout(timer);
    timer = setTimeout(look, milliseconds);
  };

  const get = async (url, accept) => {
    const answer = await fetch(url, { headers: { Accept: accept }, cache: "no-store" });
    if (GONE.includes(answer.status) || answer.redirected) throw new Gone();
    if (!answer.ok) throw new Error(answer.statusText);
    return answer;
  };

  const changed = async (cells) => {
    for (const cell of cells) {
      const { state } = await (await get(cell.dataset.command, "application/json")).json();
      if (state !== cell.dataset.state) return true;
    }
    return false;
  };

  const renew = async (cells) => {
    const text = await (await get(location.pathname + location.search, "text/html")).text();
    const page = new DOMParser().parseFromString(text, "text/html");
    const before = new Map(cells.map((cell) => [cell.closest("tr").id, cell.textContent]));
    for (const id of PARTS) {
      const now = page.getElementById(id);
      if (now) document.getElementById(id)?.replaceWith(document.adoptNode(now));
    }
    const news = [...before].map(([id, state]) => {
      const row = document.getElementById(id);
      if (!row || row.querySelector("[data-state]")?.textContent === state) return "";
      return [...row.cells].filter((cell) => cell.dataset.label !== box.dataset.quiet)
        .map((cell) => cell.textContent.replace(/\s+/g, " ").trim()).filter(Boolean).join(" ");
    });
    said.textContent = news.filter(Boolean).join(" / ");
  };

  const look = async () => {
    if (asking || document.hidden) return;
    asking = true;
    try {
      const cells = open();
      if (await changed(cells)) await renew(cells);
      wait = EVERY_MS;
    } catch (error) {
      if (error instanceof Gone) { // signed out: asking again is of no use
        said.textContent = box.dataset.lost;
        return;
      }
      wait = Math.min(2 * wait, LONGEST_MS); // the collector may be away for a moment
    } finally {
      asking = false;
    }
    if (open().length) later(wait);
    else box.querySelector("[data-follows]")?.remove();
  };

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) clearTimeout(timer);
    else if (open().length) later(0);
  });
  if (open().length) later(EVERY_MS);
})();
