# Flint. `make` lists what there is to do; CONTRIBUTING.md says how we work.
SHELL := /bin/bash
.ONESHELL:
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# PKG narrows the Go tests: make test PKG=./internal/ingest
PKG ?= ./...
ARGS ?=

WEB_SOURCES := $(shell find web/src web/public web/index.html web/auth.html web/vite.config.ts web/package-lock.json -type f 2>/dev/null)
LINT := go tool -modfile=tools/go.mod golangci-lint

.PHONY: help run build web test test-go test-web journey bench check lint fmt generate fresh-check clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

run: build ## Start the demo: one URL, a signed-in dashboard, nothing to configure
	@exec bin/flint demo $(ARGS)

build: web/dist/index.html ## Build bin/flint with the web app inside
	@go build -trimpath -o bin/flint ./cmd/flint

web: web/dist/index.html ## Build the web app into web/dist
web/dist/index.html: $(WEB_SOURCES)
	@scripts/setup run
	cd web
	npm run --silent build

test: ## Run every test: Go with the race detector, the web app, a browser journey
	@scripts/setup test
	$(MAKE) --no-print-directory test-go test-web journey

test-go:
	@export CI_FLINT_CHROMIUM="$$(cat .cache/chromium-path 2>/dev/null || true)"
	race=-race
	[ "$$(go env CGO_ENABLED)" = 1 ] || race=
	go test $$race -shuffle=on -timeout 30m $(PKG)
	# What is told apart by time is measured without the detector, which has times of its own.
	[ -z "$$race" ] || [ "$(PKG)" != ./... ] || go test -run TimeTellsNoStranger ./internal/identity

test-web: web/dist/index.html
	@cd web
	npm run --silent typecheck
	npm run --silent test

journey: build ## Drive the whole product in headless Chromium, as a new user would
	@export CHROMIUM="$$(cat .cache/chromium-path)"
	cd web
	npm run --silent journey

bench: ## Measure what signing in costs and withstands, as ratios (bench/README.md)
	@go test ./bench -run '^$$' -bench . -timeout 20m $(ARGS)

check: ## Everything that CI runs
	@.ci/run

lint: ## golangci-lint and biome
	@$(LINT) run ./...
	cd web && npm run --silent lint

fmt: ## Format everything
	@gofmt -w bench cmd internal sandbox db web/*.go
	cd web && npm run --silent format

generate: ## Write the golden and generated files again: API description, routes, problem codes, client types
	@scripts/generate

fresh-check: ## Prove the README's commands in a minimal Debian, as root and as an ordinary user
	@scripts/fresh-check

clean: ## Remove what was built (.cache stays)
	@rm -rf bin web/dist/assets web/dist/*.html
