"""OCaml: dune projects, opam packages, merlin's answers."""

from lang.ocaml.toolchain import OCaml

__all__ = ["OCaml"]
