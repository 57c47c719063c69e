// The drawing of a school's network. Places and texts come from the page; this only draws them,
// from left to right where there is room, else indented line by line.
"use strict";
(() => {
  const box = document.getElementById("network");
  const source = document.getElementById("network-data");
  if (!box || !source || typeof cytoscape === "undefined") return;
  const data = JSON.parse(source.textContent);
  const NARROW = 700; // pixels under which there is no room from left to right
  const MARGIN = 30;
  const LEFT = 60;
  const ROW = { wide: 62, narrow: 50 };
  const INDENT = 24;
  const MOST_HEIGHT = 12000; // what every browser's canvas can hold
  const shapes = {
    router: "diamond", switch: "round-rectangle", access_point: "ellipse", controller: "hexagon",
    other: "rectangle", unknown: "ellipse", wan: "barrel", agent: "star",
  };
  const column = new Map(data.nodes.map((node) => [node.id, node.narrow[0]]));
  const upward = (edge) => (column.get(edge.a) > column.get(edge.b) ? [edge.b, edge.a] : [edge.a, edge.b]);
  const uplink = new Map(
    data.edges.filter((edge) => edge.tree).map((edge) => [upward(edge)[1], edge.label]),
  );
  let paper = false; // colours for printing
  const light = { "--ink": "#1c2733", "--soft": "#56636f", "--card": "#ffffff", "--accent": "#12567f", "--not-met": "#c2410c" };
  const colour = (name) =>
    paper ? light[name] : getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  const style = (narrow, step) => [
    {
      selector: "node",
      style: {
        shape: (node) => shapes[node.data("kind")], width: 22, height: 22,
        "background-color": colour("--card"), "border-color": colour("--ink"), "border-width": 2,
        label: (node) => (narrow ? node.data("line") : node.data("label")),
        color: colour("--ink"), "font-size": 12, "font-family": getComputedStyle(box).fontFamily,
        "text-wrap": "wrap", "text-overflow-wrap": "anywhere", "line-height": 1.15,
        "text-max-width": (node) => `${narrow ? Math.max(80, box.clientWidth - node.position("x") - 30) : step - (node.data("leaf") ? 46 : 16)}px`,
        "text-justification": (node) => (narrow || node.data("leaf") ? "left" : "center"),
        "text-halign": (node) => (narrow || node.data("leaf") ? "right" : "center"),
        "text-valign": (node) => (narrow || node.data("leaf") ? "center" : "bottom"),
        "text-margin-x": (node) => (narrow || node.data("leaf") ? 6 : 0),
        "text-margin-y": (node) => (narrow || node.data("leaf") ? 0 : 4),
        "text-background-color": colour("--card"), "text-background-opacity": narrow ? 0 : 0.85,
      },
    },
    { selector: "node[?sure]", style: { "border-style": "solid" } },
    { selector: "node[!sure]", style: { "border-style": "dashed" } },
    { selector: "node[kind = 'wan'], node[kind = 'agent']", style: { "background-color": colour("--accent"), "border-style": "solid" } },
    {
      selector: "edge",
      style: {
        "line-color": colour("--ink"), width: 2, "curve-style": "bezier",
        "font-size": 11, color: colour("--ink"), "text-wrap": "wrap", "font-family": getComputedStyle(box).fontFamily,
        "text-background-color": colour("--card"), "text-background-opacity": 1, "text-background-padding": 2,
      },
    },
    { selector: "edge[kind = 'fast']", style: { width: 6 } },
    { selector: "edge[kind = 'slow']", style: { "line-style": "dashed", "line-dash-pattern": [7, 4] } },
    { selector: "edge[kind = 'unknown']", style: { "line-style": "dashed", "line-dash-pattern": [1.5, 4] } },
    {
      selector: "edge[?half]",
      style: {
        "line-color": colour("--not-met"), "source-arrow-shape": "tee", "target-arrow-shape": "tee",
        "source-arrow-color": colour("--not-met"), "target-arrow-color": colour("--not-met"),
        color: colour("--not-met"),
      },
    },
    {
      selector: "edge[?tree]",
      style: narrow
        ? { "curve-style": "segments", "segment-weights": "data(weight)", "segment-distances": "data(distance)", "edge-distances": "node-position", "source-endpoint": "inside-to-node" }
        : { "curve-style": "taxi", "taxi-direction": "rightward", "taxi-turn": 34, "target-label": "data(label)", "target-text-offset": Math.max(50, (step - 60) / 2) },
    },
    { // beside the tree: a curve, so that it runs through no device of its column
      selector: "edge[!tree]",
      style: {
        "curve-style": "unbundled-bezier", "control-point-distances": narrow ? 40 : 70, "control-point-weights": 0.5,
        ...(narrow ? {} : { label: "data(label)" }),
      },
    },
  ];

  const elements = (narrow, step) => {
    const at = (node) =>
      narrow
        ? { x: MARGIN / 2 + node.narrow[0] * INDENT, y: MARGIN + node.narrow[1] * ROW.narrow }
        : { x: LEFT + node.wide[0] * step, y: MARGIN + node.wide[1] * ROW.wide };
    const places = new Map(data.nodes.map((node) => [node.id, at(node)]));
    const nodes = data.nodes.map((node) => {
      const [name, ...rest] = node.label.split("\n");
      const up = (uplink.get(node.id) || "").split("\n").filter((part) => part);
      const line = [name, [...rest, ...up].join(" · ")].filter((part) => part).join("\n");
      return { data: { ...node, line }, position: places.get(node.id) };
    });
    const edges = data.edges.map((edge, number) => {
      const [parent, child] = upward(edge);
      const [from, to] = [places.get(parent), places.get(child)];
      const [dx, dy] = [to.x - from.x, to.y - from.y];
      const square = dx * dx + dy * dy || 1;
      return {
        data: {
          id: `e${number}`, source: parent, target: child, kind: edge.kind, half: edge.half,
          tree: edge.tree, label: edge.label,
          // the corner under the parent, at the height of the child
          weight: (dy * dy) / square, distance: (dx * dy) / Math.sqrt(square),
        },
      };
    });
    return [...nodes, ...edges];
  };

  let drawn = null;
  let was = "";
  const PAPER_WIDTH = 660; // what fits on A4 beside margins and frame
  const draw = () => {
    const width = paper ? PAPER_WIDTH : box.clientWidth;
    if (!width) return;
    const narrow = width < NARROW;
    const rows = narrow ? data.narrow_rows : data.wide_rows;
    const height = MARGIN * 2 + (rows - 1) * (narrow ? ROW.narrow : ROW.wide);
    const step = Math.max(110, (width - LEFT) / data.columns);
    const now = `${width} ${colour("--ink")}`;
    if (now === was) return;
    was = now;
    if (drawn) drawn.destroy();
    box.style.width = paper ? `${PAPER_WIDTH}px` : "";
    box.style.height = `${Math.min(height, MOST_HEIGHT)}px`;
    drawn = cytoscape({
      container: box, elements: elements(narrow, step), style: style(narrow, step),
      layout: { name: "preset", fit: false }, autoungrabify: true, boxSelectionEnabled: false,
      userZoomingEnabled: false, userPanningEnabled: false, autounselectify: true,
    });
    const small = Math.min(1, MOST_HEIGHT / height, narrow ? 1 : width / (LEFT + step * data.columns));
    drawn.zoom(small);
    drawn.pan({ x: 0, y: 0 });
    box.dataset.nodes = String(drawn.nodes().length);
    box.dataset.edges = String(drawn.edges().length);
    drawn.on("tap", "node", (event) => {
      const number = event.target.data("number");
      if (number) location.hash = `device-${number}`;
    });
  };
  draw();
  new ResizeObserver(draw).observe(box);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  // what is drawn later than now would not be on paper, so that gets a picture made at once
  let picture = null;
  addEventListener("beforeprint", () => {
    paper = true;
    draw();
    picture = drawn.renderer().bufferCanvasImage({ full: false, scale: 2 });
    picture.className = "printed";
    picture.style.width = `${PAPER_WIDTH}px`;
    picture.style.height = "auto";
    box.after(picture);
    box.classList.add("screen");
  });
  addEventListener("afterprint", () => {
    paper = false;
    picture.remove();
    box.classList.remove("screen");
    draw();
  });
})();
