// The Connection Portal in a browser: filters the list while typing, and tells
// the page that shows it in a frame how the visit ended.
"use strict";
(() => {
  const form = document.querySelector("[data-filter]");
  if (form) {
    const items = [...document.querySelectorAll("[data-list] [data-name]")];
    const count = document.querySelector("[data-count]");
    form.addEventListener("submit", (e) => e.preventDefault());
    form.elements.q.addEventListener("input", () => {
      const wanted = form.elements.q.value.trim().toLowerCase();
      let n = 0;
      for (const item of items) {
        item.hidden = !item.dataset.name.toLowerCase().includes(wanted);
        n += item.hidden ? 0 : 1;
      }
      count.textContent = n === 1 ? "1 institution" : `${n} institutions`;
    });
  }
  const end = document.querySelector("[data-message]");
  if (!end) return;
  const tell = (message) => window.parent.postMessage(message, "*");
  const button = end.querySelector("a.button");
  if (window.parent !== window) {
    // As the real portal: objects for an outcome, plain strings for the rest.
    const message = end.dataset.message;
    if (message.startsWith("{")) {
      tell(JSON.parse(message));
    } else {
      tell(message);
      tell("CLOSE_MODAL");
    }
    button?.addEventListener("click", (e) => { e.preventDefault(); tell("CLOSED"); });
  } else if ("immediate" in end.dataset && button) {
    location.replace(button.href);
  }
})();
