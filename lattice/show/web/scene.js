"use strict";
// The crystal in three dimensions on a 2D canvas: painter's order, shaded spheres, fog in the colour of the ground.

const Scene = (() => {
  const canvas = document.getElementById("scene"), pen = canvas.getContext("2d"), crystal = DATA.crystal;
  const FOGS = 10, SPRITE = 128, TRAIL = 44, MARGIN = 22, FIRST = { yaw: 0.2, pitch: 0.24, zoom: 1 };
  const camera = { ...FIRST };
  const show = { arrows: true, orbits: true, bonds: true, edges: true, images: true };
  let size = 0.7, colours = {}, sprites = [], width = 1, height = 1;
  // Frame whose third vector is n̂, upwards on the screen.
  const up = DATA.axis, seed = Math.abs(up[0]) < 0.9 ? [1, 0, 0] : [0, 1, 0];
  const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
  const unit = (a) => a.map((x) => x / Math.hypot(...a));
  const across = unit(cross(cross(up, seed), up)), along = cross(up, across);
  const n = Motion.nAtoms, cells = crystal ? crystal.translations.length : 0;
  const re = new Float64Array(Motion.size), im = new Float64Array(Motion.size), re2 = new Float64Array(Motion.size), im2 = new Float64Array(Motion.size);
  const path = Array.from({ length: TRAIL }, () => [new Float64Array(Motion.size), new Float64Array(Motion.size)]);
  const radius = (k) => 0.34 * crystal.radii[k] + 0.05;
  let extent = 1, tall = 1, wide = 1;

  function measure() {
    wide = 1; tall = 1;
    for (let c = 0; c < (show.images ? cells : 1); c++) for (let a = 0; a < n; a++) {
      const p = crystal.basis[a].map((x, i) => x + crystal.translations[c][i] - home()[i]);
      const z = p[0] * up[0] + p[1] * up[1] + p[2] * up[2];
      tall = Math.max(tall, Math.abs(z) + 1.2);
      wide = Math.max(wide, Math.sqrt(Math.max(0, Math.hypot(...p) ** 2 - z * z)) + 1.2);
    }
    extent = Math.hypot(tall, wide);
  }
  // Without images the one cell that is left stands in the middle.
  let single = [0, 0, 0];
  const home = () => (show.images ? [0, 0, 0] : single);

  const mix = (a, b, f) => a.map((x, i) => Math.round(x + (b[i] - x) * f));
  const rgb = (c) => `rgb(${c[0]},${c[1]},${c[2]})`;
  const parse = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));

  function paint() { // colours of the theme, and one sphere for each species and depth
    const style = getComputedStyle(document.documentElement);
    for (const name of ["panel", "ink", "soft", "plus", "minus", "flat", "arrow", "cell"]) colours[name] = parse(style.getPropertyValue("--" + name).trim());
    if (!crystal) return;
    sprites = crystal.colours.map((hex) => Array.from({ length: FOGS }, (_, f) => {
      const fog = (0.62 * f) / (FOGS - 1), base = mix(parse(hex), colours.panel, fog), sprite = document.createElement("canvas");
      sprite.width = sprite.height = SPRITE;
      const c = sprite.getContext("2d"), r = SPRITE / 2, g = c.createRadialGradient(r * 0.68, r * 0.6, r * 0.05, r, r, r * 0.98);
      g.addColorStop(0, rgb(mix(base, [255, 255, 255], 0.75 * (1 - fog)))); g.addColorStop(0.35, rgb(base)); g.addColorStop(0.82, rgb(mix(base, [0, 0, 0], 0.32 * (1 - fog)))); g.addColorStop(1, rgb(mix(base, [0, 0, 0], 0.55 * (1 - fog))));
      c.fillStyle = g; c.beginPath(); c.arc(r, r, r * 0.98, 0, 7); c.fill();
      return sprite;
    }));
  }

  let cy, sy, cp, sp, scale, far;
  function aim() {
    cy = Math.cos(camera.yaw); sy = Math.sin(camera.yaw); cp = Math.cos(camera.pitch); sp = Math.sin(camera.pitch);
    const upright = Math.abs(cp) * tall + Math.abs(sp) * wide;
    scale = 0.94 * camera.zoom * Math.min(width / (2 * wide), (height - 2 * MARGIN) / (2 * upright));
    far = 5 * extent;
  }
  // Screen x, y, depth (larger: further away), pixels per Å there.
  function project(x, y, z) {
    const [a, b, c] = home();
    x -= a; y -= b; z -= c;
    const u = x * across[0] + y * across[1] + z * across[2], v = x * along[0] + y * along[1] + z * along[2], w = x * up[0] + y * up[1] + z * up[2];
    const right = u * cy - v * sy, into = u * sy + v * cy, deep = into * cp - w * sp, high = into * sp + w * cp, s = (scale * far) / (far + deep);
    return [width / 2 + right * s, height / 2 + MARGIN / 2 - high * s, deep, s];
  }
  const fog = (depth) => Math.min(1, Math.max(0, 0.5 + (0.5 * depth) / extent));

  function moved(c, a, r, i) { // place of atom a of cell c
    const f = 2 * Math.PI * crystal.phases[c], co = Math.cos(f), si = Math.sin(f), k = 3 * a, b = crystal.basis[a], t = crystal.translations[c];
    return [0, 1, 2].map((x) => b[x] + t[x] + factor * (r[k + x] * co - i[k + x] * si));
  }

  let factor = 1;
  function draw(t) {
    const ratio = window.devicePixelRatio || 1, w = canvas.clientWidth, h = canvas.clientHeight;
    if (canvas.width !== Math.round(w * ratio) || canvas.height !== Math.round(h * ratio)) { canvas.width = Math.round(w * ratio); canvas.height = Math.round(h * ratio); }
    width = w; height = h;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0); pen.clearRect(0, 0, w, h); pen.lineCap = "round";
    if (!crystal) return;
    aim();
    factor = size / Motion.state.largest;
    const step = 1 / (60 * Motion.highest()), [begin] = Motion.range();
    Motion.displacement(t, re, im); Motion.displacement(t + step, re2, im2);
    const span = Motion.period();
    if (show.orbits) for (let p = 0; p < TRAIL; p++) {
      const then = t - (span * p) / (TRAIL - 1);
      Motion.displacement(Motion.state.source === "run" ? Math.max(begin, then) : then, path[p][0], path[p][1]);
    }
    const items = [], count = show.images ? cells : 1;
    for (let c = 0; c < count; c++) for (let a = 0; a < n; a++) {
      const here = moved(c, a, re, im), next = moved(c, a, re2, im2);
      items.push({ kind: 0, c, a, here, next, p: project(...here) });
    }
    for (const item of items) item.depth = item.p[2];
    const atoms = items.slice();
    if (show.bonds) for (const [i, j] of crystal.bonds) if (i < count * n && j < count * n) bond(items, atoms[i], atoms[j]);
    if (show.edges) edges(items);
    items.sort((a, b) => b.depth - a.depth);
    for (const item of items) [atom, stick, line][item.kind](item);
  }

  function bond(items, one, two) { // each half in the colour of its atom, behind its atom where it points away
    const middle = one.here.map((x, i) => (x + two.here[i]) / 2), p = project(...middle);
    for (const end of [one, two]) items.push({ kind: 1, a: end.a, p: end.p, q: p, depth: 0.5 * (end.depth + p[2]) + 0.01 });
  }

  function edges(items) {
    const e = crystal.edges, o = crystal.corner, PIECES = 8;
    for (let d = 0; d < 3; d++) for (const x of [0, 1]) for (const y of [0, 1]) {
      const f = [0, 0, 0]; f[(d + 1) % 3] = x; f[(d + 2) % 3] = y;
      let last = null;
      for (let k = 0; k <= PIECES; k++) {
        f[d] = k / PIECES;
        const p = project(...[0, 1, 2].map((i) => o[i] + f[0] * e[0][i] + f[1] * e[1][i] + f[2] * e[2][i]));
        if (last) items.push({ kind: 2, p: last, q: p, depth: 0.5 * (last[2] + p[2]) });
        last = p;
      }
    }
  }

  function line({ p, q, depth }) {
    pen.strokeStyle = rgb(mix(colours.cell, colours.panel, 0.55 * fog(depth))); pen.lineWidth = 1.4;
    pen.beginPath(); pen.moveTo(p[0], p[1]); pen.lineTo(q[0], q[1]); pen.stroke();
  }

  function stick({ a, p, q, depth }) {
    const base = mix(parse(crystal.colours[crystal.kind[a]]), colours.panel, 0.62 * fog(depth)), w = 0.2 * p[3];
    for (const [colour, wide] of [[mix(base, [0, 0, 0], 0.35), w], [base, 0.62 * w]]) {
      pen.strokeStyle = rgb(colour); pen.lineWidth = wide;
      pen.beginPath(); pen.moveTo(p[0], p[1]); pen.lineTo(q[0], q[1]); pen.stroke();
    }
  }

  function atom(item) {
    const { c, a, p, here, next } = item, f = fog(p[2]);
    const u = [0, 1, 2].map((x) => here[x] - crystal.basis[a][x] - crystal.translations[c][x]), v = [0, 1, 2].map((x) => next[x] - here[x]);
    const turn = cross(u, v), L = turn[0] * up[0] + turn[1] * up[1] + turn[2] * up[2], whole = Math.hypot(...u) * Math.hypot(...v);
    const sense = whole > 1e-12 && Math.abs(L) > 0.25 * whole ? (L > 0 ? colours.plus : colours.minus) : colours.flat;
    const r = radius(crystal.kind[a]) * p[3];
    pen.drawImage(sprites[crystal.kind[a]][Math.round(f * (FOGS - 1))], p[0] - r, p[1] - r, 2 * r, 2 * r);
    if (show.orbits) orbit(c, a, sense, f);
    if (show.arrows) arrow(here, v, f, p[3]);
  }

  function orbit(c, a, sense, f) {
    pen.strokeStyle = rgb(mix(sense, colours.panel, 0.7 * f)); pen.lineWidth = 1.9;
    const whole = Motion.state.source === "modes" && Motion.state.on.size === 1;
    let last = null;
    for (let k = 0; k < TRAIL; k++) {
      const q = project(...moved(c, a, path[k][0], path[k][1]));
      if (last) {
        pen.globalAlpha = whole ? 1 : 1 - 0.9 * (k / TRAIL);
        pen.beginPath(); pen.moveTo(last[0], last[1]); pen.lineTo(q[0], q[1]); pen.stroke();
      }
      last = q;
    }
    pen.globalAlpha = 1;
  }

  function arrow(here, v, f, s) { // the longest is 1.5 Å
    const length = (1.5 * Math.hypot(...v)) / (factor * Motion.state.fastest * (1 / (60 * Motion.highest())));
    if (length < 0.12) return;
    const d = unit(v), from = project(...here), to = project(...here.map((x, i) => x + d[i] * length));
    const dx = to[0] - from[0], dy = to[1] - from[1], far2 = Math.hypot(dx, dy);
    if (far2 < 2) return;
    const head = Math.min(0.34 * s, 0.5 * far2), a = Math.atan2(dy, dx), colour = rgb(mix(colours.arrow, colours.panel, 0.75 * f));
    pen.strokeStyle = pen.fillStyle = colour; pen.lineWidth = Math.max(1.4, 0.1 * s);
    pen.beginPath(); pen.moveTo(from[0], from[1]); pen.lineTo(to[0] - head * 0.8 * Math.cos(a), to[1] - head * 0.8 * Math.sin(a)); pen.stroke();
    pen.beginPath(); pen.moveTo(to[0], to[1]);
    for (const side of [2.68, -2.68]) pen.lineTo(to[0] + head * Math.cos(a + side), to[1] + head * Math.sin(a + side));
    pen.fill();
  }

  if (crystal) single = [0, 1, 2].map((i) => crystal.basis.reduce((sum, b) => sum + b[i], 0) / n);
  function turn(yaw, pitch) { camera.yaw += yaw; camera.pitch = Math.min(Math.PI / 2, Math.max(-Math.PI / 2, camera.pitch + pitch)); }
  function zoom(by) { camera.zoom = Math.min(12, Math.max(0.3, camera.zoom * by)); }
  function look(pitch) { camera.pitch = pitch; camera.zoom = 1; }
  function reset() { Object.assign(camera, FIRST); }
  const setSize = (x) => { size = x; };
  const setShown = (name, on) => { show[name] = on; if (crystal) measure(); };
  // Where an atom of the home cell stands on the screen at time t.
  function place(a, t) {
    aim(); factor = size / Motion.state.largest;
    Motion.displacement(t, re, im);
    return project(...moved(0, a, re, im));
  }
  if (crystal) measure();
  return { place, canvas, draw, paint, turn, zoom, look, reset, setSize, setShown, factor: () => size / Motion.state.largest };
})();
