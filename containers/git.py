"""How the host runs git: no hook, no monitor, no prompt, nothing steered by the environment."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_GUARD = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false")
_OURS = ("-c", "safe.directory=*")


class RepositoryError(Exception):
    """The repository can't be used as asked; one line that says what to do."""


def git(
    folder: Path,
    *arguments: str,
    check: bool = True,
    user_config: bool = False,
    stdin: str = "",
    timeout_s: float | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run git in `folder`; bytes that are no UTF-8 come as surrogates, as everywhere in Python's file names.

    `user_config` is for the user's own repository: `safe.directory` and the like are said there. Without it the
    folder is one of Bactrian's own, perhaps given to the user inside already.

    Raises RepositoryError: git is not installed, the time is up; with `check`, git failed.
    """
    try:
        ended = subprocess.run(
            ["git", *_GUARD, *(() if user_config else _OURS), "-C", str(folder), *arguments],
            env=_environment(user_config),
            input=os.fsencode(stdin),
            capture_output=True,
            check=False,
            timeout=timeout_s,
        )
    except FileNotFoundError:
        raise RepositoryError("git is not installed: install it with `apt-get install git`") from None
    except subprocess.TimeoutExpired:
        raise RepositoryError(f"git {arguments[0]} did not end in {timeout_s:.0f} s") from None
    stderr = ended.stderr.decode(errors="replace")
    if check and ended.returncode:
        command = next((word for word in arguments if not word.startswith("-") and "=" not in word), "")
        raise RepositoryError(f"git {command}: {reason(stderr) or f'exit code {ended.returncode}'}")
    return subprocess.CompletedProcess(ended.args, ended.returncode, os.fsdecode(ended.stdout), stderr)


def reason(stderr: str) -> str:
    """Return the line that says why git failed; empty if it said nothing."""
    lines = [line for line in stderr.splitlines() if line.strip()]
    told = next((line for line in lines if line.startswith(("fatal:", "error:"))), lines[-1] if lines else "")
    return told.removeprefix("fatal: ").removeprefix("error: ")


def _environment(user_config: bool) -> dict[str, str]:
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_") or (user_config and name.startswith("GIT_CONFIG"))
    }
    environment |= {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_ALLOW_PROTOCOL": "file",
        "LC_ALL": "C.UTF-8",
    }
    if not user_config:
        environment |= {
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_DEFAULT_REF_FORMAT": "files",
        }
    return environment
