// Runs inside the widget. It tells the page that opened it what happens, and
// only that page: the target of each message is the origin it named.
"use strict";
(() => {
  const root = document.getElementById("connect");
  const opener = window.parent !== window ? window.parent : window.opener;
  const tell = (message) => {
    if (opener && root.dataset.origin) opener.postMessage(JSON.stringify(message), root.dataset.origin);
  };
  const leave = () => tell({ event: "exit" });

  if (opener && root.dataset.origin) {
    const button = document.getElementById("leave");
    button.hidden = false;
    button.addEventListener("click", leave);
    document.addEventListener("keydown", (e) => { if (e.key === "Escape") leave(); });
  }
  // Browsers refuse autofocus in a frame of another site, so do it once the
  // opener has given this frame the focus.
  const begin = () => {
    if (document.activeElement === document.body) document.querySelector("[data-first]")?.focus();
  };
  window.addEventListener("focus", begin);
  begin();
  tell({ event: "ready" });
  tell({ event: "activityEvent", data: { name: root.dataset.step, data: {} } });
  if (root.dataset.message) tell(JSON.parse(root.dataset.message));

  const search = document.getElementById("search");
  const banks = document.getElementById("banks");
  if (search && banks) {
    search.addEventListener("input", () => {
      const wanted = search.value.trim().toLowerCase();
      let left = 0;
      for (const item of banks.children) {
        item.hidden = !item.textContent.toLowerCase().includes(wanted);
        if (!item.hidden) left++;
      }
      document.getElementById("none").hidden = left > 0;
    });
  }
})();
