#!/bin/sh
# The Go toolchain and the tools a Go programmer has at hand. Runs as root after base.sh.
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -yq golang-go gopls delve govulncheck gotestsum
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin
# The standard library, compiled once here: every new cache (/cache) starts as a copy of /usr/local/lib/bactrian/cache.
export GOCACHE=/usr/local/lib/bactrian/cache/go-build GOFLAGS=-buildvcs=false GOTOOLCHAIN=local GOTELEMETRY=off CGO_ENABLED=1
mkdir -p "$GOCACHE"
go build std
chmod -R a+rX "$GOCACHE"
