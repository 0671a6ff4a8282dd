"""Which installed library provides a module, and what findlib calls libraries."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from lang.analysis import Bench
from lang.base import Step
from lang.ocaml.layout import PREFIX
from lang.ocaml.remedies.stanzas import capital

_SCRIPT = (
    f'PATH="{PREFIX}/bin:$PATH"; export PATH\n'
    + r"""
for root in $(ocamlfind printconf path 2>/dev/null | grep -v /METAS); do
    find -L "$root" -maxdepth 3 -name '*.cmi' ! -name '*__*' 2>/dev/null | sed "s,^$root/,bactrian-module: ,"
done
ocamlfind list 2>/dev/null | sed 's/ .*//; s/^/bactrian-library: /'
"""
)
_LINE = re.compile(r"^bactrian-(module|library): (.*)$", re.MULTILINE)
_INTERNAL = re.compile(r"(?:compiler-libs|ocaml-compiler-libs|merlin-lib|findlib|base\.shadow)\b|.*__private__")


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """The libraries that a stanza can name."""

    providers: dict[str, str]
    """Library by module."""
    libraries: tuple[str, ...]

    def modules(self, library: str) -> list[str]:
        """The modules that a library gives."""
        return sorted(module for module, provider in self.providers.items() if provider == library)

    def near_module(self, name: str) -> list[str]:
        """Modules of nearly that name."""
        return difflib.get_close_matches(name, self.providers, n=3, cutoff=0.75)

    def near_library(self, name: str, more: Iterable[str] = ()) -> list[str]:
        """Libraries of nearly that name, some of the project's own among them."""
        known = {one.lower(): one for one in (*self.libraries, *more)}
        word = name.lower()
        found = difflib.get_close_matches(word, known, n=3, cutoff=0.7)
        stem = re.split(r"[-_.]", word)[0]
        found += [one for one in known if one.startswith(word) or one == stem or one.replace("_", "-") == word]
        return [known[one] for one in dict.fromkeys(found)][:4]


async def installed(bench: Bench) -> Installed:
    """Ask findlib; nothing is installed where it can't answer."""
    output = await bench.run(Step(argv=("sh", "-c", _SCRIPT), timeout_s=20.0))
    found = _LINE.findall(output.stdout)
    libraries = tuple(word for kind, word in found if kind == "library" and not _INTERNAL.match(word))
    known = frozenset(libraries)
    providers: dict[str, str] = {}
    for kind, word in found:
        library = _library(word, known) if kind == "module" else ""
        if library:
            providers.setdefault(capital(word.rpartition("/")[2].removesuffix(".cmi")), library)
    return Installed(providers=providers, libraries=libraries)


def _library(path: str, known: frozenset[str]) -> str:
    """The library of a file of findlib's tree: directories stand for the parts of its name."""
    parts = path.split("/")[:-1]
    if parts[:1] == ["ocaml"]:
        del parts[0]
    for dotted in (".".join(parts), parts[0] if parts else "", parts[-1] if parts else ""):
        if dotted in known:
            return dotted
    return ""
