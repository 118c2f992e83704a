// The inbox looks again by itself while it is in sight.
"use strict";
(() => {
  const mails = document.getElementById("mails");
  if (mails) {
    setInterval(async () => {
      if (document.hidden) return;
      try {
        const answer = await fetch("/control/inbox");
        const { messages } = await answer.json();
        if (messages.length !== Number(mails.dataset.count)) location.reload();
      } catch { /* the sandbox stopped; the page stays as it is */ }
    }, 2000);
  }
})();
