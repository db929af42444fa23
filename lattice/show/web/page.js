"use strict";
// Controls, keys and the clock.

(() => {
  const $ = (id) => document.getElementById(id), run = DATA.run, modes = DATA.modes, crystal = DATA.crystal;
  const quiet = matchMedia("(prefers-reduced-motion: reduce)"), dark = matchMedia("(prefers-color-scheme: dark)");
  const RUN_PACE = 0.4, MODE_PACE = 0.5; // ps of the run per second; turns per second of the fastest mode shown
  let playing = false, time = 0, runTime = run ? run.t0 : 0, last = 0, dirty = true; // runTime: where the cursor of the traces is

  document.title = `${DATA.title} ${DATA.subtitle} · lattice`;
  $("title").textContent = DATA.title; $("subtitle").textContent = DATA.subtitle;
  if (DATA.verdict) {
    const [head, ...rest] = DATA.verdict.split(": "), strong = document.createElement("strong"), good = head.startsWith("1 + 1");
    strong.textContent = head.replace("-1", "−1") + ":"; $("verdict").append(strong, " " + rest.join(": ").replace(/ -(?=\d)/g, " −"));
    $("verdict").classList.toggle("no", !good); $("verdict").hidden = false;
  }
  const cautions = [...DATA.warnings];
  if (run && run.cut !== null) cautions.push(`this page holds the first ${(run.t0 + run.dt * (run.n - 1)).toPrecision(3)} ps of ${run.cut.toPrecision(3)} ps`);
  for (const words of cautions) { const p = document.createElement("div"); p.textContent = "Caution: " + words; $("warnings").append(p); $("warnings").hidden = false; }
  for (const [name, value] of DATA.facts) { const dt = document.createElement("dt"), dd = document.createElement("dd"); dt.textContent = name; dd.textContent = value; $("facts").append(dt, dd); }

  // The motions: the run whole, its multiplets, its modes.
  const motions = [];
  if (run) { motions.push({ name: "the run, everything", source: "run", on: run.multiplets.map((_, i) => i) }); run.multiplets.forEach((name, i) => motions.push({ name: `the run, ${name} alone`, source: "run", on: [i] })); }
  const sign = (mode) => (mode.sign > 0 ? "↺" : mode.sign < 0 ? "↻" : "");
  const number = (x) => String(Object.is(x, -0) ? 0 : x).replace("-", "−");
  const m = (mode) => (mode.m === null ? "–" : (mode.m > 0 ? "+" : "") + number(mode.m));
  const J = (mode) => (Math.abs(mode.J) < 5e-4 ? "0" : (mode.J > 0 ? "+" : "−") + Math.abs(mode.J).toFixed(2));
  modes.forEach((mode, i) => motions.push({ name: `${mode.multiplet} ${sign(mode)} ${number(mode.frequency.toFixed(2))} THz · ${mode.irrep ?? "irrep –"} · J ${J(mode)} ħ · m ${m(mode)}`, source: "modes", on: [i] }));
  const groups = {};
  motions.forEach((motion, i) => {
    groups[motion.source] ??= Object.assign(document.createElement("optgroup"), { label: motion.source === "run" ? "As computed" : "One mode alone" });
    groups[motion.source].append(new Option(motion.name, i));
  });
  $("mode").append(...Object.values(groups), Object.assign(new Option("several", -1), { hidden: true }));

  function row(cells, parent, tag) {
    const tr = document.createElement("tr");
    for (const cell of cells) { const td = document.createElement(tag); if (tag === "th") td.scope = "col"; td.append(cell); tr.append(td); }
    parent.append(tr);
    return tr;
  }

  function list() { // what may be superposed: multiplets of the run, or modes
    const body = $("list").tBodies[0], head = $("list").tHead, ofRun = Motion.state.source === "run";
    body.replaceChildren(); head.replaceChildren();
    $("list-title").textContent = ofRun ? "Multiplets of the run" : "Modes";
    row(ofRun ? ["", "multiplet", "irrep", "ν (THz)"] : ["", "mode", "irrep", "ν (THz)", "m", "J·n̂ (ħ)", "sense", "seen by"], head, "th");
    const rows = ofRun ? run.multiplets.map((name, i) => [name, irrep(name), number(run.frequency[i].toFixed(3))])
      : modes.map((mode) => [mode.multiplet, mode.irrep ?? "–", number(mode.frequency.toFixed(3)), m(mode), J(mode), sign(mode) || "–", mode.active || "–"]);
    rows.forEach((cells, i) => {
      const box = Object.assign(document.createElement("input"), { type: "checkbox", checked: Motion.state.on.has(i) });
      box.setAttribute("aria-label", `show ${cells[0]} ${ofRun ? "" : cells[5]}`);
      const tr = row([box, ...cells], body, "td");
      tr.classList.toggle("on", box.checked);
      tr.addEventListener("click", (event) => {
        const on = new Set(Motion.state.on);
        if (event.target !== box) { choose({ source: Motion.state.source, on: [i] }); return; }
        if (box.checked) on.add(i); else on.delete(i);
        choose({ source: Motion.state.source, on: [...on].sort((a, b) => a - b) }, true);
      });
    });
  }
  const irrep = (name) => { const mode = modes.find((x) => x.multiplet === name); return mode?.irrep ?? "–"; };

  const same = (a, b) => a.source === b.source && a.on.length === b.on.length && a.on.every((x, i) => x === b.on[i]);
  function choose(motion, keepList) {
    const changed = motion.source !== Motion.state.source;
    Motion.choose(motion.source, motion.on);
    $("mode").value = motions.findIndex((other) => same(other, motion));
    const [a, b] = Motion.range();
    $("time").min = a; $("time").max = b;
    if (motion.source === "modes") time = a; else if (changed) time = runTime;
    if (keepList) [...$("list").tBodies[0].rows].forEach((tr, i) => tr.classList.toggle("on", Motion.state.on.has(i))); else list();
    labels(); dirty = true;
  }

  const pace = () => (Motion.state.source === "run" ? RUN_PACE : MODE_PACE / Motion.highest()) * 10 ** Number($("speed").value);
  function labels() {
    $("pace").textContent = `${pace().toPrecision(2)} ps/s`;
    const times = Scene.factor(), real = Motion.state.source === "run";
    $("factor").textContent = real ? `×${times >= 100 ? Math.round(times) : times.toPrecision(2)}` : `${Number($("size").value).toFixed(2)} Å`;
    const slow = !real && [...Motion.state.on].some((i) => Math.abs(modes[i].frequency) < 0.05);
    $("drawn").textContent = !crystal ? "" : real ? `displacements drawn ${$("factor").textContent.slice(1)} times as large` : slow ? "amplitude is free; a mode near 0 THz is drawn at 0.5 THz" : "amplitude is free";
  }

  function play(on) { playing = on; last = 0; $("play").textContent = on ? "Pause" : "Play"; $("play").setAttribute("aria-pressed", on); }
  function seek(t) { const [a, b] = Motion.range(); time = Math.min(b, Math.max(a, t)); dirty = true; }

  $("play").addEventListener("click", () => play(!playing));
  $("time").addEventListener("input", () => seek(Number($("time").value)));
  $("mode").addEventListener("change", () => choose(motions[Number($("mode").value)]));
  $("speed").addEventListener("input", labels);
  $("size").addEventListener("input", () => { Scene.setSize(Number($("size").value)); labels(); dirty = true; });
  for (const name of ["arrows", "orbits", "bonds", "edges", "images"]) $(name).addEventListener("change", () => { Scene.setShown(name, $(name).checked); dirty = true; });
  $("top").addEventListener("click", () => { Scene.look(Math.PI / 2); dirty = true; });
  $("side").addEventListener("click", () => { Scene.look(0); dirty = true; });
  Traces.onPick((t) => { if (Motion.state.source === "run") seek(t); else { choose(motions[0]); seek(t); } });

  // Turning and zooming: mouse, two fingers, keys.
  const fingers = new Map(), canvas = Scene.canvas;
  canvas.addEventListener("pointerdown", (event) => { canvas.setPointerCapture(event.pointerId); fingers.set(event.pointerId, [event.clientX, event.clientY]); });
  canvas.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const now = [event.clientX, event.clientY];
    if (fingers.size === 1) Scene.turn(-(now[0] - before[0]) * 0.008, (now[1] - before[1]) * 0.008);
    else { const other = [...fingers].find(([id]) => id !== event.pointerId)[1], d = (p) => Math.hypot(p[0] - other[0], p[1] - other[1]); Scene.zoom(d(now) / Math.max(1, d(before))); }
    fingers.set(event.pointerId, now); dirty = true;
  });
  for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, (event) => fingers.delete(event.pointerId));
  canvas.addEventListener("wheel", (event) => { event.preventDefault(); Scene.zoom(Math.exp(-event.deltaY * 0.0012)); dirty = true; }, { passive: false });

  const step = () => (Motion.state.source === "run" ? 2 * run.dt : 0.04 / Motion.highest());
  function next(by) { const i = motions.findIndex((other) => same(other, { source: Motion.state.source, on: [...Motion.state.on] })); choose(motions[(i + by + motions.length) % motions.length]); }
  const KEYS = {
    " ": () => play(!playing), ArrowLeft: () => seek(time - step()), ArrowRight: () => seek(time + step()), ArrowUp: () => next(-1), ArrowDown: () => next(1),
    "+": () => Scene.zoom(1.15), "=": () => Scene.zoom(1.15), "-": () => Scene.zoom(1 / 1.15), "−": () => Scene.zoom(1 / 1.15), 0: () => Scene.reset(),
  };
  const TURNS = { ArrowLeft: [0.12, 0], ArrowRight: [-0.12, 0], ArrowUp: [0, -0.12], ArrowDown: [0, 0.12] };
  addEventListener("keydown", (event) => {
    const tag = event.target.tagName, own = tag === "SELECT" || (tag === "INPUT" && event.target.type === "range" && event.key.startsWith("Arrow"));
    if (own || event.ctrlKey || event.altKey || event.metaKey || (event.key === " " && ["BUTTON", "INPUT", "SUMMARY"].includes(tag))) return;
    const turn = event.shiftKey && TURNS[event.key];
    if (turn) Scene.turn(...turn); else if (KEYS[event.key]) KEYS[event.key](); else return;
    event.preventDefault(); dirty = true;
  });

  function theme(name) { document.documentElement.dataset.theme = name; Scene.paint(); legend(); dirty = true; }
  $("theme").addEventListener("click", () => theme((document.documentElement.dataset.theme || (dark.matches ? "dark" : "light")) === "dark" ? "light" : "dark"));
  dark.addEventListener("change", () => { Scene.paint(); dirty = true; });

  function legend() {
    if (!crystal) { $("empty").hidden = false; return; }
    $("legend").replaceChildren();
    const entries = crystal.names.map((name, i) => [name, `background:${crystal.colours[i]}`, ""]);
    entries.push(["counter-clockwise", "border-color:var(--plus)", "ring"], ["clockwise", "border-color:var(--minus)", "ring"]);
    for (const [name, style, shape] of entries) { const div = document.createElement("div"), dot = document.createElement("i"); dot.style.cssText = style; dot.className = shape; div.append(dot, name); $("legend").append(div); }
  }

  new ResizeObserver(() => { Traces.layout(); dirty = true; }).observe(document.body);
  function frame(now) {
    if (playing) {
      const [a, b] = Motion.range();
      time += pace() * (last ? Math.min(0.1, (now - last) / 1000) : 0);
      if (time > b) time = a + ((time - a) % (b - a));
      dirty = true;
    }
    last = now;
    if (dirty) {
      dirty = false;
      $("time").value = time; $("clock").textContent = `${time.toFixed(2)} ps`;
      Scene.draw(time);
      if (Motion.state.source === "run") runTime = time;
      if (run) Traces.update(runTime);
    }
    requestAnimationFrame(frame);
  }

  Scene.setSize(Number($("size").value)); Scene.paint(); legend();
  choose(run ? motions[0] : motions.find((motion) => Math.abs(modes[motion.on[0]].frequency) >= 0.05) ?? motions[0]);
  if (run) seek(Motion.liveliest()); // a moment at which something moves
  play(!quiet.matches);
  requestAnimationFrame(frame);
})();
