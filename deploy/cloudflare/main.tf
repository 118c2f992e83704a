locals {
  host = "http.host eq \"${var.hostname}\""
  api  = "starts_with(http.request.uri.path, \"/api/\")"

  # The same paths as in docs/routes.txt; deploy/validate compares them.
  webhooks = ["/api/teller/webhook", "/api/snaptrade/webhooks", "/api/webhooks/snaptrade"]
  sign_in = [
    "/api/auth/login",
    "/api/auth/mfa/challenge",
    "/api/auth/passkeys/sign-in",
    "/api/auth/public-register",
    "/api/auth/request-reset",
    "/api/auth/reset-password",
    "/api/auth/magic-link",
    "/api/auth/link",
    "/api/auth/resend-verification",
    "/api/auth/refresh-token",
  ]
  methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

  in_webhooks = "http.request.uri.path in {${join(" ", formatlist("\"%s\"", local.webhooks))}}"
  in_sign_in  = "http.request.uri.path in {${join(" ", formatlist("\"%s\"", local.sign_in))}}"
  in_methods  = "http.request.method in {${join(" ", formatlist("\"%s\"", local.methods))}}"
  reading     = "http.request.method in {\"GET\" \"HEAD\"}"
  with_token  = "any(lower(http.request.headers[\"authorization\"][*])[*] contains \"bearer \")"

  blocked    = length(var.blocked_countries) > 0 ? "ip.src.country in {${join(" ", formatlist("\"%s\"", var.blocked_countries))}}" : ""
  challenged = length(var.challenged_countries) > 0 ? "ip.src.country in {${join(" ", formatlist("\"%s\"", var.challenged_countries))}}" : ""
  abroad     = length(var.home_countries) > 0 ? "not ip.src.country in {${join(" ", formatlist("\"%s\"", var.home_countries))}}" : ""
  providers  = length(var.webhook_sources) > 0 ? "not ip.src in {${join(" ", var.webhook_sources)}}" : ""

  # What one address may do before it is counted by colo and address; "abroad" needs a plan that
  # counts by more than one rule.
  characteristics = ["cf.colo.id", "ip.src"]
  period          = 10
  ban             = 60

  settings = {
    ssl                      = "strict" # to the origin too, with a certificate that is checked
    always_use_https         = "on"
    automatic_https_rewrites = "off" # no page of ours names http, and none is to be rewritten
    min_tls_version          = "1.2"
    tls_1_3                  = "on"
    http3                    = "on"
    "0rtt"                   = "off" # what is sent first could be sent again
    opportunistic_encryption = "off"
    security_level           = var.under_attack ? "under_attack" : "medium"
    browser_check            = "on"
    challenge_ttl            = 1800
    # Anything that changes a page breaks its policy (CSP), and would see what is on it.
    email_obfuscation  = "off"
    rocket_loader      = "off"
    hotlink_protection = "off"
    # The app's streams and its headers pass as they are.
    websockets          = "off"
    ip_geolocation      = "on"
    opportunistic_onion = "off"
  }
}

resource "cloudflare_zone_setting" "setting" {
  for_each   = local.settings
  zone_id    = var.zone_id
  setting_id = each.key
  value      = each.value
}

# Cloudflare shows the origin its client certificate; the origin's proxy, or its firewall with
# Cloudflare's addresses, turns everybody else away. See docs/security/edge.md.
resource "cloudflare_authenticated_origin_pulls_settings" "origin" {
  zone_id = var.zone_id
  enabled = true
}

resource "cloudflare_bot_management" "bots" {
  zone_id    = var.zone_id
  fight_mode = var.bot_fight
  enable_js  = false # its script isn't in our pages' policy
}
