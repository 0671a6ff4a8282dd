"""Mistakes as models make them: the files of `tests/data/mistakes`, and how far a first feedback suffices."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

DATA = Path(__file__).parents[1] / "data" / "mistakes"
LANGUAGES = ("go", "ocaml")

_SECTION = re.compile(r"^-- (.+?) --\n", re.MULTILINE)
_KEYED = re.compile(r"^(class|shortfall): (.+)$", re.MULTILINE)
_MARKS = str.maketrans("", "", "⟦⟧")
_UNSTABLE = (
    (re.compile(r"\b\d+(?:\.\d+)? ?(?:s|ms|µs|ns)\b(?=[).,;:\s]|$)"), "N s"),
    # Go's compiler and language server differ in columns and word function literals otherwise; which of them is asked
    # depends on how fast the server is. go-cmp varies its blanks on purpose.
    (re.compile(r"(?<=\.go:)(\d+):\d+(?=: )|(?<=\.mod:)(\d+):\d+(?=: )"), r"\1\2"),
    (re.compile(r"\((func\([^()]*\) \w+) literal\)"), r"\1 {…}"),
    (re.compile("\xa0"), " "),
    (re.compile(r"0x[0-9a-f]{4,}\??"), "0xN"),
    (re.compile(r"\bgoroutine \d+\b"), "goroutine N"),
    (re.compile(r"/tmp/[\w./-]+"), "/tmp/…"),
    (re.compile(r"\bgo-build\d+"), "go-buildN"),
    (re.compile(r"\b\d{4}/\d\d/\d\d \d\d:\d\d:\d\d\b"), "YYYY/MM/DD hh:mm:ss"),
    (re.compile(r"\bPID \d+|\bpid \d+"), "pid N"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One file of the corpus, read."""

    path: Path
    kind: str
    before: Mapping[str, str]
    edits: Mapping[str, str | None]
    """New contents by path, without marks; None for a file that the reply removes."""
    expected: tuple[str, ...]
    unwanted: tuple[str, ...]
    shortfalls: tuple[str, ...]
    feedback: str


@dataclass(slots=True)
class Score:
    """How many of a language's mistakes the first feedback suffices for."""

    judged: int = 0
    short: dict[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    """What each insufficient feedback lacks, by the mistake's name."""

    def add(self, name: str, lacking: Sequence[str]) -> None:
        """Count a mistake, with what its first feedback lacks."""
        self.judged += 1
        if lacking:
            self.short[name] = lacking

    @property
    def share(self) -> float:
        """From 0 to 1; 1 where nothing was judged."""
        return 1 - len(self.short) / self.judged if self.judged else 1.0


def names(language: str) -> list[str]:
    """Return the mistakes of a language, those together whose projects begin with the same file.

    That is the one which makes it a project: where it stays from one mistake to the next, so do the tools' caches.
    """
    paths = (DATA / language).glob("*.txt")
    return [path.stem for path in sorted(paths, key=lambda path: (_first_file(path), path.stem))]


def _first_file(path: Path) -> str:
    return "".join(_SECTION.split(path.read_text(encoding="utf-8"), maxsplit=2)[1:3])


def load(path: Path) -> Mistake:
    """Read a mistake. Raises ValueError, with the file's name, where its form is wrong."""
    head, *rest = _SECTION.split(path.read_text(encoding="utf-8"))
    before: dict[str, str] = {}
    edits: dict[str, str | None] = {}
    expect = feedback = ""
    marked = False
    for title, text in zip(rest[::2], rest[1::2], strict=True):
        verb, _, name = title.partition(" ")
        if title == "expect":
            expect = text
        elif title == "feedback":
            feedback = text
        elif verb == "edit":
            marked = marked or ("⟦" in text and "⟧" in text)
            edits[name] = text.translate(_MARKS)
        elif verb == "delete":
            edits[name] = None
        else:
            before[title] = text
    keyed = _KEYED.findall(head)
    kind = next((text for key, text in keyed if key == "class"), "")
    expected = [line for line in expect.splitlines() if line.strip()]
    if not (kind and edits and expected and marked):
        raise ValueError(f"{path.name} needs a class, an edit with ⟦…⟧ in it, and something to expect")
    return Mistake(
        path=path,
        kind=kind,
        before=before,
        edits=edits,
        expected=tuple(line for line in expected if not line.startswith("! ")),
        unwanted=tuple(line.removeprefix("! ") for line in expected if line.startswith("! ")),
        shortfalls=tuple(text for key, text in keyed if key == "shortfall"),
        feedback=feedback,
    )


def record(mistake: Mistake, feedback: str) -> None:
    """Write the feedback into the mistake's file, in the place of the one before."""
    text = mistake.path.read_text(encoding="utf-8")
    kept = text.partition("-- feedback --\n")[0]
    mistake.path.write_text(f"{kept}-- feedback --\n{feedback}", encoding="utf-8")


def censored(feedback: str) -> str:
    """Return a feedback without what differs from run to run; it ends with one line break."""
    for pattern, plain in _UNSTABLE:
        feedback = pattern.sub(plain, feedback)
    return "\n".join(line.rstrip() for line in feedback.strip().splitlines()) + "\n"


def contains(feedback: str, text: str) -> bool:
    """Whether a text stands in a feedback, however lines are broken."""
    return " ".join(text.split()) in " ".join(feedback.split())


def lay_out(mistake: Mistake, workspace: Path) -> list[str]:
    """Make the workspace the project before the edit, all of it committed; return the paths that changed by that."""
    there = [name for path in workspace.rglob("*") if path.is_file() and (name := _name(path, workspace))]
    gone = dict.fromkeys((name for name in there if name not in mistake.before), None)
    new = {name: text for name, text in mistake.before.items() if _text(workspace / name) != text}
    write(workspace, {**gone, **new})
    # Empty directories stay: a dune that watches takes no notice of one that went and has come back.
    if not (workspace / ".git").exists():
        _git(workspace, "init", "--quiet")
    _git(workspace, "add", "--all")
    _git(workspace, "commit", "--quiet", "--allow-empty", "--message", "before")
    subprocess.run(["chown", "-R", "--reference", workspace, workspace], check=True)
    return sorted({**gone, **new})


def _name(path: Path, workspace: Path) -> str:
    """Return a path as the corpus names it; empty for what git or dune keep."""
    relative = path.relative_to(workspace)
    return "" if relative.parts[0] in (".git", "_build") else str(relative)


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def write(workspace: Path, files: Mapping[str, str | None]) -> None:
    """Write files into a workspace, or remove them, as its owner."""
    for name, text in files.items():
        path = workspace / name
        if text is None:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    subprocess.run(["chown", "-R", "--reference", workspace, workspace], check=True)


def _git(workspace: Path, *arguments: str) -> None:
    identity = (
        "-c",
        "user.name=Bactrian",
        "-c",
        "user.email=bactrian@example.com",
        "-c",
        f"safe.directory={workspace}",
    )
    subprocess.run(["git", *identity, *arguments], cwd=workspace, check=True)
