// Signing in and up: a document of its own, small, without the app's router and cache.
import { setNonce } from "get-nonce"
import { StrictMode } from "react"
import { createRoot } from "react-dom/client"
import { Auth } from "./auth/Auth"
import "./styles.css"

const nonce = document.querySelector<HTMLMetaElement>("meta[name=csp-nonce]")?.nonce
if (nonce) setNonce(nonce)

const root = document.getElementById("root")
if (root) {
  createRoot(root).render(
    <StrictMode>
      <Auth path={location.pathname} />
    </StrictMode>,
  )
}
