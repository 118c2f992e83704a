// The signed-in app. Sign-in and sign-up live in a smaller document, auth.html.
import { QueryClientProvider } from "@tanstack/react-query"
import { RouterProvider } from "@tanstack/react-router"
import { setNonce } from "get-nonce"
import { Tooltip } from "radix-ui"
import { StrictMode } from "react"
import { createRoot } from "react-dom/client"
import { refreshSession } from "./api/client"
import { Live } from "./api/live"
import { newQueryClient } from "./api/queries"
import { LiveProvider } from "./shell/live"
import { router } from "./shell/router"
import { toSignIn } from "./shell/session"
import "./styles.css"
import { Toasts } from "./ui/Toasts"

// Radix locks scrolling with one <style>; the policy lets it in by this page's nonce.
const nonce = document.querySelector<HTMLMetaElement>("meta[name=csp-nonce]")?.nonce
if (nonce) setNonce(nonce)

const client = newQueryClient(toSignIn)
const live = new Live(client, refreshSession)
const root = document.getElementById("root")
if (root) {
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={client}>
        <LiveProvider live={live}>
          <Tooltip.Provider delayDuration={200}>
            <Toasts>
              <RouterProvider router={router} />
            </Toasts>
          </Tooltip.Provider>
        </LiveProvider>
      </QueryClientProvider>
    </StrictMode>,
  )
}
