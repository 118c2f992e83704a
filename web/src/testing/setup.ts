import "@testing-library/jest-dom/vitest"
import { cleanup, configure } from "@testing-library/react"
import { afterEach, beforeEach, vi } from "vitest"

// A busy machine may be slow; a test that waits for nothing still ends.
configure({ asyncUtilTimeout: 8000 })

// What jsdom lacks and the app asks the browser for.
class NoEvents extends EventTarget {
  static readonly CLOSED = 2
  readyState = 0
  close() {}
}
class NoResize {
  observe() {}
  unobserve() {}
  disconnect() {}
}

beforeEach(() => {
  vi.stubGlobal("EventSource", NoEvents)
  vi.stubGlobal("ResizeObserver", NoResize)
  vi.stubGlobal("scrollTo", () => undefined)
  localStorage.clear()
})

afterEach(() => {
  cleanup()
  vi.unstubAllGlobals()
})
