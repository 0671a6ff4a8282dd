"""A user's checkouts for tests: made by real git, compared to the last byte."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

from containers.workspace import Clone, fetch_result, find_repository, make_clone

BRANCH = "bactrian/work"


def git(folder: Path, *arguments: str, check: bool = True) -> str:
    argv = ["git", "-c", "protocol.file.allow=always", *arguments]
    result = subprocess.run(argv, cwd=folder, capture_output=True, check=False)
    assert not check or result.returncode == 0, result.stderr
    return os.fsdecode(result.stdout).strip()


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def commit(folder: Path, message: str) -> str:
    git(folder, "add", "--all", "--force")
    git(folder, "commit", "-q", "--allow-empty", "-m", message)
    return git(folder, "rev-parse", "HEAD")


def cloned(path: Path, tmp_path: Path, branch: str = BRANCH) -> Clone:
    return make_clone(find_repository(path), tmp_path / "session" / "workspace", branch, None)


def fetch(path: Path, clone: Clone, wanted: str, previous: str = "") -> None:
    fetch_result(find_repository(path), clone.path, BRANCH, wanted, previous)


def state(path: Path) -> dict[str, str]:
    """Everything in a checkout but objects and the session's branch: content, kind, mode and time of each file."""
    found: dict[str, str] = {}
    for folder, folders, files in os.walk(path):
        if os.path.basename(folder) == "objects":
            folders.clear()
            continue
        for name in [*folders, *files]:
            file = Path(folder, name)
            shown = os.path.relpath(file, path)
            if "bactrian" in shown:
                continue
            about = file.lstat()
            content = os.readlink(file) if file.is_symlink() else file.read_bytes() if file.is_file() else ""
            digest = hashlib.sha256(os.fsencode(content) if isinstance(content, str) else content).hexdigest()
            time_ns = about.st_mtime_ns if file.is_file() and ".git" not in shown else 0
            found[shown] = f"{about.st_mode:o} {about.st_uid} {time_ns} {digest}"
    return found


def tracked(path: Path, name: str = "HEAD") -> set[str]:
    return {entry for entry in git(path, "ls-tree", "-r", "-z", "--name-only", name).split("\0") if entry}


def content(path: Path) -> dict[str, str]:
    """Files that git does not ignore, with mode and content."""
    found: dict[str, str] = {}
    for name in git(path, "ls-files", "-coz", "--exclude-standard", "--deduplicate").split("\0"):
        file = path / name
        if name and os.path.lexists(file) and (file.is_symlink() or not file.is_dir()):
            kept = os.readlink(file) if file.is_symlink() else file.read_text(errors="surrogateescape")
            found[name] = f"{file.lstat().st_mode:o} {kept}"
    return found
