"""Which modules a name may mean, and what to believe of those that somebody proposed."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Sequence
from typing import cast

from lang.go.known import known, paths, without_major

_PATH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]*(/[A-Za-z0-9._~+-]+)*")
_BARE_VERSION = re.compile(r"\d+\.\d+")
_REQUIRED = re.compile(r"^\s*(?:require\s+)?(?P<path>[^\s/][^\s]*)\s+(?P<version>v\d\S*)", re.MULTILINE)
_HOSTED = ("github.com", "gitlab.com", "bitbucket.org", "codeberg.org")
_LOOKALIKE = 0.9


def import_path(name: str) -> tuple[str, str]:
    """Return the import path and the version (or empty) of a name such as `https://github.com/a/b.git@v1.2.0`."""
    path, _, version = name.strip().strip("`\"'").partition("@")
    path = path.removeprefix("https://").removeprefix("http://").strip("/").removesuffix(".git")
    return path, version


def tidy_version(version: str) -> str:
    """Return a version as the go command wants it: `1.2` becomes `v1.2`."""
    version = version.strip()
    return f"v{version}" if _BARE_VERSION.match(version) else version


def can_be_one(path: str) -> bool:
    """Whether a module or package could be called that, loosely."""
    return bool(_PATH.fullmatch(path)) and ".." not in path


def is_full(path: str) -> bool:
    """Whether it begins with a host, as import paths outside of the standard library do."""
    return "." in path.partition("/")[0]


def required(go_mod: str) -> dict[str, str]:
    """Return the modules that a go.mod requires, with their versions, whatever else stands in it."""
    text = re.sub(r"//.*", "", go_mod)
    text = re.sub(r"^\s*(replace|exclude|retract|tool)\s*(\([^)]*\)|.*)", "", text, flags=re.MULTILINE)
    return {found["path"]: found["version"] for found in _REQUIRED.finditer(text)}


def called(name: str, modules: Iterable[str]) -> tuple[str, ...]:
    """Return those of the modules that end in a name: `brotli`, `go-redis`, `chi` for `github.com/go-chi/chi/v5`."""
    wanted = _plain(name)
    return tuple(path for path in modules if _plain(_last(path)) == wanted or _ends(path, name))


def _ends(path: str, name: str) -> bool:
    return "/" in name and (f"/{path}".endswith(f"/{name}") or without_major(path).endswith(f"/{name}"))


def _last(path: str) -> str:
    return re.sub(r"\.v\d+$", "", without_major(path).rpartition("/")[2])


def _plain(word: str) -> str:
    return re.sub(r"^go[-_.]|[-_.]go$", "", word.lower()).replace("-", "").replace("_", "")


def prefixes(path: str) -> tuple[str, ...]:
    """Return the modules that may hold a package, longest first."""
    parts = path.split("/")
    least = min(3 if parts[0] in _HOSTED else 2, len(parts))
    return tuple("/".join(parts[:count]) for count in range(len(parts), least - 1, -1))


def majors(path: str, count: int = 4) -> tuple[str, ...]:
    """Return the paths that a module's next major versions would have."""
    found = re.search(r"/v(\d+)$", path)
    if path.startswith("gopkg.in/"):
        return ()
    first = int(found[1]) + 1 if found else 2
    return tuple(f"{without_major(path)}/v{number}" for number in range(first, first + count))


def major_number(path: str) -> int:
    """Return the major version that a path names, 1 where it names none."""
    found = re.search(r"/v(\d+)$", path)
    return int(found[1]) if found else 1


def near(path: str) -> tuple[str, ...]:
    """Return known import paths that a path which isn't there may have meant."""
    last = _last(path)
    same = known(last) if last else ()
    return tuple(dict.fromkeys([*same, *difflib.get_close_matches(path, paths(), n=4, cutoff=0.8)]))[:5]


def question(name: str) -> str:
    """Return what to ask a small model about a loose name."""
    return (
        f"Which Go module do people mean by the library name {name!r}? Answer with the full import paths of up to four "
        "real, maintained modules, the most used first."
    )


def cleaned(proposals: Sequence[str]) -> tuple[str, ...]:
    """Return those of a model's proposals that can be import paths, each once."""
    # What surrounds a name in prose or lists goes; a version too: which one to take is for the proxy to say.
    words = [import_path(re.sub(r"^[\s\d.)*-]+(?=[`\"'a-z])", "", proposal.strip()))[0] for proposal in proposals]
    return tuple(dict.fromkeys(word for word in words if can_be_one(word) and is_full(word) and "/" in word))[:6]


def imitated(path: str, others: Iterable[str] = ()) -> str:
    """Return a known module, or one of the others, that a path looks like without being it; empty: none."""
    mine = without_major(path).lower()
    for other in (*others, *paths()):
        theirs = without_major(other).lower()
        related = mine == theirs or mine.startswith(f"{theirs}/") or theirs.startswith(f"{mine}/")
        if not related and difflib.SequenceMatcher(None, mine, theirs).ratio() > _LOOKALIKE and _alike(mine, theirs):
            return other
    return ""


def _alike(mine: str, theirs: str) -> bool:
    """Whether two paths differ in one element, and there by a letter or two."""
    left, right = mine.split("/"), theirs.split("/")
    differing = [(a, b) for a, b in zip(left, right, strict=False) if a != b]
    if len(left) != len(right) or len(differing) != 1:
        return False
    matcher = difflib.SequenceMatcher(None, *differing[0])
    edits = sum(max(i2 - i1, j2 - j1) for tag, i1, i2, j1, j2 in matcher.get_opcodes() if tag != "equal")
    return edits <= 2


def vulnerabilities(printed: str, module: str) -> tuple[str, ...]:
    """Return ids, with the version that mends each, of govulncheck's findings in a module."""
    found: dict[str, str] = {}
    decoder, at = json.JSONDecoder(), 0
    while (at := printed.find("{", at)) >= 0:
        try:
            value, at = decoder.raw_decode(printed, at)
        except (ValueError, RecursionError):
            break
        finding = cast(dict[str, object], value).get("finding") if isinstance(value, dict) else None
        if isinstance(finding, dict) and _concerns(cast(dict[str, object], finding), module):
            fields = cast(dict[str, object], finding)
            found[str(fields.get("osv", ""))] = str(fields.get("fixed_version", ""))
    return tuple(
        f"{name} (mended in {fixed})" if fixed else f"{name} (not mended yet)" for name, fixed in found.items()
    )


def _concerns(finding: dict[str, object], module: str) -> bool:
    trace = finding.get("trace")
    frames = cast(list[object], trace) if isinstance(trace, list) else []
    return any(isinstance(frame, dict) and cast(dict[str, object], frame).get("module") == module for frame in frames)
