// The chart of one school: quiet tests as dots, lesson-hour tests as triangles, the required
// speed as a line or a band. Failed tests have no speed: they are crosses in a strip of their
// own above the plot, which has no scale.
"use strict";
(() => {
  for (const select of document.querySelectorAll("select[data-submit]")) {
    select.addEventListener("change", () => select.form.submit());
  }
  const box = document.getElementById("chart");
  const source = document.getElementById("chart-data");
  if (!box || !source || typeof uPlot === "undefined") return;
  const data = JSON.parse(source.textContent);
  const mbps = (column) => column.map((bps) => (bps === null ? null : bps / 1e6));
  const required = data.required / 1e6;
  const upper = data.upper / 1e6;
  const zone = { timeZone: "Asia/Tokyo" };
  const locale = data.language === "ja" ? "ja-JP" : "en-GB";
  const dayFormat = new Intl.DateTimeFormat(locale, { ...zone, month: data.language === "ja" ? "numeric" : "short", day: "numeric" });
  const clockFormat = new Intl.DateTimeFormat(locale, { ...zone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const fullFormat = new Intl.DateTimeFormat(locale, { ...zone, month: "short", day: "numeric", weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const speed = (value) => `${new Intl.NumberFormat(locale, { maximumSignificantDigits: 3, useGrouping: true }).format(value)} Mbit/s`;
  let paper = false; // colours for printing
  const light = { "--ink": "#000000", "--soft": "#333333", "--line": "#999999", "--met": "#0b5485", "--lesson": "#5c4400", "--open": "#444444", "--not-met": "#a13208" };
  const colour = (name) =>
    paper ? light[name] : getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  const shapes = {
    quiet(context, x, y, size) {
      context.beginPath();
      context.arc(x, y, size, 0, 2 * Math.PI);
      context.fill();
    },
    lesson(context, x, y, size) {
      context.beginPath();
      context.moveTo(x, y - size);
      context.lineTo(x + size, y + size);
      context.lineTo(x - size, y + size);
      context.closePath();
      context.stroke();
    },
    other(context, x, y, size) {
      context.fillRect(x - size * 0.8, y - size * 0.8, size * 1.6, size * 1.6);
    },
  };
  const names = ["quiet", "lesson", "other"];
  const colours = { quiet: "--met", lesson: "--lesson", other: "--open" };

  const anyFailed = data.failed.some((why) => why !== null);
  const STRIP = 16; // height of the strip of failed tests, and what lies between it and the plot
  const GAP = 8;
  const failedStrip = (plot) => {
    const ratio = devicePixelRatio || 1;
    return { top: plot.bbox.top - (STRIP + GAP) * ratio, height: STRIP * ratio };
  };

  const draw = (plot) => {
    const context = plot.ctx;
    const ratio = devicePixelRatio || 1;
    const { left, top, width, height } = plot.bbox;
    context.save();
    context.beginPath();
    context.rect(left, top, width, height);
    context.clip();
    const y = plot.valToPos(required, "y", true);
    if (upper > required) {
      const high = plot.valToPos(upper, "y", true);
      context.globalAlpha = 0.16;
      context.fillStyle = colour("--ink");
      context.fillRect(left, high, width, y - high);
      context.globalAlpha = 1;
    }
    context.strokeStyle = colour("--ink");
    context.lineWidth = 2 * ratio;
    context.setLineDash([7 * ratio, 4 * ratio]);
    for (const value of upper > required ? [required, upper] : [required]) {
      const at = plot.valToPos(value, "y", true);
      context.beginPath();
      context.moveTo(left, at);
      context.lineTo(left + width, at);
      context.stroke();
    }
    context.setLineDash([]);
    context.lineWidth = 1.5 * ratio;
    names.forEach((name, index) => {
      context.fillStyle = context.strokeStyle = colour(colours[name]);
      plot.data[index + 1].forEach((value, at) => {
        if (value === null) return;
        shapes[name](context, plot.valToPos(plot.data[0][at], "x", true), plot.valToPos(value, "y", true), 3.6 * ratio);
      });
    });
    context.restore();
    if (!anyFailed) return;
    context.save();
    const strip = failedStrip(plot);
    context.fillStyle = colour("--line");
    context.globalAlpha = 0.45;
    context.fillRect(left, strip.top, width, strip.height);
    context.globalAlpha = 1;
    context.fillStyle = colour("--not-met");
    context.font = `${11 * ratio}px system-ui, sans-serif`;
    context.textAlign = "right";
    context.textBaseline = "middle";
    const middle = strip.top + strip.height / 2;
    context.fillText(data.labels.failed, left - 6 * ratio, middle);
    context.beginPath();
    context.rect(left, strip.top, width, strip.height);
    context.clip();
    context.strokeStyle = colour("--not-met");
    context.lineWidth = 2.2 * ratio;
    const arm = 4 * ratio;
    data.failed.forEach((why, at) => {
      if (why === null) return;
      const x = plot.valToPos(plot.data[0][at], "x", true);
      context.beginPath();
      context.moveTo(x - arm, middle - arm);
      context.lineTo(x + arm, middle + arm);
      context.moveTo(x + arm, middle - arm);
      context.lineTo(x - arm, middle + arm);
      context.stroke();
    });
    context.restore();
  };

  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  const tell = (plot) => {
    const at = plot.cursor.idx;
    const row = at === null || at === undefined ? -1 : names.findIndex((_, index) => plot.data[index + 1][at] !== null);
    if (at === null || at === undefined || plot.cursor.left < 0) {
      tip.hidden = true;
      return;
    }
    const text = row < 0 ? `${data.labels.failed}: ${data.failed[at]}` : `${data.labels[names[row]]}: ${speed(plot.data[row + 1][at])}`;
    tip.textContent = `${fullFormat.format(new Date(plot.data[0][at] * 1000))}  ${text}`;
    tip.hidden = false;
    const x = plot.valToPos(plot.data[0][at], "x") + plot.over.offsetLeft;
    tip.style.left = `${Math.max(0, Math.min(x + 8, box.clientWidth - tip.offsetWidth))}px`;
    tip.style.top = `${plot.over.offsetTop + 4}px`;
  };

  const day = 86400;
  const splits = (plot, axis, from, to) => {
    // midnights in Japan (UTC+9, no summer time), as many as fit
    const room = Math.max(3, Math.floor(plot.bbox.width / (devicePixelRatio || 1) / 50));
    const span = to - from;
    const steps = [3600, 3 * 3600, 6 * 3600, 12 * 3600, day, 2 * day, 7 * day, 14 * day, 28 * day];
    const step = steps.find((seconds) => span / seconds <= room) || 28 * day;
    const monday = 4 * day; // 1970-01-05 was a Monday
    const offset = (step >= 7 * day ? monday : 0) - 9 * 3600;
    const first = Math.ceil((from - offset) / step) * step + offset;
    const result = [];
    for (let at = first; at <= to; at += step) result.push(at);
    return result;
  };
  const axis = {
    stroke: () => colour("--soft"),
    grid: { stroke: () => colour("--line"), width: 1 },
    ticks: { stroke: () => colour("--line"), width: 1 },
    font: "12px system-ui, sans-serif",
  };
  const all = [required, upper, ...names.flatMap((name) => mbps(data[name]).filter((value) => value !== null))];
  const options = {
    width: box.clientWidth,
    height: 320,
    padding: [anyFailed ? STRIP + GAP + 4 : null, null, null, null],
    legend: { show: false },
    cursor: { drag: { x: true, y: false }, points: { show: false }, y: false },
    scales: { x: { time: true, range: (plot, low, high) => (low === high ? [low - day / 2, high + day / 2] : [low - (high - low) * 0.02, high + (high - low) * 0.02]) }, y: { range: () => [0, Math.max(...all) * 1.08] } },
    axes: [
      { ...axis, splits, values: (plot, marks) => marks.map((at) => { const date = new Date(at * 1000); const clock = clockFormat.format(date); return clock === "00:00" ? dayFormat.format(date) : clock; }) },
      { ...axis, size: 46, label: "Mbit/s", labelSize: 16, labelFont: "12px system-ui, sans-serif", values: (plot, marks) => marks.map((value) => value.toLocaleString(locale)) },
    ],
    series: [{}, ...names.map(() => ({ paths: () => null, points: { show: false } }))],
    hooks: { draw: [draw], setCursor: [tell] },
  };
  const plot = new uPlot(options, [data.x, ...names.map((name) => mbps(data[name]))], box);
  box.append(tip);
  // where things are drawn, in CSS pixels, for whoever looks at the picture
  const ratio = devicePixelRatio || 1;
  box.dataset.plotTop = plot.bbox.top / ratio;
  if (anyFailed) box.dataset.failedBottom = (failedStrip(plot).top + failedStrip(plot).height) / ratio;
  new ResizeObserver(() => {
    if (!paper && box.clientWidth && box.clientWidth !== plot.width) plot.setSize({ width: box.clientWidth, height: 320 });
  }).observe(box);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => plot.redraw());
  const PAPER_WIDTH = 660; // what fits on A4 beside margins and frame
  addEventListener("beforeprint", () => { paper = true; plot.setSize({ width: PAPER_WIDTH, height: 260 }); });
  addEventListener("afterprint", () => { paper = false; plot.setSize({ width: box.clientWidth, height: 320 }); });
})();
