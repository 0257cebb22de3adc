// Nothing typed is lost: drafts of long fields stay in this browser until the server says they were saved;
// pictures and files pasted or dropped onto a composer become its evidence.
(() => {
  "use strict";
  const body = document.body;
  const name = (form) => `draft ${form.dataset.draft}`;
  const fields = (form) =>
    [...form.elements].filter((el) => el.name && el.name !== "csrf" && el.name !== "rev" &&
      (el.tagName === "TEXTAREA" || (el.tagName === "INPUT" && /^(text|tel|search|email|url|)$/.test(el.type))));
  let store;
  try { store = window.localStorage; store.getItem("draft"); } catch { return; }

  // What was sent is forgotten once a page says "saved".
  const sent = sessionStorage.getItem("sent");
  if (sent && "saved" in body.dataset) { store.removeItem(sent); }
  sessionStorage.removeItem("sent");

  for (const form of document.querySelectorAll("form[data-draft]")) {
    const key = name(form);
    let kept = null;
    try { kept = JSON.parse(store.getItem(key) || "null"); } catch { store.removeItem(key); }
    if (kept && Date.now() - kept.at < 14 * 864e5) {
      let restored = false;
      for (const el of fields(form)) {
        const text = kept.text[el.name];
        if (text && el.value === el.defaultValue && el.value !== text && !el.defaultValue) { el.value = text; restored = true; }
      }
      const line = form.querySelector("[data-restored]");
      if (restored && line) {
        line.hidden = false;
        line.querySelector("button")?.addEventListener("click", () => {
          store.removeItem(key);
          form.reset();
          line.hidden = true;
        });
      }
    }
    let timer;
    form.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        const text = {};
        for (const el of fields(form)) if (el.value && el.value !== el.defaultValue) text[el.name] = el.value;
        try {
          if (Object.keys(text).length) store.setItem(key, JSON.stringify({ at: Date.now(), text }));
          else store.removeItem(key);
        } catch { /* a full store must not break typing */ }
      }, 400);
    });
    form.addEventListener("submit", () => sessionStorage.setItem("sent", key));
    form.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); form.requestSubmit(); }
    });
  }

  const take = (form, files) => {
    const input = form.querySelector("input[type=file]");
    if (!input || !files.length) return false;
    const all = new DataTransfer();
    for (const file of [...input.files, ...files]) all.items.add(file);
    input.files = all.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
    return true;
  };
  for (const form of document.querySelectorAll("form[data-evidence]")) {
    form.addEventListener("paste", (event) => { if (take(form, event.clipboardData.files)) event.preventDefault(); });
    form.addEventListener("dragover", (event) => { if (event.dataTransfer.types.includes("Files")) event.preventDefault(); });
    form.addEventListener("drop", (event) => { if (take(form, event.dataTransfer.files)) event.preventDefault(); });
  }
})();
