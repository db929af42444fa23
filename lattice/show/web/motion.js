"use strict";
// Where the atoms are: the recorded path of the run, or modes that turn at their own frequencies.

const DATA = JSON.parse(document.getElementById("data").textContent);
const STILL = 0.05; // THz: slower modes (translations) would stand still and are drawn at NOMINAL
const NOMINAL = 0.5; // THz

function floats(text) {
  const raw = atob(text), bytes = new Uint8Array(raw.length), view = new DataView(bytes.buffer);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  // Little-endian by the format, whatever the machine.
  return Float32Array.from({ length: raw.length / 4 }, (_, i) => view.getFloat32(4 * i, true));
}

const Motion = (() => {
  const crystal = DATA.crystal, run = DATA.run, nAtoms = crystal ? crystal.basis.length : 0, size = 3 * nAtoms;
  if (run) for (const name of ["Q", "L", "E"]) if (run[name]) run[name] = floats(run[name]);
  if (run && run.ledger.series) run.ledger.series = floats(run.ledger.series);
  const state = { source: run ? "run" : "modes", on: new Set(), largest: 1, fastest: 1, active: [] };

  // Value of column `column` of a table (frame, column) at time t: cubic through the four frames around it.
  function at(values, width, column, t) {
    const x = Math.min(Math.max((t - run.t0) / run.dt, 0), run.n - 1), i = Math.min(Math.floor(x), run.n - 2), f = x - i;
    const v = (k) => values[Math.min(Math.max(k, 0), run.n - 1) * width + column];
    const a = v(i - 1), b = v(i), c = v(i + 1), d = v(i + 2);
    return b + 0.5 * f * (c - a + f * (2 * a - 5 * b + 4 * c - d + f * (3 * (b - c) + d - a)));
  }

  const frequency = (i) => (Math.abs(DATA.modes[i].frequency) < STILL ? NOMINAL : Math.abs(DATA.modes[i].frequency));

  // Complex displacement of the atoms of the home cell at time t, in Å before scaling; that of a cell with phase φ is
  // Re[u exp(2πiφ)]. A run is real and the same in every cell.
  function displacement(t, re, im) {
    re.fill(0); im.fill(0);
    if (state.source === "run") {
      for (const s of state.active) {
        const q = at(run.Q, run.labels.length, s, t), pattern = run.pattern[s];
        for (let k = 0; k < size; k++) re[k] += q * pattern[k];
      }
      return;
    }
    for (const i of state.active) { // ε exp(−2πi ν t): the partner + turns counter-clockwise
      const mode = DATA.modes[i], c = Math.cos(2 * Math.PI * frequency(i) * t), s = Math.sin(2 * Math.PI * frequency(i) * t);
      for (let a = 0, k = 0; a < nAtoms; a++) for (let x = 0; x < 3; x++, k++) {
        const p = mode.re[a][x], q = mode.im[a][x];
        re[k] += p * c + q * s; im[k] += q * c - p * s;
      }
    }
  }

  function highest() {
    const all = state.source === "run" ? [...state.on].map((a) => Math.abs(run.frequency[a])) : [...state.on].map(frequency);
    return Math.max(STILL, ...all);
  }

  // Period of the slowest line that matters: of a run that of its strongest multiplet shown (they are in that order).
  function period() {
    if (state.source === "run") return 1 / Math.max(STILL, Math.abs(run.frequency[Math.min(...state.on)] ?? 1));
    return 1 / Math.min(...[...state.on].map(frequency), 1e3);
  }

  function range() {
    if (state.source === "run") return [run.t0, run.t0 + run.dt * (run.n - 1)];
    const slowest = Math.min(...[...state.on].map(frequency), 1e3);
    return [0, state.on.size ? 8 / slowest : 1];
  }

  function choose(source, on) {
    state.source = source; state.on = new Set(on);
    state.active = source === "run" ? [...on].flatMap((a) => run.coordinates[a]) : [...on];
    const re = new Float64Array(size), im = new Float64Array(size), [a, b] = range(), last = new Float64Array(size);
    const steps = source === "run" ? Math.min(run.n, 3000) : 400;
    const h = 1 / (60 * highest());
    state.largest = 0; state.fastest = 0;
    for (let n = 0; n < steps && size; n++) {
      const t = a + ((b - a) * n) / (steps - 1);
      displacement(t, re, im);
      for (let k = 0; k < size; k += 3) state.largest = Math.max(state.largest, Math.hypot(re[k], re[k + 1], re[k + 2]), Math.hypot(im[k], im[k + 1], im[k + 2]));
      if (n % 5) continue;
      last.set(re); displacement(t + h, re, im);
      for (let k = 0; k < size; k += 3) state.fastest = Math.max(state.fastest, Math.hypot(re[k] - last[k], re[k + 1] - last[k + 1], re[k + 2] - last[k + 2]) / h);
    }
    state.largest ||= 1; state.fastest ||= 1;
  }

  // Time at which the first multiplet is furthest out.
  function liveliest() {
    let best = 0, most = -1;
    for (let i = 0; i < run.n; i++) {
      const q = Math.hypot(...run.coordinates[0].map((s) => run.Q[i * run.labels.length + s]));
      if (q > most) { most = q; best = i; }
    }
    return run.t0 + best * run.dt;
  }

  return { liveliest, period, state, at, displacement, choose, range, highest, nAtoms, size };
})();
