"""A small dune project under OCaml's analysis in a sandbox, to be changed by tests."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from containers.base import Container
from lang.base import Diagnostic, Project
from lang.ocaml import OCaml
from lang.ocaml.analysis import OCamlAnalysis
from tools.bench import ContainerBench

PEOPLE: Mapping[str, str] = {
    "dune-project": "(lang dune 3.17)\n",
    "lib/dune": "(library (name people))\n",
    "lib/greeting.mli": """\
(** Greetings. *)

(** How polite it is. *)
type tone = Plain | Formal of string

type t = { name : string; tone : tone; mutable count : int }

(** [make name] greets [name]. It never fails. *)
val make : ?tone:tone -> string -> t

val show : t -> string

module Nested : sig
  (** One more. *)
  val deep : int -> int
end
""",
    "lib/greeting.ml": """\
type tone = Plain | Formal of string
type t = { name : string; tone : tone; mutable count : int }

let make ?(tone = Plain) name = { name; tone; count = 0 }
let title tone = match tone with Plain -> "" | Formal title -> title ^ " "
let show g = title g.tone ^ g.name

module Nested = struct
  let deep n = n + 1
end
""",
    "lib/people.ml": """\
module Greeting = Greeting

let café = "é"
let pretty g = "é" ^ Greeting.show g
""",
    "bin/dune": "(executable (name main) (libraries people))\n",
    "bin/main.ml": 'let () = print_endline People.(pretty (Greeting.make "Bob"))\n',
    "test/dune": "(test (name test_people) (libraries people))\n",
    "test/test_people.ml": "let () = assert (People.Greeting.Nested.deep 1 = 2)\n",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Changing:
    """A project whose files change while it is analysed."""

    container: Container
    bench: ContainerBench
    analysis: OCamlAnalysis
    project: Project

    async def write(self, path: str, text: str) -> tuple[Diagnostic, ...]:
        """Write a file and return what is wrong then."""
        await self.container.write(path, text.encode())
        return await self.found(path)

    async def remove(self, path: str) -> tuple[Diagnostic, ...]:
        """Remove a file and return what is wrong then."""
        await self.container.exec(["rm", path])
        return await self.found(path)

    async def found(self, path: str) -> tuple[Diagnostic, ...]:
        """Return what is wrong after a file has changed."""
        await self.analysis.changed([path])
        return await self.analysis.diagnostics([path])

    async def processes(self) -> str:
        """Return the command lines of all that runs in the container."""
        return (await self.container.exec(["ps", "-eo", "args"])).stdout.text()


def lay_out(workspace: Path, files: Mapping[str, str]) -> None:
    """Write files as the session's user would have."""
    for name, text in files.items():
        (workspace / name).parent.mkdir(parents=True, exist_ok=True)
        (workspace / name).write_text(text)
    subprocess.run(["chown", "-R", "1000:1000", workspace], check=True)


@contextlib.asynccontextmanager
async def analysed(
    start: Callable[[Path], Awaitable[Container]], workspace: Path, files: Mapping[str, str], root: str = "."
) -> AsyncGenerator[Changing]:
    """Lay files out in a workspace, start a container around it and the analysis of the project at `root`."""
    lay_out(workspace, files)
    project = Project(language="ocaml", root=root)
    async with await start(workspace) as container:
        bench = ContainerBench(container=container, language=OCaml())
        analysis = OCamlAnalysis(project, bench)
        await analysis.start()
        yield Changing(container=container, bench=bench, analysis=analysis, project=project)
        await analysis.close()
