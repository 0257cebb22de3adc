// What an editor comes to is shown while it is written: the form goes to its preview, and that part of the answer takes the place
// of the one on the page. The answer is parsed as a document of its own, so that no text ever becomes markup here.
(() => {
  "use strict";
  for (const form of document.querySelectorAll("form[data-live]")) {
    let timer, asking;
    const show = () => {
      asking?.abort();
      const ask = asking = new XMLHttpRequest();
      const typed = new URLSearchParams();
      for (const [name, value] of new FormData(form)) if (typeof value === "string") typed.append(name, value);
      ask.open("POST", form.dataset.live);
      ask.responseType = "document";
      ask.addEventListener("load", () => {
        const here = document.getElementById("preview"), next = ask.response?.getElementById("preview");
        // Whoever reads in it, or scrolls one of its tables, keeps it.
        if (here && next && !here.contains(document.activeElement)) here.replaceWith(document.adoptNode(next));
      });
      ask.send(typed);
    };
    form.addEventListener("input", (event) => {
      if (event.target.closest("[data-quiet]")) return;
      clearTimeout(timer);
      timer = setTimeout(show, 350);
    });
  }
})();
