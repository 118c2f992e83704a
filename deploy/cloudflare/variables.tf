variable "zone_id" {
  description = "Cloudflare's id of the zone."
  type        = string
  validation {
    condition     = can(regex("^[0-9a-f]{32}$", var.zone_id))
    error_message = "A zone's id is 32 hexadecimal digits."
  }
}

variable "hostname" {
  description = "The host of FLINT_ORIGIN."
  type        = string
  validation {
    condition     = can(regex("^[a-z0-9-]+(\\.[a-z0-9-]+)+$", var.hostname))
    error_message = "A host such as flint.example: no scheme, no port."
  }
}

variable "plan" {
  description = "The zone's plan. Managed rules and more than one rate limit need pro or better, rates per country business."
  type        = string
  default     = "pro"
  validation {
    condition     = contains(["pro", "business", "enterprise"], var.plan)
    error_message = "One of pro, business, enterprise."
  }
}

variable "blocked_countries" {
  description = "Countries (ISO 3166-1 alpha-2) from which nothing is served, such as those under sanctions."
  type        = list(string)
  default     = []
}

variable "challenged_countries" {
  description = "Countries whose visitors prove first that they are people. Programs with a token aren't asked."
  type        = list(string)
  default     = []
}

variable "home_countries" {
  description = "Countries that most people come from. Others get a stricter rate on signing in (geo_factor). Empty: all are alike."
  type        = list(string)
  default     = []
}

variable "geo_factor" {
  description = "What share of the sign-in rate is left to callers from elsewhere than home_countries."
  type        = number
  default     = 0.4
  validation {
    condition     = var.geo_factor > 0 && var.geo_factor <= 1
    error_message = "More than 0, at most 1."
  }
}

variable "bot_fight" {
  description = "Cloudflare's bot fight: off, or on. It never looks at webhooks and programs with a token, which are skipped."
  type        = bool
  default     = true
}

variable "under_attack" {
  description = "Challenges every visitor. For the hour in which it's needed."
  type        = bool
  default     = false
}

variable "webhook_sources" {
  description = "Networks that providers deliver from; empty: anybody may try, the signature decides."
  type        = list(string)
  default     = []
}

# Requests of one address per ten seconds at one of Cloudflare's sites. All are well above what
# the app allows per minute (docs/limits.txt): the edge stops floods, the app counts exactly.
variable "rates" {
  description = "Rate by class of path."
  type = object({
    sign_in = number
    write   = number
    read    = number
    page    = number
  })
  default = {
    sign_in = 20
    write   = 60
    read    = 200
    page    = 150
  }
}
