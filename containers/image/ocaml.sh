#!/bin/sh
# The OCaml toolchain, its tools and the libraries most packages start from. Runs as root after base.sh.
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -yq \
    ocaml ocaml-dune ocaml-findlib opam ocamlformat ocaml-merlin ocaml-odoc ocp-indent ocaml-man \
    libalcotest-ocaml-dev libounit-ocaml-dev libqcheck-ocaml-dev \
    libppx-inline-test-ocaml-dev libppx-expect-ocaml-dev libppx-deriving-ocaml-dev \
    libbase-ocaml-dev libyojson-ocaml-dev libcmdliner-ocaml-dev libfmt-ocaml-dev libre-ocaml-dev liblwt-ocaml-dev libzarith-ocaml-dev
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin
