// TellerConnect for the sandbox: the interface of Teller's own script, over a
// frame that this site serves. A page that includes it needs script-src and
// frame-src for this site, and no other exception.
"use strict";
(() => {
  const site = new URL(document.currentScript.src).origin;
  const callback = (fn, ...args) => { if (typeof fn === "function") fn(...args); };

  function setup(config) {
    if (!config || !config.applicationId) throw new Error("TellerConnect.setup: applicationId is missing");
    if (typeof config.onSuccess !== "function") throw new Error("TellerConnect.setup: onSuccess is missing");
    let overlay = null;
    let frame = null;
    let before = null;
    let behind = [];
    let ready = false;
    let finished = false;

    function address() {
      const url = new URL(site + "/teller/connect/" + encodeURIComponent(config.applicationId));
      const put = (name, value) => { if (value) url.searchParams.set(name, value); };
      put("environment", config.environment);
      put("institution", config.institution);
      put("select_account", config.selectAccount);
      put("user_id", config.userId);
      put("enrollment_id", config.enrollmentId);
      put("connect_token", config.connectToken);
      put("nonce", config.nonce);
      put("products", Array.isArray(config.products) ? config.products.join(",") : config.products);
      url.searchParams.set("origin", window.location.origin);
      return url.href;
    }

    function close() {
      if (!overlay) return;
      window.removeEventListener("message", hear);
      document.removeEventListener("keydown", keys);
      overlay.remove();
      overlay = frame = null;
      ready = false;
      for (const part of behind) part.inert = false;
      behind = [];
      if (before && before.focus) before.focus();
    }

    function exit() {
      close();
      callback(config.onExit);
    }

    function keys(e) {
      if (e.key === "Escape") exit();
    }

    function hear(e) {
      if (!frame || e.origin !== site || e.source !== frame.contentWindow || typeof e.data !== "string") return;
      let message;
      try { message = JSON.parse(e.data); } catch { return; }
      switch (message.event) {
        case "ready":
          if (!ready) {
            ready = true;
            callback(config.onInit);
          }
          frame.focus();
          break;
        case "success":
          if (finished) return;
          finished = true;
          close();
          config.onSuccess(message.data);
          break;
        case "failure":
          close();
          callback(config.onFailure, { type: message.type, code: message.code, message: message.message });
          break;
        case "exit":
          exit();
          break;
        case "activityEvent":
          callback(config.onEvent, message.data.name, message.data.data);
          break;
      }
    }

    function open() {
      if (overlay) return;
      finished = false;
      before = document.activeElement;
      overlay = document.createElement("div");
      overlay.setAttribute("role", "dialog");
      overlay.setAttribute("aria-modal", "true");
      overlay.setAttribute("aria-label", "Connect your bank");
      Object.assign(overlay.style, {
        position: "fixed", inset: "0", zIndex: "2147483647", display: "grid", placeItems: "center", background: "rgb(0 0 0 / 55%)",
      });
      frame = document.createElement("iframe");
      frame.title = "Connect your bank";
      Object.assign(frame.style, {
        width: "min(440px, 100vw)", height: "min(680px, 100dvh)", border: "0", borderRadius: "12px", background: "Canvas", colorScheme: "light dark",
      });
      frame.src = address();
      overlay.addEventListener("click", (e) => { if (e.target === overlay) exit(); });
      overlay.append(frame);
      window.addEventListener("message", hear);
      document.addEventListener("keydown", keys);
      behind = [...document.body.children].filter((part) => !part.inert);
      for (const part of behind) part.inert = true; // the keyboard stays in the dialog
      document.body.append(overlay);
    }

    return { open, destroy: close };
  }

  window.TellerConnect = { setup };
})();
