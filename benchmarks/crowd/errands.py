"""What the sessions of a crowd have to do: write a package and finish green, some by way of something nasty."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Language = Literal["go", "ocaml"]

READS = 8
"""Turns that do nearly nothing, so that what a turn costs shows."""

SHARED = 5
"""Peaceful sessions that share a repository with others of their language, where there are as many."""

_GO = {
    "go.mod": "module example.com/{word}\n\ngo 1.24\n",
    "{word}.go": 'package {word}\n\n// Name says whose this is.\nfunc Name() string {{ return "{word}" }}\n',
}
_GO_TEST = {
    "{word}_test.go": (
        'package {word}\n\nimport "testing"\n\nfunc TestName(t *testing.T) {{\n'
        '\tif Name() != "{word}" {{\n\t\tt.Fatal(Name())\n\t}}\n}}\n'
    )
}
_OCAML = {
    "dune-project": "(lang dune 3.0)\n",
    "lib/dune": "(library\n (name {word}))\n",
    "lib/{word}.ml": 'let name () = "{word}"\n',
    "lib/{word}.mli": "(** [name ()] says whose this is. *)\nval name : unit -> string\n",
}
_OCAML_TEST = {
    "test/dune": "(test\n (name test_{word})\n (libraries {word}))\n",
    "test/test_{word}.ml": 'let () = assert ({Word}.name () = "{word}")\n',
}
_FILES: Mapping[Language, tuple[Mapping[str, str], Mapping[str, str]]] = {
    "go": (_GO, _GO_TEST),
    "ocaml": (_OCAML, _OCAML_TEST),
}
_WORK: Mapping[Language, str] = {"go": "go vet ./...", "ocaml": "dune build 2>&1"}

_CONNECTIONS = """
import os, socket, threading
from urllib.parse import urlsplit
proxy = urlsplit(os.environ["http_proxy"])
answers = []
def connect(count):
    for number in range(count):
        with socket.create_connection((proxy.hostname, proxy.port)) as connection:
            if number % 2:
                connection.sendall(b"GET http://crowd.invalid/ HTTP/1.1\\r\\nHost: crowd.invalid\\r\\n\\r\\n")
                answers.append(connection.recv(4096).split(b" ")[1])
threads = [threading.Thread(target=connect, args=({count} // 20,)) for _ in range(20)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(len(answers), "refused" if set(answers) == {{b"403"}} else set(answers), "of {count} connections")
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Nasty:
    """A command that takes all it can, and what its session must be told of that."""

    name: str
    command: str
    told: str
    """A regular expression."""
    settings: Mapping[str, str] = field(default_factory=dict[str, str])
    timeout_s: int = 120


NASTY: Sequence[Nasty] = (
    Nasty(
        name="fork bomb",
        command="b() { b | b & }; b; sleep 3",
        told="limit: 300 processes and threads at once",
        settings={"BACTRIAN_PIDS": "300"},
    ),
    Nasty(
        name="all memory",
        command="exec python3 -c 'x = bytearray(4 << 30)'",
        told=r"killed: out of memory; the container may use 1\.0 GiB",
        settings={"BACTRIAN_MEMORY": "1g"},
    ),
    Nasty(
        name="all disk",
        command="for i in $(seq 40); do head -c 100M /dev/zero >.git/large$i; done; sleep 60",
        told=r"killed: this session has written .* to disk and may 1\.5 GiB",
        settings={"BACTRIAN_DISK": "1536m"},
    ),
    Nasty(name="1 GB printed", command="yes {word} | head -c 1G", told=r"\[Whole output: "),
    Nasty(
        name="10,000 connections",
        command=f"exec python3 -c '{_CONNECTIONS.format(count=10_000)}'",
        told="5000 refused of 10000 connections",
    ),
    Nasty(
        name="all CPUs",
        command="for i in $(seq 32); do (while :; do :; done) & done; wait",
        told="stopped after 15 s, its time limit, with all its processes",
        timeout_s=15,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """One session's task. `word` occurs in all that it writes and prints, and in no other session's."""

    word: str
    language: Language
    repository: str
    """The repository's name; several errands may share one."""
    task: str
    nasty: Nasty | None = None
    rounds: int = 20
    """How often a peaceful session's command builds; it takes about half a second each."""

    @property
    def name(self) -> str:
        return f"{self.language}, {self.nasty.name if self.nasty else 'peaceful'}"

    @property
    def files(self) -> Mapping[str, str]:
        """What its branch must hold."""
        code, tests = _FILES[self.language]
        return self._filled({**code, **tests})

    @property
    def told(self) -> str:
        """A regular expression that an answer must match: the limit that was met, or that nothing interfered."""
        return self.nasty.told if self.nasty else f"^{self.word} is whole$"

    def script(self) -> str:
        """Return its model's script."""
        code, tests = (self._filled(files) for files in _FILES[self.language])
        first = next(iter(code))
        turns = [
            "".join(_call("write_file", path=path, content=text) for path, text in code.items()),
            *(_call("read_file", path=first) for _ in range(READS)),
            self._command(),
            "".join(_call("write_file", path=path, content=text) for path, text in tests.items())
            + _call("finish", summary=f"Add {self.word}."),
        ]
        return "".join(f"[[turn]]\n{turn}" for turn in turns)

    def _command(self) -> str:
        if self.nasty:
            command = self.nasty.command.replace("{word}", self.word)
            return _call("bash", command=command, timeout_s=self.nasty.timeout_s)
        step = f"{_WORK[self.language]} && sleep 0.3 || exit"
        return _call("bash", command=f"for i in $(seq {self.rounds}); do {step}; done; echo {self.word} is whole")

    def _filled(self, files: Mapping[str, str]) -> dict[str, str]:
        word = self.word
        return {path.format(word=word): text.format(word=word, Word=word.capitalize()) for path, text in files.items()}


def errands(count: int, nasty: Sequence[Nasty] = NASTY, *, shared: int = SHARED, rounds: int = 20) -> list[Errand]:
    """Return errands, half Go and half OCaml; the first ones are nasty, the last `shared` go by the same two tasks."""
    made: list[Errand] = []
    for number in range(count):
        word = f"crowd{number:02}word"
        language: Language = "go" if number % 2 == 0 else "ocaml"
        is_shared = number >= max(len(nasty), count - shared)
        made.append(
            Errand(
                word=word,
                language=language,
                repository=f"{language}-shared" if is_shared else word,
                task=f"write the {language} package" if is_shared else f"write the package {word}",
                nasty=nasty[number] if number < len(nasty) else None,
                rounds=rounds,
            )
        )
    return made


def _call(name: str, **arguments: str | int) -> str:
    # TOML takes JSON's strings as they are.
    table = ", ".join(f"{key} = {json.dumps(value)}" for key, value in arguments.items())
    return f'[[turn.call]]\nname = "{name}"\ninput = {{ {table} }}\n'
