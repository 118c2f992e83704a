// The sandbox's Turnstile: a box to tick, and a token that says what it is for.
;(() => {
  const token = (action) =>
    btoa(
      JSON.stringify({
        kind: "turnstile",
        action: action || "",
        host: location.hostname,
        at: Date.now(),
        dice: crypto.randomUUID(),
      }),
    )
      .replace(/\+/g, "-")
      .replace(/\//g, "_")
      .replace(/=+$/, "")
  const widgets = new Map()
  let last = 0
  window.turnstile = {
    render(where, options) {
      const place = typeof where === "string" ? document.querySelector(where) : where
      const id = `sandbox-${++last}`
      const label = document.createElement("label")
      const box = document.createElement("input")
      box.type = "checkbox"
      box.addEventListener("change", () => {
        if (!box.checked) return
        box.disabled = true
        setTimeout(() => options.callback?.(token(options.action)), 150)
      })
      label.append(box, " I am human (sandbox)")
      place.append(label)
      widgets.set(id, { label, box })
      return id
    },
    reset(id) {
      const w = widgets.get(id)
      if (w) {
        w.box.checked = false
        w.box.disabled = false
      }
    },
    remove(id) {
      widgets.get(id)?.label.remove()
      widgets.delete(id)
    },
    ready: (fn) => fn(),
  }
})()
