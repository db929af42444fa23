"use strict";
// Linked traces of a run: field, coordinates, angular momentum, orbits and ledger, with one cursor.

const Traces = (() => {
  const run = DATA.run, root = document.getElementById("traces"), SVG = "http://www.w3.org/2000/svg";
  const panels = [], WIDEST = 1400, FLOOR = 1e-12;
  let onPick = () => {};

  function element(name, attributes, parent, text) {
    const node = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text !== undefined) node.textContent = text;
    if (parent) parent.append(node);
    return node;
  }

  const times = () => [run.t0, run.t0 + run.dt * (run.n - 1)];
  function signed(x, digits = 3) {
    if (Math.abs(x) < FLOOR) return "0";
    const words = Math.abs(x) < 1e-3 || Math.abs(x) >= 1e4 ? Math.abs(x).toExponential(1) : Math.abs(x).toFixed(digits);
    return Number(words) ? (x < 0 ? "−" : "+") + words : "0";
  }
  const powers = (name) => name.replace(/\^(\d)/g, (_, d) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[d]);

  // A line: a column of a table with its name and colours.
  const column = (values, width, index, name, colour) => ({ name, colour, at: (t) => Motion.at(values, width, index, t), raw: (i) => values[i * width + index] });
  function largest(line) { let most = 0; for (let i = 0; i < run.n; i++) most = Math.max(most, Math.abs(line.raw(i))); return most; }

  function figure(title, half) {
    const box = document.createElement("figure"), caption = document.createElement("figcaption"), bold = document.createElement("b");
    box.className = half ? "trace half" : "trace"; bold.textContent = title; caption.append(bold); box.append(caption); root.append(box);
    return { box, caption, svg: element("svg", { role: "img", "aria-label": title + ", against time" }, box) };
  }

  function timePanel(title, unit, lines, height) {
    const panel = { ...figure(`${title} (${unit})`), lines, height };
    panel.words = lines.map((line) => { const word = document.createElement("span"); word.style.color = `var(--${line.colour})`; panel.caption.append(word); return word; });
    const top = Math.max(...lines.map(largest), FLOOR), low = -top * 1.08, high = top * 1.08;
    panel.layout = () => {
      const height = panel.height, w = panel.svg.clientWidth || 320, left = 46, right = w - 6, bottom = height - (panel.last ? 26 : 5), [a, b] = times();
      panel.svg.setAttribute("height", height); panel.svg.setAttribute("viewBox", `0 0 ${w} ${height}`); panel.svg.replaceChildren();
      panel.x = (t) => left + ((right - left) * (t - a)) / (b - a || 1); panel.t = (x) => a + ((b - a) * (x - left)) / (right - left);
      panel.y = (v) => 4 + ((bottom - 4) * (high - v)) / (high - low);
      for (const v of [top, 0, -top]) {
        element("line", { x1: left, x2: right, y1: panel.y(v), y2: panel.y(v), class: v ? "tick" : "zero", "stroke-dasharray": v ? "2 4" : "none" }, panel.svg);
        element("text", { x: left - 5, y: panel.y(v) + 4, "text-anchor": "end" }, panel.svg, v ? (v < 0 ? "−" : "") + Number(top.toPrecision(2)) : "0");
      }
      if (panel.last) for (let k = 0; k <= 4; k++) {
        const t = a + ((b - a) * k) / 4;
        element("text", { x: panel.x(t), y: height - 13, "text-anchor": k === 4 ? "end" : "middle" }, panel.svg, Number(t.toPrecision(3)) + (k === 4 ? " ps" : ""));
      }
      for (const line of lines) element("path", { d: trail(line, panel), fill: "none", style: `stroke: var(--${line.colour})`, "stroke-width": 1.2 }, panel.svg);
      panel.cursor = element("line", { y1: 2, y2: bottom, class: "cursor" }, panel.svg);
      panel.dots = lines.map((line) => element("circle", { r: 3.2, style: `fill: var(--${line.colour})` }, panel.svg));
    };
    panel.update = (t) => {
      const x = panel.x(t);
      panel.cursor.setAttribute("x1", x); panel.cursor.setAttribute("x2", x);
      lines.forEach((line, i) => {
        const v = line.at(t);
        panel.dots[i].setAttribute("cx", x); panel.dots[i].setAttribute("cy", panel.y(v));
        panel.words[i].textContent = `${line.name} ${Math.abs(v) < 1e-4 * top ? "0" : signed(v)}`;
      });
    };
    const pick = (event) => { const box = panel.svg.getBoundingClientRect(); onPick(panel.t(((event.clientX - box.left) * (panel.svg.clientWidth || box.width)) / box.width)); };
    panel.svg.addEventListener("pointerdown", (event) => { panel.svg.setPointerCapture(event.pointerId); pick(event); });
    panel.svg.addEventListener("pointermove", (event) => { if (event.buttons) pick(event); });
    panels.push(panel);
    return panel;
  }

  function trail(line, panel) { // long records keep the lowest and highest value of every stretch
    const stretch = Math.ceil(run.n / WIDEST), points = [];
    for (let i = 0; i < run.n; i += stretch) {
      let low = i, high = i;
      for (let k = i; k < Math.min(i + stretch, run.n); k++) { if (line.raw(k) < line.raw(low)) low = k; if (line.raw(k) > line.raw(high)) high = k; }
      for (const k of low < high ? [low, high] : high < low ? [high, low] : [low]) points.push(`${panel.x(run.t0 + k * run.dt).toFixed(1)} ${panel.y(line.raw(k)).toFixed(1)}`);
    }
    return "M" + points.join("L");
  }

  function orbitPanel(number, colour) {
    const name = run.multiplets[number], pair = run.pairs[number], width = run.labels.length, height = 128;
    const panel = { ...figure(`${name} from the tip of n̂`, true), height };
    panel.svg.setAttribute("aria-label", `Path of ${name} in the plane of Qx and Qy`);
    const word = document.createElement("span"); panel.caption.append(word); word.style.color = `var(--line${colour})`;
    let most = FLOOR;
    for (let i = 0; i < run.n; i++) most = Math.max(most, Math.hypot(run.Q[i * width + pair[0]], run.Q[i * width + pair[1]]));
    const q = (t) => pair.map((s) => Motion.at(run.Q, width, s, t));
    panel.layout = () => {
      const w = panel.svg.clientWidth || 150, r = height / 2 - 6;
      panel.svg.setAttribute("height", height); panel.svg.setAttribute("viewBox", `0 0 ${w} ${height}`); panel.svg.replaceChildren();
      panel.place = ([x, y]) => [w / 2 + (r * x) / most, height / 2 - (r * y) / most];
      element("line", { x1: w / 2 - r, x2: w / 2 + r, y1: height / 2, y2: height / 2, class: "zero" }, panel.svg);
      element("line", { x1: w / 2, x2: w / 2, y1: height / 2 - r, y2: height / 2 + r, class: "zero" }, panel.svg);
      element("text", { x: w / 2 + r - 2, y: height / 2 - 4, "text-anchor": "end" }, panel.svg, "Qx");
      element("text", { x: w / 2 + 5, y: height / 2 - r + 9 }, panel.svg, "Qy");
      panel.path = element("path", { fill: "none", style: `stroke: var(--line${colour})`, "stroke-width": 1.8, opacity: 0.75 }, panel.svg);
      panel.arm = element("line", { x1: w / 2, y1: height / 2, style: `stroke: var(--line${colour})`, "stroke-width": 1.5 }, panel.svg);
      panel.dot = element("circle", { r: 5, style: `fill: var(--line${colour})` }, panel.svg);
    };
    panel.update = (t) => {
      const period = 1 / Math.max(0.05, Math.abs(run.frequency[number])), points = [];
      for (let k = 40; k >= 0; k--) points.push(panel.place(q(Math.max(run.t0, t - (0.75 * period * k) / 40))).map((x) => x.toFixed(1)).join(" "));
      const now = q(t), before = q(t - 0.02 * period), [x, y] = panel.place(now);
      const turn = before[0] * now[1] - before[1] * now[0], whole = Math.hypot(...before) * Math.hypot(...now) * Math.sin(2 * Math.PI * 0.02);
      panel.path.setAttribute("d", "M" + points.join("L"));
      panel.arm.setAttribute("x2", x); panel.arm.setAttribute("y2", y); panel.dot.setAttribute("cx", x); panel.dot.setAttribute("cy", y);
      word.textContent = Math.hypot(...now) < 1e-3 * most ? "at rest" : Math.abs(turn) < 0.3 * whole ? "no sense of rotation" : turn > 0 ? "↺ counter-clockwise" : "↻ clockwise";
    };
    panels.push(panel);
  }

  function ledgerPanel() {
    const book = run.ledger, rows = book.channels.length, columns = book.columns.length, row = 13 * columns + 10, height = rows * row + 8;
    const title = book.series ? "Angular momentum received along n̂ up to the cursor (ħ per cell)" : "Angular momentum received along n̂ over the whole run (ħ per cell)";
    const panel = { ...figure(title), height };
    panel.svg.setAttribute("aria-label", title);
    const colour = (c) => (c === columns - 1 ? "line2" : c === 2 ? "line3" : c > 2 ? "flat" : `line${c}`);
    book.columns.forEach((name, c) => { const word = document.createElement("span"); word.textContent = "■ " + name; word.style.color = `var(--${colour(c)})`; panel.caption.append(word); });
    let most = FLOOR;
    if (book.series) for (const v of book.series) most = Math.max(most, Math.abs(v)); else for (const line of book.totals) for (const v of line) most = Math.max(most, Math.abs(v));
    const value = (r, c, t) => (book.series ? Motion.at(book.series, rows * columns, r * columns + c, t) : book.totals[r][c]);
    panel.layout = () => {
      const w = panel.svg.clientWidth || 320, left = 116, middle = left + (w - left) / 2, half = (w - left) / 2 - 54;
      panel.svg.setAttribute("height", height); panel.svg.setAttribute("viewBox", `0 0 ${w} ${height}`); panel.svg.replaceChildren();
      element("line", { x1: middle, x2: middle, y1: 0, y2: height, class: "zero" }, panel.svg);
      panel.bars = book.channels.map((name, r) => {
        element("text", { x: 2, y: r * row + row / 2 + 2 }, panel.svg, powers(name).length > 18 ? powers(name).slice(0, 17) + "…" : powers(name)).append(element("title", {}, null, name));
        return book.columns.map((_, c) => {
          const y = r * row + 6 + 13 * c;
          return { y, bar: element("rect", { y, height: 10, style: `fill: var(--${colour(c)})` }, panel.svg), word: element("text", { y: y + 9 }, panel.svg) };
        });
      });
      panel.draw = (t) => panel.bars.forEach((line, r) => line.forEach(({ bar, word }, c) => {
        const v = value(r, c, t), length = (half * Math.abs(v)) / most;
        bar.setAttribute("x", v < 0 ? middle - length : middle); bar.setAttribute("width", length);
        word.setAttribute("x", v < 0 ? middle - length - 4 : middle + length + 4); word.setAttribute("text-anchor", v < 0 ? "end" : "start");
        word.textContent = Math.abs(v) < 1e-4 * most ? "" : signed(v);
      }));
    };
    panel.update = (t) => panel.draw(t);
    panels.push(panel);
  }

  function build() {
    if (!run) return;
    const width = run.labels.length, moving = run.multiplets.map((_, i) => i).filter((i) => run.coordinates[i].some((s) => largest(column(run.Q, width, s)) > 0));
    if (run.E) {
      const lines = ["Ex", "Ey", "Ez"].map((name, i) => column(run.E, 3, i, name, ["line0", "line1", "line3"][i])), top = Math.max(...lines.map(largest));
      const seen = lines.filter((line) => largest(line) > 1e-6 * top);
      if (seen.length) timePanel("Light inside the crystal", "MV/cm", seen, 74);
    }
    moving.slice(0, 2).forEach((i, tone) => timePanel(`${run.multiplets[i]}, ${run.frequency[i].toFixed(2)} THz`, "Å√amu",
      run.coordinates[i].slice(0, 3).map((s, k) => column(run.Q, width, s, run.labels[s].replace(run.multiplets[i], "Q"), `${k ? "pale" : "line"}${tone}`)), 74));
    if (run.L) {
      const lines = run.multiplets.map((name, i) => column(run.L, run.multiplets.length, i, name, i < 4 ? `line${i}` : "flat")), top = Math.max(...lines.map(largest));
      const seen = lines.filter((line) => top > FLOOR && largest(line) > 0.01 * top).slice(0, 4);
      if (seen.length) timePanel("Angular momentum along n̂", "ħ per cell", seen, 88);
    }
    if (panels.length) { const last = panels[panels.length - 1]; last.last = true; last.height += 21; }
    moving.filter((i) => run.pairs[i]).slice(0, 2).forEach((i) => orbitPanel(i, Math.min(i, 3)));
    if (run.ledger.channels.length) ledgerPanel();
    layout();
  }

  function layout() { for (const panel of panels) panel.layout(); }
  function update(t) { for (const panel of panels) panel.update(t); }
  build();
  return { layout, update, onPick: (f) => { onPick = f; } };
})();
