"""How the host runs git: no hook, no monitor, no prompt, nothing steered by the environment."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

DEFAULT_TIMEOUT_S = 600.0
"""A question about a large checkout may take a while; git waits for ever where a pipe lies in a file's place."""

_GUARD = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "core.alternateRefsCommand=true")
_OURS = ("-c", "safe.directory=*")
_NOTHING: Mapping[str, str] = {}


class RepositoryError(Exception):
    """The repository can't be used as asked; one line that says what to do."""


def git(
    folder: Path,
    *arguments: str,
    check: bool = True,
    user_config: bool = False,
    settings: Mapping[str, str] = _NOTHING,
    variables: Mapping[str, str] = _NOTHING,
    stdin: str = "",
    timeout_s: float = DEFAULT_TIMEOUT_S,
) -> subprocess.CompletedProcess[str]:
    """Run git in `folder`; bytes that are no UTF-8 come as surrogates, as everywhere in Python's file names.

    `user_config` is for the user's own repository: `safe.directory` and the like are said there. Without it the
    folder is one of Bactrian's own. `settings` go before any configuration, whatever characters their names hold.

    Raises RepositoryError: git is not installed, the time is up (all that git has started ends then); with `check`,
    git failed.
    """
    argv = ["git", *_GUARD, *(() if user_config else _OURS), "-C", str(folder), *arguments]
    environment = _with({**_environment(user_config), **variables}, settings)
    command = next((word for word in arguments if not word.startswith("-") and "=" not in word), "")
    try:
        code, stdout, stderr = _run(argv, environment, os.fsencode(stdin), timeout_s)
    except FileNotFoundError:
        raise RepositoryError("git is not installed: install it with `apt-get install git`") from None
    except subprocess.TimeoutExpired:
        raise RepositoryError(f"git {command} did not end in {timeout_s:.0f} s") from None
    told = stderr.decode(errors="replace")
    if check and code:
        raise RepositoryError(f"git {command}: {reason(told) or f'exit code {code}'}")
    return subprocess.CompletedProcess(argv, code, os.fsdecode(stdout), told)


def reason(stderr: str) -> str:
    """Return the line that says why git failed; empty if it said nothing."""
    lines = [line for line in stderr.splitlines() if line.strip()]
    told = next((line for line in lines if line.startswith(("fatal:", "error:"))), lines[-1] if lines else "")
    return told.removeprefix("fatal: ").removeprefix("error: ")


def _run(argv: list[str], environment: Mapping[str, str], stdin: bytes, timeout_s: float) -> tuple[int, bytes, bytes]:
    """Run to the end. In a session of its own: it has no terminal to ask, and its children end with it."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        argv, env=environment, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True
    ) as process:
        try:
            stdout, stderr = process.communicate(stdin, timeout_s)
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
    return process.returncode, stdout, stderr


def _with(environment: Mapping[str, str], settings: Mapping[str, str]) -> dict[str, str]:
    """Add settings the way that takes any name: with `-c`, one may not hold `=`, and what does is not set."""
    given = environment.get("GIT_CONFIG_COUNT", "")
    count = int(given) if given.isdecimal() else 0
    added = {"GIT_CONFIG_COUNT": str(count + len(settings))}
    for number, (name, value) in enumerate(settings.items(), count):
        added |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    return {**environment, **added}


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
        "GIT_ALLOW_PROTOCOL": "none",
        "LC_ALL": "C.UTF-8",
    }
    if not user_config:
        environment |= {
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_DEFAULT_REF_FORMAT": "files",
        }
    return environment
