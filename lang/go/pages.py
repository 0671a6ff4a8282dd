"""What `go doc` printed as a page that a model can read: declarations, what is said of them, examples."""

from __future__ import annotations

import re

_ABOUT_CHARACTERS = 1_500
_DOC_CHARACTERS = 5_000
_EXAMPLE_CHARACTERS = 2_500
_MARKED = re.compile(r"^bactrian-(\w+): ?(.*)$", re.MULTILINE)
_DECLARATION = re.compile(r"^(?:const|var|func|type) ", re.MULTILINE)


def page(symbol: str, printed: str) -> str:
    """Return the page for what the look-up of a symbol printed: its documentation, or who else is called so."""
    pieces = _MARKED.split(printed)
    parts = list(zip(pieces[1::3], pieces[2::3], (text.strip("\n") for text in pieces[3::3]), strict=True))
    candidates = [(argument.strip(), text) for kind, argument, text in parts if kind == "candidate"]
    if candidates:
        lines = [f"{path}: {' '.join(text.split())}".removesuffix(": ") for path, text in candidates]
        return f"{symbol} can be one of these; ask for one with its import path:\n" + "\n".join(lines)
    told = {kind: (argument.strip(), text) for kind, argument, text in parts}
    blocks = [_head(*told.get("package", ("", ""))), _about(told.get("about", ("", ""))[1])]
    examples = told.get("examples", ("", ""))[1].strip()
    if examples:
        blocks.append(f"Examples from its tests:\n{_cut(examples, _EXAMPLE_CHARACTERS)}")
    others = told.get("others", ("", ""))[0]
    if others:
        blocks.append(f"(The project imports this one; also called so: {others}.)")
    return "\n\n".join(block for block in blocks if block)


def _head(argument: str, text: str) -> str:
    path, _, version = argument.partition(" ")
    opening, _, rest = text.partition("\n")
    if not opening.startswith("package "):
        return f"package {path} {version}".rstrip() + f"\n{_cut(text, _DOC_CHARACTERS)}"
    return f"{opening}{' ' + version if version else ''}\n{_cut(rest, _DOC_CHARACTERS)}"


def _about(text: str) -> str:
    """What a package's documentation says ahead of its declarations."""
    _, _, said = text.partition("\n")
    first = _DECLARATION.search(said)
    return _cut((said[: first.start()] if first else said).strip("\n"), _ABOUT_CHARACTERS)


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text.strip("\n")
    return f"{text[:limit].rpartition(chr(10))[0]}\n… {len(text) - limit} characters more: ask for one of its symbols"
