# What may stay at the edge: files with a hash in their name. Never the API, never a page: pages
# hold a nonce, answers hold people's money.
resource "cloudflare_ruleset" "cache" {
  zone_id = var.zone_id
  name    = "Flint: cache"
  kind    = "zone"
  phase   = "http_request_cache_settings"
  rules = [
    {
      ref               = "nothing"
      description       = "Nothing is kept, whatever its name ends in"
      expression        = local.host
      action            = "set_cache_settings"
      action_parameters = { cache = false }
    },
    {
      ref         = "assets"
      description = "But files with a hash in their name, for as long as they say"
      expression  = "${local.host} and starts_with(http.request.uri.path, \"/assets/\") and ${local.reading}"
      action      = "set_cache_settings"
      action_parameters = {
        cache       = true
        edge_ttl    = { mode = "respect_origin" }
        browser_ttl = { mode = "respect_origin" }
        cache_key   = { cache_deception_armor = true, custom_key = { query_string = { exclude = { all = true } } } }
      }
    },
    {
      ref               = "api"
      description       = "The API, once more and last, where it can't be overruled"
      expression        = "${local.host} and (${local.api} or http.request.uri.path eq \"/api\")"
      action            = "set_cache_settings"
      action_parameters = { cache = false }
    },
  ]
}
