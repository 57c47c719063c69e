// The list of schools filters and sorts at once. Without this script the same form and the same
// links do it by asking the server.
"use strict";
(() => {
  for (const select of document.querySelectorAll("select[data-submit]")) {
    select.addEventListener("change", () => select.form.submit());
  }
  const table = document.getElementById("schools");
  const form = document.getElementById("filter");
  const shown = document.getElementById("shown");
  const none = document.getElementById("no-match");
  if (!table || !form) return;
  const body = table.tBodies[0];
  const asked = new URLSearchParams(location.search);
  // a page the server has already filtered lacks rows: there the form asks the server again
  const complete = !["q", "status", "region", "band", "sample"].some((name) => asked.get(name));

  const matches = (row, wanted) =>
    row.dataset.text.includes(wanted.q) &&
    (!wanted.status || row.dataset.status === wanted.status) &&
    (!wanted.region || row.dataset.region === wanted.region) &&
    (!wanted.band || row.dataset.band === wanted.band) &&
    (!wanted.sample || row.dataset.sample === "1");

  const filter = () => {
    const data = new FormData(form);
    const wanted = {
      q: (data.get("q") || "").trim().toLowerCase(),
      status: data.get("status"),
      region: data.get("region"),
      band: data.get("band"),
      sample: data.get("sample"),
    };
    let count = 0;
    for (const row of body.rows) {
      row.hidden = !matches(row, wanted);
      if (!row.hidden) count += 1;
    }
    shown.textContent = shown.dataset.template.replace("%s", String(count));
    none.hidden = count > 0;
  };
  if (complete) {
    form.addEventListener("input", filter);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      filter();
    });
  }

  const compare = (left, right) => {
    const [a, b] = [Number(left), Number(right)];
    return Number.isNaN(a) || Number.isNaN(b) ? left.localeCompare(right, "ja") : a - b;
  };
  for (const link of table.tHead.querySelectorAll("a[data-sort]")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      const head = link.closest("th");
      const descending = head.getAttribute("aria-sort") === "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      const index = head.cellIndex;
      const key = (row) => row.cells[index].dataset.key;
      const rows = [...body.rows];
      const known = rows.filter((row) => key(row) !== "");
      known.sort((a, b) => compare(key(a), key(b)) * (descending ? -1 : 1));
      body.append(...known, ...rows.filter((row) => key(row) === ""));
    });
  }
})();
