// Runs before the first paint so that a chosen theme or hidden figures never flash.
// A classic script from our own origin: the content security policy allows no inline one.
;(() => {
  const root = document.documentElement
  try {
    const theme = localStorage.getItem("flint.theme")
    if (theme === "light" || theme === "dark") root.dataset.theme = theme
    if (localStorage.getItem("flint.privacy") === "on") root.dataset.privacy = "on"
    if (localStorage.getItem("flint.density") === "compact") root.dataset.density = "compact"
  } catch {
    // Storage is switched off: the system's theme it is.
  }
})()
