"""One dune that watches a project passively: it builds when asked, and knows by then what has changed."""

from __future__ import annotations

import codecs
import hashlib
import importlib.resources
import re
import secrets

from lang.analysis import AnalysisUnavailable, Bench, Streams
from lang.base import Project, Step
from lang.ocaml.bridge import MARK, READY
from lang.ocaml.layout import PREFIX

CHECK = "(alias_rec check)"
"""Type-checks everything, tests and executables too; neither compiles natively nor links."""

INDEX = "(alias_rec ocaml-index)"
"""Records for merlin where everything is used."""

_RUN = f'PATH="{PREFIX}/bin:$PATH"; export PATH; mkdir -p "$3/tmp" && exec python3 -c "$1" "$2" 2>&1'
_NEW_BUILD = re.compile(r"^\*+ NEW BUILD .*\*+$", re.MULTILINE)
_STATUS = re.compile(r"^(?:Success|Had \d+ errors?), waiting for filesystem changes\.\.\.$", re.MULTILINE)
_KEPT = 1_000_000
"""Characters of what one build says; nobody reads more."""


def directory(project: Project) -> str:
    """Where an analysis keeps small things: outside the workspace, the same for a project in every container."""
    return f"/tmp/bactrian-dune/{_digest(project)[:12]}"


def build_directory(project: Project) -> str:
    """The build directory of the watching dune, outside the workspace: the project's `_build` is left to others.

    It is about as long as `_build`, since dune breaks lines that name it, and the same for a project in every
    container, since dune's shared cache knows results by its name too.
    """
    return f"/tmp/.{_digest(project)[:2]}"


def _digest(project: Project) -> str:
    return hashlib.sha256(project.root.encode()).hexdigest()


class Watch:
    """A dune process, used by one task at a time. Whatever its methods raise besides, the bench's death passes."""

    def __init__(self, project: Project, bench: Bench) -> None:
        self._project = project
        self._bench = bench
        self._streams: Streams | None = None
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._unread = ""

    async def start(self) -> None:
        """Start dune and wait until it takes requests. Raises AnalysisUnavailable."""
        source = importlib.resources.files("lang.ocaml").joinpath("bridge.py").read_text("utf-8")
        argv = ("sh", "-c", _RUN, "sh", source, build_directory(self._project), directory(self._project))
        self._streams = await self._bench.open(Step(argv=argv, cwd=self._project.root))
        said, outcome = await self._read_to(READY)
        if "build" not in outcome:
            raise AnalysisUnavailable(f"dune takes no requests to build: {said.strip()[-200:] or outcome}")

    async def build(self, *targets: str) -> str:
        """Build with all files as they are now and return what a plain `dune build` would say.

        That is: errors and warnings of what was compiled now, and errors of what still does not compile.
        Raises AnalysisUnavailable.
        """
        if self._streams is None:
            raise AnalysisUnavailable("dune was not started")
        token = secrets.token_hex(8)
        await self._streams.write("\t".join((token, *targets)).encode() + b"\n")
        said, outcome = await self._read_to(token)
        if outcome not in ("Success", "Failure"):
            raise AnalysisUnavailable(f"dune did not build: {outcome}")
        # A change in the middle makes dune begin anew.
        last = _NEW_BUILD.split(said)[-1]
        return _STATUS.sub("", last).replace(build_directory(self._project), "_build")

    async def close(self) -> None:
        """End dune. May be called twice."""
        streams, self._streams = self._streams, None
        if streams is not None:
            await streams.kill()

    async def _read_to(self, token: str) -> tuple[str, str]:
        """Return what dune says up to the end of a request, and how that ended. Raises AnalysisUnavailable.

        What precedes it of a request that was given up is dropped with it.
        """
        end = re.compile(rf"^{MARK} {token} ?(.*)\n", re.MULTILINE)
        other = re.compile(rf"^{MARK} .*\n", re.MULTILINE)
        while not (found := end.search(self._unread)):
            chunk = await self._streams.read() if self._streams else b""
            if not chunk:
                raise AnalysisUnavailable(f"dune has ended: {_last_line(self._unread) or 'it said nothing'}")
            self._unread = self._unread[-_KEPT:] + self._decoder.decode(chunk)
        said, self._unread = self._unread[: found.start()], self._unread[found.end() :]
        return other.split(said)[-1], found[1].strip()


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else ""
