# Managed rules: known attacks, on everything but webhooks, whose bodies are other people's words
# under a signature of theirs.
resource "cloudflare_ruleset" "managed" {
  zone_id = var.zone_id
  name    = "Flint: managed rules"
  kind    = "zone"
  phase   = "http_request_firewall_managed"
  rules = [
    {
      ref               = "skip_webhooks"
      description       = "Webhooks are judged by their signature"
      expression        = "${local.host} and ${local.in_webhooks}"
      action            = "skip"
      action_parameters = { ruleset = "current" }
    },
    {
      ref               = "cloudflare_managed"
      description       = "Cloudflare's managed rules"
      expression        = local.host
      action            = "execute"
      action_parameters = { id = "efb7b8c949ac4650a09736fc376e9aee" }
    },
    {
      ref         = "owasp"
      description = "OWASP's core rules, blocking at a score of 40"
      expression  = local.host
      action      = "execute"
      action_parameters = {
        id = "4814384a9e5d4991b9815dcfc25d2f1f"
        overrides = {
          rules = [{ id = "6179ae15870a4bb7b2d480d4843b323c", action = "block", score_threshold = 40 }]
        }
      }
    },
  ]
}

# Our own rules, in their order. None of them is the only guard of anything: the app refuses the
# same by itself.
resource "cloudflare_ruleset" "custom" {
  zone_id = var.zone_id
  name    = "Flint: own rules"
  kind    = "zone"
  phase   = "http_request_firewall_custom"
  rules = concat(
    [
      {
        ref         = "odd_methods"
        description = "Methods that the API doesn't know"
        expression  = "${local.host} and not ${local.in_methods}"
        action      = "block"
      },
      {
        ref         = "hidden_paths"
        description = "Paths that hide in others, and what scanners look for"
        expression  = "${local.host} and (http.request.uri.path contains \"//\" or http.request.uri.path contains \"/..\" or raw.http.request.uri.path contains \"%2f\" or raw.http.request.uri.path contains \"%2F\" or raw.http.request.uri.path contains \"%2e\" or raw.http.request.uri.path contains \"%5c\" or http.request.uri.path contains \"/.git\" or http.request.uri.path contains \"/.env\" or ends_with(http.request.uri.path, \".php\"))"
        action      = "block"
      },
      {
        ref         = "large"
        description = "Addresses longer than the app reads"
        expression  = "${local.host} and len(http.request.uri) gt 8192"
        action      = "block"
      },
      {
        ref         = "probes"
        description = "Health is for those inside"
        expression  = "${local.host} and starts_with(http.request.uri.path, \"/api/health/\")"
        action      = "block"
      },
    ],
    local.blocked == "" ? [] : [{
      ref         = "blocked_countries"
      description = "Countries that aren't served"
      expression  = "${local.host} and ${local.blocked}"
      action      = "block"
    }],
    local.providers == "" ? [] : [{
      ref         = "webhook_sources"
      description = "Deliveries from elsewhere than the providers"
      expression  = "${local.host} and ${local.in_webhooks} and ${local.providers}"
      action      = "block"
    }],
    [
      {
        ref               = "let_programs_in"
        description       = "Programs can't solve a challenge: webhooks, and who brings a token to the API"
        expression        = "${local.host} and (${local.in_webhooks} or (${local.api} and ${local.with_token}))"
        action            = "skip"
        action_parameters = { ruleset = "current", phases = ["http_request_sbfm"], products = ["bic", "securityLevel"] }
      },
      {
        ref         = "challenge_tor"
        description = "Tor (T1), where people sign in: welcome, but as people"
        expression  = "${local.host} and ip.src.country eq \"T1\" and (starts_with(http.request.uri.path, \"/signin\") or starts_with(http.request.uri.path, \"/signup\") or starts_with(http.request.uri.path, \"/forgot\"))"
        action      = "managed_challenge"
      },
    ],
    local.challenged == "" ? [] : [{
      # Pages only: a challenge in answer to a call of the app's would be no JSON.
      ref         = "challenged_countries"
      description = "Countries whose visitors prove first that they are people"
      expression  = "${local.host} and ${local.challenged} and not ${local.api}"
      action      = "managed_challenge"
    }],
  )
}

# Rates by class of path. The answer is 429, which the app's clients understand.
resource "cloudflare_ruleset" "rates" {
  zone_id = var.zone_id
  name    = "Flint: rates"
  kind    = "zone"
  phase   = "http_ratelimit"
  rules = concat(
    local.abroad == "" || var.plan == "pro" ? [] : [{
      ref         = "sign_in_abroad"
      description = "Signing in, from countries that few people come from"
      expression  = "${local.host} and ${local.in_sign_in} and ${local.abroad}"
      action      = "block"
      ratelimit = {
        characteristics     = local.characteristics
        period              = local.period
        requests_per_period = max(1, floor(var.rates.sign_in * var.geo_factor))
        mitigation_timeout  = local.ban
      }
    }],
    [
      {
        ref         = "sign_in"
        description = "Signing in and up, mails, new passwords"
        expression  = "${local.host} and ${local.in_sign_in}"
        action      = "block"
        ratelimit = {
          characteristics     = local.characteristics
          period              = local.period
          requests_per_period = var.rates.sign_in
          mitigation_timeout  = local.ban
        }
      },
      {
        ref         = "write"
        description = "Whatever else changes something, but webhooks"
        expression  = "${local.host} and ${local.api} and not ${local.reading} and not ${local.in_webhooks}"
        action      = "block"
        ratelimit = {
          characteristics     = local.characteristics
          period              = local.period
          requests_per_period = var.rates.write
          mitigation_timeout  = local.period
        }
      },
    ],
    var.plan == "pro" ? [] : [
      {
        ref         = "read"
        description = "Reading by the API"
        expression  = "${local.host} and ${local.api} and ${local.reading}"
        action      = "block"
        ratelimit = {
          characteristics     = local.characteristics
          period              = local.period
          requests_per_period = var.rates.read
          mitigation_timeout  = local.period
        }
      },
      {
        ref         = "page"
        description = "Pages and files"
        expression  = "${local.host} and not ${local.api}"
        action      = "block"
        ratelimit = {
          characteristics     = local.characteristics
          period              = local.period
          requests_per_period = var.rates.page
          mitigation_timeout  = local.period
        }
      },
    ],
  )
}
