"""Names of OCaml libraries: findlib's, opam's and people's."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Sequence

COMPILERS = frozenset({"str", "unix", "threads", "dynlink", "compiler-libs", "ocamldoc", "runtime_events", "stdlib"})
"""Libraries that every compiler brings: there is no opam package to install for them."""

IN_STDLIB = frozenset({"bigarray", "seq", "result", "stdlib-shims", "bytes", "uchar", "stdlib"})
"""What used to be libraries and is part of the standard library of every OCaml 5."""

# findlib library -> opam package, where they differ.
_PACKAGES = {
    "bz2": "camlbz2",
    "curl": "ocurl",
    "netclient": "ocamlnet",
    "netstring": "ocamlnet",
    "netsys": "ocamlnet",
    "oUnit": "ounit2",
    "zip": "camlzip",
}

# What people say -> findlib library.
_SAID = {
    "camlzip": "zip",
    "core-unix": "core_unix",
    "oUnit": "ounit2",
    "ocurl": "curl",
    "ounit": "ounit2",
    "postgres": "postgresql",
    "sqlite": "sqlite3",
    "thread": "threads.posix",
    "threads": "threads.posix",
}

_FULL = re.compile(r"[A-Za-z0-9_+-]+(\.[A-Za-z0-9_+-]+)*")


def can_be_one(name: str) -> bool:
    """Whether an opam package or findlib library could be called that."""
    return bool(_FULL.fullmatch(name)) and name[0].isalnum()


def library(name: str) -> str:
    """Return the findlib library that is meant by a name for which there is none; the name itself mostly."""
    return _SAID.get(name, name)


def opam_package(name: str) -> str:
    """Return the opam package that holds a findlib library: `lwt` for `lwt.unix`."""
    top = name.partition(".")[0]
    return _PACKAGES.get(top, top)


def same(name: str, known: Collection[str]) -> str:
    """Return the one known name that differs by case, `ocaml-`, `lib`, dashes or digits at the end; else empty."""
    wanted = _plain(name)
    found = sorted({each for each in known if _plain(each) == wanted})
    return found[0] if len(found) == 1 else ""


def near(name: str, known: Collection[str], count: int = 8) -> list[str]:
    """Return known names that a misspelt or incomplete one may have meant, nearest first."""
    lower = {each.lower(): each for each in known if "." not in each}
    close = difflib.get_close_matches(name.lower(), lower, n=count, cutoff=0.72)
    inside = sorted((each for each in lower if len(name) > 3 and name.lower() in each and each not in close), key=len)
    return [lower[each] for each in [*close, *inside][:count]]


def _plain(name: str) -> str:
    word = re.sub(r"^(ocaml|lib)[-_]?(?=[a-z])|[-_]ocaml$", "", name.lower())
    return re.sub(r"[-_.]", "", word)


def question(name: str) -> str:
    """Return what to ask a small model about a loose name."""
    return (
        f"Which opam package do people mean by the OCaml library name {name!r}? Answer with the exact names of up to "
        "four real opam packages, the most used first."
    )


def cleaned(proposals: Sequence[str]) -> tuple[str, ...]:
    """Return those of a model's proposals that can be names of packages, each once."""
    words = [re.sub(r"^[\s\d.)*-]+(?=[`\"'A-Za-z])", "", proposal).strip(" `\"'.,") for proposal in proposals]
    return tuple(dict.fromkeys(word for word in words if can_be_one(word)))[:6]
