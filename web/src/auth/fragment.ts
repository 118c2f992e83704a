/**
 * The token after the # of a mailed link, which never reaches a server's log. It is taken
 * out of the address bar at once, so that it isn't copied or kept in the history.
 */
export function takeFragment(): string {
  const token = decodeURIComponent(location.hash.replace(/^#/, "")).replace(/^token=/, "")
  if (location.hash) history.replaceState(null, "", location.pathname + location.search)
  return token
}

let taken: string | undefined

/** The same token for every render: React may mount a page twice. */
export function fragment(): string {
  taken ??= takeFragment()
  return taken
}
