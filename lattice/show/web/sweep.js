"use strict";
// The page of a sweep: a map over two axes (or a line over one) with a cursor, and every number of the point under it.

const DATA = JSON.parse(document.getElementById("data").textContent);
(() => {
  const $ = (id) => document.getElementById(id), axes = DATA.axes, dark = matchMedia("(prefers-color-scheme: dark)");
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const numbers = (text) => { const b = bytes(text), view = new DataView(b.buffer), out = new Float32Array(b.length / 4); for (let i = 0; i < out.length; i++) out[i] = view.getFloat32(4 * i, true); return out; };
  const values = DATA.values.map((value) => ({ ...value, data: numbers(value.data) })), status = new Int8Array(bytes(DATA.status).buffer);
  const LEFT = 62, BOTTOM = 44, RIGHT = 78, TOP = 12;
  const place = axes.map(() => 0); // index on every axis of the point under the cursor
  let held = false, shown = values[0], dirty = true;

  const true_minus = (words) => words.replace(/-/g, "−");
  const plain = (x) => (typeof x === "number" ? true_minus(String(Number(x.toPrecision(4)))) : x);
  function number(x) {
    if (!Number.isFinite(x)) return "–";
    return true_minus(x !== 0 && (Math.abs(x) < 1e-3 || Math.abs(x) >= 1e5) ? x.toExponential(2) : String(Number(x.toPrecision(4))));
  }
  const words = (axis) => axis.name + (axis.unit ? ` (${axis.unit})` : "");
  const chosen = (id) => Number($(id).value);
  const across = () => chosen("across"), up = () => chosen("up");

  document.title = `${DATA.title} ${DATA.subtitle} · lattice`;
  $("title").textContent = DATA.title; $("subtitle").textContent = DATA.subtitle;
  for (const text of DATA.warnings) { const p = document.createElement("div"); p.textContent = "Caution: " + text; $("warnings").append(p); $("warnings").hidden = false; }
  function pairs(list, parent) {
    parent.replaceChildren();
    for (const [name, value] of list) { const dt = document.createElement("dt"), dd = document.createElement("dd"); dt.textContent = name; dd.textContent = value; parent.append(dt, dd); }
  }
  pairs(DATA.facts, $("facts"));

  // Position in an array: axes first, then what the value has besides.
  function offset(value, at, own) {
    let i = 0;
    axes.forEach((axis, k) => { i = i * axis.values.length + at[k]; });
    for (const name of value.own) i = i * DATA.entries[name].length + (own[name] ?? 0);
    return i;
  }
  const entryOf = (value) => value.own.find((name) => name !== "channel");
  function own() { const name = entryOf(shown), found = { channel: chosen("channel") }; if (name) found[name] = chosen("entry"); return found; }
  const read = (value, at, inner) => value.data[offset(value, at, inner)];

  // The largest number of each entry decides which is shown first.
  function strongest(value, name) {
    const sizes = DATA.entries[name].map(() => 0), inner = value.own.map((x) => DATA.entries[x].length), k = value.own.indexOf(name), block = inner.reduce((a, b) => a * b, 1);
    const below = inner.slice(k + 1).reduce((a, b) => a * b, 1);
    value.data.forEach((x, i) => { const e = Math.floor((i % block) / below) % inner[k]; if (Math.abs(x) > sizes[e]) sizes[e] = Math.abs(x); });
    return sizes.indexOf(Math.max(...sizes));
  }
  function fill(select, names, at) { select.replaceChildren(...names.map((name, i) => new Option(name, i))); select.value = at; }
  function pickValue(index) {
    const before = entryOf(shown) ? DATA.entries[entryOf(shown)][chosen("entry")] : undefined;
    shown = values[index];
    const name = entryOf(shown);
    $("of").hidden = !name; $("through").hidden = !shown.own.includes("channel");
    if (name) { const kept = DATA.entries[name].indexOf(before); fill($("entry"), DATA.entries[name], kept >= 0 ? kept : strongest(shown, name)); }
    if (!$("through").hidden) fill($("channel"), DATA.entries.channel, strongest(shown, "channel"));
    dirty = true;
  }
  fill($("value"), values.map((value) => value.name + (value.unit ? ` (${value.unit})` : "")), 0);
  fill($("across"), axes.map(words), axes.reduce((best, axis, i) => (axis.values.length > axes[best].values.length ? i : best), 0));
  $("up").append(new Option("nothing: a line", -1), ...axes.map((axis, i) => new Option(words(axis), i)));
  $("up").value = axes.length > 1 ? axes.map((axis, i) => [axis.values.length, i]).filter(([, i]) => i !== across()).sort((a, b) => b[0] - a[0] || a[1] - b[1])[0][1] : -1;
  axes.forEach((axis, i) => { place[i] = Math.floor(axis.values.length / 2); });

  const sliders = axes.map((axis, i) => {
    const label = document.createElement("label"), name = document.createElement("span"), input = document.createElement("input"), output = document.createElement("output");
    name.textContent = words(axis); Object.assign(input, { type: "range", min: 0, max: axis.values.length - 1, step: 1 }); input.setAttribute("aria-label", axis.name);
    label.append(name, input, output); $("fixed").append(label);
    input.addEventListener("input", () => { place[i] = Number(input.value); dirty = true; });
    return { label, input, output };
  });

  // Colours: the same blue and red as the figures, or dark to light; white paper and black paper have their own middle.
  const ramp = (stops, t) => { const x = Math.min(Math.max(t, 0), 1) * (stops.length - 1), i = Math.min(Math.floor(x), stops.length - 2), f = x - i; return stops[i].map((a, k) => Math.round(a + (stops[i + 1][k] - a) * f)); };
  const BOTH = [[5, 48, 97], [67, 147, 195], [247, 247, 247], [214, 96, 77], [103, 0, 31]], BOTH_DARK = [[146, 197, 222], [33, 102, 172], [24, 28, 33], [178, 24, 43], [244, 165, 130]];
  const ONE = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
  const isDark = () => (document.documentElement.dataset.theme || (dark.matches ? "dark" : "light")) === "dark";
  function scale(list) {
    let low = 0, high = 0;
    for (const x of list) if (Number.isFinite(x)) { low = Math.min(low, x); high = Math.max(high, x); }
    const both = low < 0, top = Math.max(high, -low) || 1, stops = both ? (isDark() ? BOTH_DARK : BOTH) : ONE;
    return { low: both ? -top : 0, high: top, colour: (x) => `rgb(${ramp(stops, (x - (both ? -top : 0)) / (both ? 2 * top : top)).join(" ")})` };
  }

  const canvas = $("map"), pen = canvas.getContext("2d");
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const geometry = () => ({ w: canvas.clientWidth, h: canvas.clientHeight, x0: LEFT, x1: canvas.clientWidth - (up() < 0 ? 14 : RIGHT), y0: canvas.clientHeight - BOTTOM, y1: TOP });
  // Points stand in the order of their numbers, at equal distances; the ticks say which they are.
  const order = axes.map((axis) => axis.values.map((x, i) => [x, i]).sort((a, b) => (typeof a[0] === "number" ? a[0] - b[0] : a[1] - b[1])).map(([, i]) => i));

  function grid() {
    const nx = axes[across()].values.length, ny = up() < 0 ? 1 : axes[up()].values.length, at = [...place], inner = own(), out = new Float32Array(nx * ny);
    for (let j = 0; j < ny; j++) for (let i = 0; i < nx; i++) {
      at[across()] = order[across()][i]; if (up() >= 0) at[up()] = order[up()][j];
      out[j * nx + i] = read(shown, at, inner);
    }
    return { nx, ny, out };
  }
  function ticks(axis, which, at, text) {
    const n = axes[axis].values.length, every = Math.ceil(n / which);
    for (let i = 0; i < n; i += every) text(at(i), plain(axes[axis].values[order[axis][i]]));
  }
  function draw() {
    const g = geometry(), ratio = devicePixelRatio || 1;
    canvas.width = Math.round(g.w * ratio); canvas.height = Math.round(g.h * ratio);
    pen.setTransform(ratio, 0, 0, ratio, 0, 0); pen.clearRect(0, 0, g.w, g.h);
    pen.font = "11px system-ui, 'DejaVu Sans', sans-serif"; pen.lineWidth = 1;
    const { nx, ny, out } = grid(), colours = scale(out), dx = (g.x1 - g.x0) / nx;
    const cx = (i) => g.x0 + (i + 0.5) * dx, here = order[across()].indexOf(place[across()]);
    pen.fillStyle = css("--soft"); pen.strokeStyle = css("--rule"); pen.textAlign = "center"; pen.textBaseline = "top";
    ticks(across(), Math.max(2, Math.floor((g.x1 - g.x0) / 58)), cx, (x, text) => pen.fillText(text, x, g.y0 + 5));
    pen.fillText(words(axes[across()]), (g.x0 + g.x1) / 2, g.y0 + 22, g.x1 - g.x0);
    if (up() < 0) { line(g, out, colours, cx, here); return; }
    const dy = (g.y0 - g.y1) / ny, cy = (j) => g.y0 - (j + 0.5) * dy;
    for (let j = 0; j < ny; j++) for (let i = 0; i < nx; i++) {
      const x = out[j * nx + i], left = Math.floor(g.x0 + i * dx), top = Math.floor(g.y0 - (j + 1) * dy);
      if (!Number.isFinite(x)) continue; // the ground shows through
      pen.fillStyle = colours.colour(x); pen.fillRect(left, top, Math.ceil(g.x0 + (i + 1) * dx) - left, Math.ceil(g.y0 - j * dy) - top);
    }
    pen.fillStyle = css("--soft"); pen.textAlign = "right"; pen.textBaseline = "middle";
    ticks(up(), Math.max(2, Math.floor((g.y0 - g.y1) / 26)), cy, (y, text) => pen.fillText(text, g.x0 - 6, y, LEFT - 24));
    pen.save(); pen.translate(9, (g.y0 + g.y1) / 2); pen.rotate(-Math.PI / 2); pen.textAlign = "center"; pen.fillText(words(axes[up()]), 0, 0, g.y0 - g.y1); pen.restore();
    const there = order[up()].indexOf(place[up()]);
    pen.strokeStyle = css("--ink"); pen.lineWidth = 2; pen.strokeRect(g.x0 + here * dx, g.y0 - (there + 1) * dy, dx, dy);
    pen.lineWidth = 1; pen.globalAlpha = 0.45; pen.beginPath(); pen.moveTo(cx(here), g.y1); pen.lineTo(cx(here), g.y0); pen.moveTo(g.x0, cy(there)); pen.lineTo(g.x1, cy(there)); pen.stroke(); pen.globalAlpha = 1;
    bar(g, colours, out[there * nx + here]);
  }
  function bar(g, colours, x) { // the scale, with a mark at the number under the cursor
    const left = g.x1 + 12, y = (v) => g.y0 - ((g.y0 - g.y1) * (v - colours.low)) / (colours.high - colours.low);
    for (let k = 0; k < g.y0 - g.y1; k++) { pen.fillStyle = colours.colour(colours.low + ((colours.high - colours.low) * k) / (g.y0 - g.y1)); pen.fillRect(left, g.y0 - k - 1, 10, 1.5); }
    pen.fillStyle = css("--soft"); pen.textAlign = "left"; pen.textBaseline = "middle";
    for (const v of [colours.low, (colours.low + colours.high) / 2, colours.high]) pen.fillText(number(Number(v.toPrecision(3))), left + 14, Math.min(Math.max(y(v), g.y1 + 5), g.y0 - 5), RIGHT - 30);
    if (Number.isFinite(x)) { pen.fillStyle = css("--ink"); pen.beginPath(); pen.moveTo(left - 1, y(x)); pen.lineTo(left - 7, y(x) - 4); pen.lineTo(left - 7, y(x) + 4); pen.fill(); }
  }
  function line(g, out, colours, cx, here) {
    const cy = (v) => g.y0 - ((g.y0 - g.y1) * (v - colours.low * 1.05)) / ((colours.high - colours.low) * 1.05 || 1);
    pen.textAlign = "right"; pen.textBaseline = "middle";
    for (const v of new Set([colours.low, 0, colours.high])) { pen.fillText(number(Number(v.toPrecision(3))), g.x0 - 6, cy(v), LEFT - 8); pen.beginPath(); pen.moveTo(g.x0, cy(v)); pen.lineTo(g.x1, cy(v)); pen.stroke(); }
    pen.strokeStyle = css("--line0"); pen.lineWidth = 1.6; pen.beginPath();
    let down = false;
    out.forEach((v, i) => { if (!Number.isFinite(v)) { down = false; return; } if (down) pen.lineTo(cx(i), cy(v)); else pen.moveTo(cx(i), cy(v)); down = true; });
    pen.stroke();
    pen.strokeStyle = css("--ink"); pen.lineWidth = 1; pen.globalAlpha = 0.45; pen.beginPath(); pen.moveTo(cx(here), g.y1); pen.lineTo(cx(here), g.y0); pen.stroke(); pen.globalAlpha = 1;
    if (Number.isFinite(out[here])) { pen.fillStyle = css("--line0"); pen.beginPath(); pen.arc(cx(here), cy(out[here]), 4, 0, 7); pen.fill(); }
  }

  // Every number of the point.
  function table() {
    const index = axes.reduce((i, axis, k) => i * axis.values.length + place[k], 0), state = DATA.states[status[index]] ?? String(status[index]);
    const single = values.filter((value) => !value.own.length), many = values.filter((value) => value.own.length === 1 && value.own[0] === "multiplet");
    pairs([...axes.map((axis, k) => [words(axis), plain(axis.values[place[k]])]), ["state", state], ...single.map((value) => [value.name, number(read(value, place, {}))])], $("point"));
    const head = $("list").tHead, body = $("list").tBodies[0];
    head.replaceChildren(); body.replaceChildren();
    if (!many.length) return;
    const row = (cells, parent, tag) => { const tr = document.createElement("tr"); cells.forEach((cell) => { const td = document.createElement(tag); if (tag === "th") td.scope = "col"; td.textContent = cell; tr.append(td); }); parent.append(tr); return tr; };
    row(["multiplet", ...many.map((value) => value.name + (value.unit ? ` (${value.unit.replace(" per cell", "")})` : ""))], head, "th");
    DATA.entries.multiplet.forEach((name, i) => { row([name, ...many.map((value) => number(read(value, place, { multiplet: i })))], body, "td").classList.toggle("on", entryOf(shown) === "multiplet" && chosen("entry") === i); });
  }
  function refresh() {
    if (dirty) {
      dirty = false;
      sliders.forEach(({ label, input, output }, i) => { label.hidden = i === across() || i === up(); input.value = place[i]; output.textContent = plain(axes[i].values[place[i]]); });
      draw(); table();
      const name = entryOf(shown), of = name ? ` of ${DATA.entries[name][chosen("entry")]}` : "", through = shown.own.includes("channel") ? ` through ${DATA.entries.channel[chosen("channel")]}` : "";
      $("clock").textContent = `${shown.name}${of}${through}: ${number(read(shown, place, own()))}${shown.unit ? " " + shown.unit : ""} at ${axes.map((axis, k) => `${axis.name} ${plain(axis.values[place[k]])}`).join(", ")}`;
    }
    requestAnimationFrame(refresh);
  }

  function point(event) {
    const box = canvas.getBoundingClientRect(), g = geometry(), nx = axes[across()].values.length;
    const i = Math.floor(((event.clientX - box.left - g.x0) / (g.x1 - g.x0)) * nx);
    if (i < 0 || i >= nx) return false;
    let j = 0;
    if (up() >= 0) { const ny = axes[up()].values.length; j = Math.floor(((g.y0 - (event.clientY - box.top)) / (g.y0 - g.y1)) * ny); if (j < 0 || j >= ny) return false; place[up()] = order[up()][j]; }
    place[across()] = order[across()][i]; dirty = true;
    return true;
  }
  canvas.addEventListener("pointermove", (event) => { if (!held && event.pointerType === "mouse") point(event); });
  canvas.addEventListener("click", (event) => { const free = !held; held = false; if (point(event)) held = free; canvas.focus({ preventScroll: true }); });
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [across(), -1], ArrowRight: [across(), 1], ArrowDown: [up(), -1], ArrowUp: [up(), 1] }[event.key];
    if (!step || step[0] < 0) return;
    const [axis, by] = step, i = Math.min(Math.max(order[axis].indexOf(place[axis]) + by, 0), axes[axis].values.length - 1);
    place[axis] = order[axis][i]; held = true; dirty = true; event.preventDefault();
  });
  $("value").addEventListener("change", () => pickValue(chosen("value")));
  for (const id of ["entry", "channel"]) $(id).addEventListener("change", () => { dirty = true; });
  $("across").addEventListener("change", () => { if (across() === up()) $("up").value = axes.length > 1 ? axes.findIndex((_, i) => i !== across()) : -1; dirty = true; });
  $("up").addEventListener("change", () => { if (across() === up()) $("across").value = axes.findIndex((_, i) => i !== up()); dirty = true; });
  $("theme").addEventListener("click", () => { document.documentElement.dataset.theme = isDark() ? "light" : "dark"; dirty = true; });
  dark.addEventListener("change", () => { dirty = true; });
  new ResizeObserver(() => { dirty = true; }).observe(canvas);
  pickValue(0);
  { // begin at the largest number
    const inner = own(), at = axes.map(() => 0);
    let most = -1;
    for (let k = 0; k < status.length; k++) {
      for (let axis = axes.length - 1, rest = k; axis >= 0; axis--) { at[axis] = rest % axes[axis].values.length; rest = Math.floor(rest / axes[axis].values.length); }
      const size = Math.abs(read(shown, at, inner));
      if (size > most) { most = size; at.forEach((i, axis) => { place[axis] = i; }); }
    }
  }
  refresh();
})();
