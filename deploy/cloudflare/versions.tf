# The edge before Flint. docs/security/edge.md says what is where and why.
#
#   terraform init && terraform plan -var-file=flint.tfvars
#
# The API token comes from CLOUDFLARE_API_TOKEN. It needs, for this one zone: Zone Settings,
# Zone WAF, Config and Cache Rules, SSL and Certificates, Bot Management: edit.
terraform {
  required_version = ">= 1.5"
  required_providers {
    cloudflare = {
      source  = "cloudflare/cloudflare"
      version = "~> 5.0"
    }
  }
}
