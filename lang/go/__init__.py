"""Go: the `go` command, its compiler, vet and test output, `go doc` and modules."""

from lang.go.toolchain import Go

__all__ = ["Go"]
