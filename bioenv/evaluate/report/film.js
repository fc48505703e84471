// Draws the films of the report: segments, muscles coloured by activation, ground forces.
"use strict";
(() => {
  const films = JSON.parse(document.getElementById("films").textContent);
  const screens = [...document.querySelectorAll("canvas.film")];
  if (!screens.length) return;
  const play = document.getElementById("film-play");
  const scrub = document.getElementById("film-scrub");
  const clock = document.getElementById("film-clock");
  const speeds = [...document.querySelectorAll("input[name=film-speed]")];
  const SKIN = { r: "#cbd4dc", m: "#d8dfe5", l: "#e9edf0" };
  const EDGE = { r: "#8a96a1", m: "#9ca8b2", l: "#c3ccd3" };

  // Light grey at rest, through amber, to dark red when fully active: darker means more.
  function colour(percent) {
    const stops = [[170, 180, 190], [236, 150, 50], [165, 0, 38]];
    const x = Math.min(Math.max(percent, 0), 100) / 50, i = Math.min(Math.floor(x), 1);
    const mix = stops[i].map((c, k) => Math.round(c + (stops[i + 1][k] - c) * (x - i)));
    return `rgb(${mix.join(",")})`;
  }

  // The box that holds the body over the whole film, relative to the camera (mm).
  function frameOf(film) {
    let left = 1e9, right = -1e9, low = 1e9, high = -1e9;
    film.segments.forEach((shapes, t) => shapes.forEach((s, g) => {
      const r = film.radii[g], c = film.camera[t];
      left = Math.min(left, s[0] - c - r, s[2] - c - r);
      right = Math.max(right, s[0] - c + r, s[2] - c + r);
      low = Math.min(low, s[1] - r, s[3] - r);
      high = Math.max(high, s[1] + r, s[3] + r);
    }));
    if (film.floor) low = Math.min(low, -60);
    const pad = 0.06 * (high - low);
    return { left: left - pad, right: right + pad, low: low - pad, high: high + pad };
  }

  function line(ctx, points, width, style) {
    ctx.beginPath();
    ctx.moveTo(points[0], points[1]);
    for (let i = 2; i < points.length; i += 2) ctx.lineTo(points[i], points[i + 1]);
    ctx.lineWidth = width;
    ctx.strokeStyle = style;
    ctx.stroke();
  }

  function drawFloor(ctx, film, box, shift, X, Y, scale) {
    ctx.lineCap = "butt";
    line(ctx, [X(box.left), Y(0), X(box.right), Y(0)], 1.5, "#5b6770");
    ctx.fillStyle = "#5b6770";
    ctx.font = "11px system-ui, sans-serif";
    ctx.textAlign = "center";
    const first = Math.ceil((box.left + shift) / 500) * 500;
    for (let x = first; x < box.right + shift; x += 500) {
      line(ctx, [X(x - shift), Y(0), X(x - shift), Y(0) + 5], 1, "#5b6770");
      if (x % 1000 === 0) ctx.fillText(`${x / 1000} m`, X(x - shift), Y(0) + 17);
    }
  }

  function drawForces(ctx, film, t, shift, X, Y, scale) {
    ctx.lineCap = "round";
    // One body weight is drawn 600 mm long.
    const k = 600 / film.weight;
    (film.ground[t] || []).forEach(([x, z, fx, fz]) => {
      const x0 = X(x - shift), y0 = Y(z), x1 = X(x - shift + k * fx), y1 = Y(z + k * fz);
      line(ctx, [x0, y0, x1, y1], 2.5, "#00664b");
      const a = Math.atan2(y1 - y0, x1 - x0), h = 9;
      ctx.beginPath();
      ctx.moveTo(x1, y1);
      ctx.lineTo(x1 - h * Math.cos(a - 0.4), y1 - h * Math.sin(a - 0.4));
      ctx.lineTo(x1 - h * Math.cos(a + 0.4), y1 - h * Math.sin(a + 0.4));
      ctx.fillStyle = "#00664b";
      ctx.fill();
    });
  }

  function drawSegments(ctx, film, t, side, shift, X, Y, scale) {
    ctx.lineCap = "round";
    for (const [extra, palette] of [[1.5, EDGE], [0, SKIN]]) {
      film.segments[t].forEach((s, g) => {
        if (film.sides[g] !== side) return;
        const ends = [X(s[0] - shift), Y(s[1]), X(s[2] - shift) + 0.01, Y(s[3])];
        line(ctx, ends, 2 * film.radii[g] * scale + extra, palette[side]);
      });
    }
  }

  function drawMuscles(ctx, film, t, side, shift, X, Y) {
    ctx.lineJoin = ctx.lineCap = "round";
    film.paths[t].forEach((path, m) => {
      const own = /_[rl]$/.test(film.muscles[m]) ? film.muscles[m].slice(-1) : "m";
      if (own !== side || path.length < 4) return;
      const active = film.activation.length ? film.activation[t][m] : 0;
      const points = path.map((v, i) => (i % 2 ? Y(v) : X(v - shift)));
      ctx.globalAlpha = side === "l" ? 0.6 : 1;
      line(ctx, points, 2.5 + active / 18, colour(active));
      ctx.globalAlpha = 1;
    });
  }

  function draw(canvas, film, t) {
    const box = film.box, ratio = window.devicePixelRatio || 1;
    const width = canvas.clientWidth;
    const height = Math.min((width * (box.high - box.low)) / (box.right - box.left), 460);
    canvas.style.height = `${height}px`;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    const ctx = canvas.getContext("2d");
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    ctx.clearRect(0, 0, width, height);
    const scale = Math.min(width / (box.right - box.left), height / (box.high - box.low));
    const middle = (box.left + box.right) / 2, half = width / 2 / scale;
    const X = (x) => width / 2 + (x - middle) * scale;
    const Y = (z) => height - (z - box.low) * scale;
    const shift = film.camera[t];
    const wide = { ...box, left: middle - half, right: middle + half };
    if (film.floor) drawFloor(ctx, film, wide, shift, X, Y, scale);
    for (const side of ["l", "m", "r"]) {
      drawSegments(ctx, film, t, side, shift, X, Y, scale);
      drawMuscles(ctx, film, t, side, shift, X, Y);
    }
    drawForces(ctx, film, t, shift, X, Y, scale);
  }

  films.forEach((film) => { film.box = frameOf(film); });
  const length = Math.max(...films.map((film) => film.time.length / film.fps));
  let at = 0, running = false, last = null;
  const speed = () => Number((speeds.find((s) => s.checked) || { value: 1 }).value);

  function show() {
    screens.forEach((canvas, i) => {
      const film = films[i], frames = film.time.length;
      draw(canvas, film, Math.min(Math.floor(at * film.fps), frames - 1));
    });
    scrub.value = String(Math.round((1000 * at) / length));
    clock.textContent = `${at.toFixed(2)} s`;
  }

  function tick(now) {
    if (!running) return;
    if (last !== null) at = (at + ((now - last) / 1000) * speed()) % length;
    last = now;
    show();
    requestAnimationFrame(tick);
  }

  function set(on) {
    running = on;
    last = null;
    play.textContent = on ? "Pause" : "Play";
    play.setAttribute("aria-pressed", String(on));
    if (on) requestAnimationFrame(tick);
  }

  play.addEventListener("click", () => set(!running));
  scrub.addEventListener("input", () => {
    set(false);
    at = Math.min((Number(scrub.value) / 1000) * length, length - 1e-3);
    show();
  });
  window.addEventListener("resize", show);
  show();
  if (!window.matchMedia("(prefers-reduced-motion: reduce)").matches) set(true);
})();
