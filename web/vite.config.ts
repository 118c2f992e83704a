import tailwindcss from "@tailwindcss/vite"
import react from "@vitejs/plugin-react"
import type { Connect, Plugin } from "vite"
import { defineConfig } from "vitest/config"

// Where `npm run dev` finds the API: a running `flint demo` or `flint serve`.
const api = process.env.FLINT_ORIGIN ?? "http://localhost:8080"

// The paths that auth.html answers; the Go server has the same list.
const authPaths =
  /^\/(signin|signup|verify|forgot|reset|setup-password|verify-email-change|undo-email-change|stop-recovery|finish-recovery|undo-deletion|legal)(\/|\?|$)/

/** Serves the right document per path while developing, as the Go server does in the product. */
function documents(): Plugin {
  const rewrite: Connect.NextHandleFunction = (req, _res, next) => {
    if (req.url && authPaths.test(req.url)) req.url = "/auth.html"
    next()
  }
  return {
    name: "flint-documents",
    configureServer: (server) => void server.middlewares.use(rewrite),
    configurePreviewServer: (server) => void server.middlewares.use(rewrite),
  }
}

export default defineConfig({
  plugins: [react(), tailwindcss(), documents()],
  server: { proxy: { "/api": { target: api, changeOrigin: true } } },
  preview: { proxy: { "/api": { target: api, changeOrigin: true } } },
  build: {
    target: ["chrome123", "firefox121", "safari17.5"],
    // dist/.gitkeep is committed so that Go builds without a web build.
    emptyOutDir: false,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: { input: { index: "index.html", auth: "auth.html" } },
  },
  test: {
    environment: "jsdom",
    setupFiles: ["src/testing/setup.ts"],
    include: ["src/**/*.test.{ts,tsx}"],
    restoreMocks: true,
    testTimeout: 20_000,
    env: { TZ: "UTC" },
  },
})
