"""Figures that Bactrian is held to, each printed beside its goal. `make bench` runs them all."""
