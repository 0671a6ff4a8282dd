"""Derivers and extensions that no preprocessor of the stanza knows."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lang.ocaml.layout import relative_to_project
from lang.ocaml.remedies.case import Case
from lang.ocaml.remedies.equivalents import DERIVERS, EXTENSIONS
from lang.ocaml.remedies.installed import installed
from lang.ocaml.remedies.stanzas import Stanza

_DERIVING = re.compile(r"\[@@@?deriving\s+([^\]]*)\]")


def derivers_in(text: str) -> list[str]:
    """The plug-ins that a source's `[@@deriving …]` name, in order."""
    found: list[str] = []
    for listed in _DERIVING.findall(text):
        found += re.findall(r"[a-z_]\w*", re.sub(r"\{[^}]*\}|~\w+(?::\S+)?", "", listed))
    return list(dict.fromkeys(found))


async def missing_derivers(case: Case, path: str, wanted: Sequence[str]) -> str:
    """What to write so that a file's derivers run; empty where they do."""
    stanza = (await case.tree()).home(relative_to_project(case.project, path))
    if stanza is None:
        return ""
    packages = list(dict.fromkeys(DERIVERS[word] for word in wanted))
    have = {name for one in stanza.rewriters for name in (one, one.partition(".")[0])}
    lacking = [name for name in packages if name not in have and "ppx_jane" not in have]
    if "ppx_deriving" in stanza.rewriters or "ppx_deriving.std" in stanza.rewriters:
        lacking = [name for name in lacking if not name.startswith("ppx_deriving.")]
    if not lacking:
        return ""
    line = (
        "[@@deriving …] does nothing without its preprocessor." if not stanza.rewriters else "The deriver is not run."
    )
    return f"{line} {await advice(case, stanza, lacking)}"


async def unknown_extension(case: Case, match: re.Match[str]) -> str:
    """`Uninterpreted extension 'test'`."""
    word = match["name"].partition(".")[0]
    stanza = (await case.tree()).home(relative_to_project(case.project, case.path))
    rewriter = EXTENSIONS.get(match["name"]) or EXTENSIONS.get(word)
    if stanza is None or rewriter is None:
        return "No preprocessor of its stanza knows it: `(preprocess (pps …))` in the dune file names them."
    said = await advice(case, stanza, [rewriter])
    if rewriter in ("ppx_inline_test", "ppx_expect") and "(inline_tests" not in stanza.text:
        said = f"The stanza needs `(inline_tests)` as well. {said}"
        if stanza.kind != "library":
            said += " Inline tests only run in libraries: move the code into one."
    return said


async def advice(case: Case, stanza: Stanza, rewriters: Sequence[str]) -> str:
    """Where to write which `preprocess` field, and what to install first."""
    known = (await installed(case.bench)).libraries
    absent = [name for name in rewriters if name not in known]
    field = stanza.with_rewriters(*rewriters)
    misplaced = [name for name in rewriters if name in stanza.libraries]
    said = f"Write `{field}` in the stanza `{stanza.title}` of {case.within(stanza.file)}."
    if misplaced:
        said += f" Take {', '.join(misplaced)} out of `libraries`: rewriters go into `pps`."
    if absent:
        said = f"{', '.join(absent)} is not installed: `add_dependency {absent[0]}`, then {said[:1].lower()}{said[1:]}"
    return said
