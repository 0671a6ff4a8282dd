"""What one needs to mend a finding of dune or the compiler, beyond what the message says."""

from lang.ocaml.remedies.rules import remedy

__all__ = ["remedy"]
