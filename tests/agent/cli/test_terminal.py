"""Nothing of a repository, a command or a model commands the terminal: what reached a real one, byte by byte."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

BACTRIAN = str(Path(sys.executable).with_name("bactrian"))
HOSTILE = (
    "\x1b]52;c;ZXZpbA==\x07",  # the clipboard
    "\x1b]8;;http://example.org\x1b\\link\x1b]8;;\x1b\\",
    "\x1b]0;title\x07",
    "\x1b[2J\x1b[3;3H\x1b[?1049h\x1b[6n",
    "\x1bP$qm\x1b\\\x1b_apc\x1b\\\x1b^pm\x1b\\",
    "\u009b2J\u009d0;t\u009c\u0090x",
    "\u202eesrever\u2066\u200e",
    "\x08\x7f\x0e\x0b",
)
ALL = "A" + "B".join(HOSTILE) + "C"
RICH = re.compile(r"\x1b\[[0-9;]*[mAK]|\x1b\[2K|\x1b\[\?25[lh]|\r")
"""What the screen itself writes: colours, the cursor up, a line cleared, the cursor hidden and shown."""
COMMANDS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def on_terminal(argv: list[str], environ: dict[str, str]) -> str:
    """Run a command on a terminal of its own; return what it wrote there."""
    main, other = os.openpty()
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=other, stderr=other, env=environ)
    os.close(other)
    data = b""
    while True:
        try:
            piece = os.read(main, 65536)
        except OSError:  # how Linux says that nobody writes any more
            break
        if not piece:
            break
        data += piece
    os.close(main)
    process.wait()
    return data.decode()


def quoted(text: str) -> str:
    return json.dumps(text.replace("\x7f", "")).replace("\\u007f", "")


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "BACTRIAN_STATE_DIR": str(tmp_path / "state"), "TERM": "xterm-256color", "COLUMNS": "120"}


def test_a_session(tmp_path: Path, environ: dict[str, str], rootfs: Path) -> None:
    repository = tmp_path / "repository"
    subprocess.run(["git", "init", "-q", str(repository)], check=True)
    name = "\x1b]0;name\x07\u202e.txt"
    (repository / name).write_text(ALL)
    (repository / "go.mod").write_text("module example.org/x\n\ngo 1.24\n")
    (repository / "a.go").write_text('package x\n\nvar A int = "\u009b2J\u202d"\n')
    script = tmp_path / "model.toml"
    printed = "".join(f"\\{byte:03o}" for byte in ALL.encode())
    calls = [
        ("bash", {"command": f"printf '{printed}'; ls; cat *.txt"}),
        ("write_file", {"path": "\u009b2Jodd\u202e.txt", "content": ALL}),
        ("read_file", {"path": ALL}),
        ("bash", {"command": f"exit 3 # {ALL}"}),
        (ALL, {ALL: ALL}),
    ]
    lines = ["[[turn]]", f"text = {quoted(ALL)}"]
    for tool, arguments in calls:
        lines += ["[[turn.call]]", f"name = {quoted(tool)}"]
        lines += [f"arguments = {quoted(json.dumps(arguments))}"]
    script.write_text("\n".join([*lines, "[[turn]]", f"text = {quoted(ALL)}", ""]))
    told = on_terminal(
        [
            *(BACTRIAN, "run", "--repo", str(repository), "--model", f"scripted/{script}"),
            *(
                "--container",
                "bubblewrap",
                "--max-turns",
                "2",
                "--branch",
                "bactrian/\u202eodd\u009b",
                ALL.replace("\x00", ""),
            ),
        ],
        environ,
    )
    assert "^[]52;c;ZXZpbA==^G" in told
    assert "<U+009B>" in told
    assert COMMANDS.findall(RICH.sub("", told)) == []


@pytest.mark.parametrize(
    "arguments",
    [["--repo", f"/nowhere/{HOSTILE[0]}"], ["--model", HOSTILE[0]], ["--task-file", f"/nowhere/{HOSTILE[5]}"]],
)
def test_complaints(environ: dict[str, str], arguments: list[str]) -> None:
    task = [] if "--task-file" in arguments else ["do it"]
    told = on_terminal([BACTRIAN, "run", *arguments, *task], environ)
    assert COMMANDS.findall(told.replace("\r\n", "\n")) == []
    assert "^[]52;c;ZXZpbA==^G" in told or "<U+009B>" in told or "\\x1b" in told or "\\x9b" in told
