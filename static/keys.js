// Single keys, shown on the buttons they press. Off when the profile says so (body data-keys="off"); never while typing.
(() => {
  "use strict";
  const body = document.body;
  if (body.dataset.keys === "off") return;
  const typing = (el) => el.closest("input,textarea,select,[contenteditable]");
  const rows = () => [...document.querySelectorAll("table.rows tbody tr:not(.b)")];
  let at = -1;
  let went = false;

  const move = (by) => {
    const list = rows();
    if (!list.length) return;
    list[at]?.classList.remove("on");
    at = Math.max(0, Math.min(list.length - 1, at + by));
    list[at].classList.add("on");
    const link = list[at].querySelector("td.t a");
    link?.focus({ preventScroll: true });
    list[at].scrollIntoView({ block: "nearest" });
  };

  const press = (key) => {
    const el = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
    if (!el) return false;
    if (el.matches("input,textarea,select")) { el.focus(); return true; }
    if (el.matches("summary")) {
      const box = el.parentElement;
      box.open = !box.open;
      if (box.open) box.querySelector("input:not([type=hidden]),select,textarea")?.focus();
      return true;
    }
    el.click();
    return true;
  };

  const help = () => {
    const box = document.getElementById("keys");
    if (!box) return;
    const list = box.querySelector("dl");
    for (const el of document.querySelectorAll("main [data-key]")) {
      const key = el.dataset.key;
      if ([...list.querySelectorAll("kbd")].some((k) => k.textContent.toLowerCase() === key)) continue;
      const row = document.createElement("div");
      const dt = document.createElement("dt");
      const kbd = document.createElement("kbd");
      const dd = document.createElement("dd");
      kbd.textContent = key.toUpperCase();
      dd.textContent = (el.getAttribute("aria-label") || el.labels?.[0]?.textContent || el.firstChild?.textContent || "").trim();
      dt.append(kbd);
      row.append(dt, dd);
      list.append(row);
    }
    box.showModal();
  };

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") {
      if (typing(event.target)) event.target.blur();
      for (const box of document.querySelectorAll("details.menu[open]")) box.open = false;
      return;
    }
    if (typing(event.target) || document.querySelector("dialog[open]")) return;
    const key = event.key.toLowerCase();
    let done = true;
    if (went) {
      went = false;
      const link = document.querySelector(`[data-go="${CSS.escape(key)}"]`);
      if (link) link.click();
      else done = false;
    } else if (key === "g") { went = true; setTimeout(() => { went = false; }, 1200); }
    else if (key === "j") move(1);
    else if (key === "k") move(-1);
    else if (event.key === "?") help();
    else done = press(key);
    if (done) event.preventDefault();
  });

  // One menu at a time, and a click elsewhere closes it.
  document.addEventListener("click", (event) => {
    for (const box of document.querySelectorAll("details.menu[open]")) if (!box.contains(event.target)) box.open = false;
  });
  // Selecting all rows of a table is a help, never the only way.
  for (const all of document.querySelectorAll("input[data-all]")) {
    all.hidden = false;
    all.addEventListener("change", () => {
      for (const one of document.querySelectorAll(`input[name="${CSS.escape(all.dataset.all)}"]`)) one.checked = all.checked;
    });
  }
})();
