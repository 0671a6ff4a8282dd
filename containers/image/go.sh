#!/bin/sh
# The Go toolchain and the tools a Go programmer has at hand. Runs as root after base.sh.
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -yq golang-go gopls delve govulncheck gotestsum
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin
# The standard library, compiled once here, need not be compiled in every repository's cold cache.
export GOCACHE=/usr/local/lib/bactrian/go-build GOFLAGS=-buildvcs=false GOTOOLCHAIN=local GOTELEMETRY=off CGO_ENABLED=1
mkdir -p "$GOCACHE"
go build std
go vet std >/dev/null 2>&1 || true
chmod -R a+rX "$GOCACHE"
