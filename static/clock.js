// Clocks that tick. The server prints every clock; this only keeps it true while the page is open.
// Offsets come from the server's own clock (body data-now), so a laptop with a wrong clock can't lie about a deadline.
(() => {
  "use strict";
  const body = document.body;
  const offset = Number(body.dataset.now) - Date.now();
  const [d, h, m, s, over] = (body.dataset.units || "").split("|");
  if (!over || body.dataset.still === "on") return;
  const now = () => Date.now() + offset;

  // The same steps as `words::span` on the server: a promise is counted in hours, never in days.
  const span = (secs) => {
    if (secs < 60) return `${secs} ${s}`;
    const mins = Math.floor(secs / 60);
    if (mins < 10 && secs % 60) return `${mins} ${m} ${secs % 60} ${s}`;
    if (mins < 60) return `${mins} ${m}`;
    const hours = Math.floor(mins / 60);
    return mins % 60 ? `${hours} ${h} ${mins % 60} ${m}` : `${hours} ${h}`;
  };
  // The same steps as `words::age`.
  const age = (secs) => {
    const hours = Math.floor(secs / 3600);
    if (hours < 24) return span(secs);
    const days = Math.floor(hours / 24);
    return days < 14 && hours % 24 ? `${days} ${d} ${hours % 24} ${h}` : `${days} ${d}`;
  };
  const rough = (secs) => span(secs < 60 ? secs : secs - (secs % 60));

  // Seconds of working time that are left: outside the hours nothing burns. The page knows the next opening or closing.
  const made = Number(body.dataset.now);
  const unburnt = (el, left) => {
    if (el.dataset.left === undefined) return left;
    const turns = el.dataset.turns ? Number(el.dataset.turns) : Infinity;
    const burnt = el.dataset.open === "yes" ? Math.min(now(), turns) - made : Math.max(0, now() - turns);
    return Math.max(0, (Number(el.dataset.left) - burnt) / 1000);
  };

  const tick = () => {
    for (const el of document.querySelectorAll("[data-due]")) {
      const left = Math.round((Number(el.dataset.due) - now()) / 1000);
      const late = left < 0;
      const total = Number(el.dataset.total || 0) / 1000;
      const rest = late ? 0 : unburnt(el, left);
      const near = !late && total > 0 && rest <= total / 5;
      const text = late ? over.replace("{}", rough(-left)) : span(left);
      if (el.textContent !== text) el.textContent = text;
      el.classList.toggle("over", late);
      el.classList.toggle("near", near);
      const bar = el.dataset.burn && document.getElementById(el.dataset.burn);
      if (bar && !late && total > 0) {
        bar.setAttribute("width", `${Math.max(1, Math.min(100, (rest / total) * 100)).toFixed(1)}%`);
        bar.setAttribute("class", near ? "near" : "go");
      }
    }
    for (const el of document.querySelectorAll("[data-since]")) {
      const text = age(Math.max(0, Math.round((now() - Number(el.dataset.since)) / 1000)));
      if (el.textContent !== text) el.textContent = text;
    }
  };
  const run = () => {
    if (!document.hidden) tick();
    setTimeout(run, 1000 - (now() % 1000));
  };
  run();
  document.addEventListener("visibilitychange", () => document.hidden || tick());
})();
