"""Source files in bulk: many texts by one command, files that a word stands in, what files define by their syntax."""

from __future__ import annotations

import asyncio
import io
import tarfile
from collections.abc import Mapping, Sequence

from containers.base import WORKSPACE, Container
from lang.analysis import Symbol
from lang.base import Language
from tools.base import ToolError
from tools.text import decode

_LIMIT_BYTES = 32 * 1024 * 1024
_LIMIT_FILES = 2000
_TIMEOUT_S = 30.0
_LISTED_BYTES = 4 * 1024 * 1024
_NOT_INSTALLED = 127


async def texts(container: Container, paths: Sequence[str]) -> dict[str, str]:
    """Return files' texts by path, relative to the workspace or absolute.

    Left out: what isn't there, is binary, a symbolic link, or beyond the first 2000 files or 32 MiB.
    """
    if not paths:
        return {}
    wanted = "\0".join(paths[:_LIMIT_FILES]).encode(errors="surrogateescape")
    argv = ["tar", "--create", "--file=-", "--absolute-names", "--ignore-failed-read", "--no-recursion", "--null"]
    result = await container.exec(
        [*argv, "--files-from=-"], stdin=wanted, cwd=WORKSPACE, limit_bytes=_LIMIT_BYTES, timeout_s=_TIMEOUT_S
    )
    return await asyncio.to_thread(
        _unpacked, result.stdout.head + (b"" if result.stdout.omitted else result.stdout.tail)
    )


async def holding(
    container: Container, languages: Sequence[Language], word: str, *, loosely: bool = False
) -> list[str]:
    """Return the languages' files in the workspace in which a word stands, in order; `loosely`: in any case.

    What git ignores is left out. Raises ToolError where ripgrep is missing.
    """
    options = ["--files-with-matches", "--null", "--color=never", "--sort=path", "--hidden", "--glob=!.git"]
    options.append("--fixed-strings")
    if loosely:
        options.append("--ignore-case")
    elif word.isidentifier():
        options.append("--word-regexp")
    argv = ["rg", *options, f"--regexp={word.strip('()')}", "--", "."]
    result = await container.exec(argv, timeout_s=_TIMEOUT_S, limit_bytes=_LISTED_BYTES)
    if result.exit_code == _NOT_INSTALLED:
        raise ToolError("ripgrep is not installed in the container; use bash with grep -rn.")
    paths = [path.removeprefix("./") for path in result.stdout.text().split("\0") if path]
    return [path for path in paths if owner(languages, path)]


def owner(languages: Sequence[Language], path: str) -> Language | None:
    """Return the language that a file belongs to."""
    return next((language for language in languages if language.owns(path)), None)


async def outlines(languages: Sequence[Language], files: Mapping[str, str]) -> dict[str, tuple[Symbol, ...]]:
    """Return what each file defines, by its syntax; `files` are texts by path."""
    return await asyncio.to_thread(_outlined, languages, files)


def _outlined(languages: Sequence[Language], files: Mapping[str, str]) -> dict[str, tuple[Symbol, ...]]:
    owned = {path: owner(languages, path) for path in files}
    return {path: language.outline(path, files[path]) for path, language in owned.items() if language}


def _unpacked(archive: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:", errorlevel=1) as archived:
            for member in archived:
                content = archived.extractfile(member) if member.isreg() else None
                decoded = decode(content.read()) if content else None
                if decoded:
                    found[member.name] = decoded.text
    except (tarfile.TarError, OSError, EOFError):
        pass  # it was cut at the limit: what came before counts
    return found
