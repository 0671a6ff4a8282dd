"""`bactrian doctor`: what is there and what is missing, each with the command that mends it."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import click
from rich.table import Table

from agent.cli.complaint import complain
from agent.cli.screen import PersonConsole
from agent.cli.untrusted import one_line
from agent.config import Settings, load, locations
from agent.errors import ExitCode, UserError
from containers.base import ContainerUnavailable
from containers.engine import EngineFacts, engine_facts, require_usable
from containers.promises import Promise, bubblewrap_promises, docker_promises
from containers.recipe import host_ca_bundle, recipe

State = Literal["ok", "missing", "optional"]
_MARKS = {"ok": "[green]✓[/]", "missing": "[red]✗[/]", "optional": "[yellow]-[/]"}
_SPACE_BYTES = 6 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at. `mend` is a command or a step; empty where nothing is to be done."""

    name: str
    state: State
    found: str
    mend: str = ""


def examine(*, as_json: bool) -> int:
    """Look, say what was found; exit code 0 where a session can start, else 1."""
    try:
        settings = load(None, os.environ, {})
        findings = list(_findings(settings))
    except UserError as error:
        complain(error)
        return ExitCode.USAGE
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        _show(findings)
    return ExitCode.FAILED if any(finding.state == "missing" for finding in findings) else ExitCode.DONE


def _show(findings: list[Finding]) -> None:
    console = PersonConsole()
    table = Table.grid(padding=(0, 2))
    for finding in findings:
        mark = _MARKS[finding.state]
        table.add_row(
            console.render_str(mark, markup=True), finding.name, one_line(finding.found), one_line(finding.mend)
        )
    console.print(table)


def _findings(settings: Settings) -> Iterator[Finding]:
    yield _system()
    yield _tool("git", "apt-get install git", needed=True)
    yield from _sandboxes(settings)
    yield _space()
    yield _certificates()
    yield _network(settings)
    yield from _models(settings)


def _system() -> Finding:
    name = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    if platform.system() not in ("Linux", "Darwin"):
        return Finding(name="system", state="missing", found=name, mend="use WSL 2 and install Bactrian in it")
    return Finding(name="system", state="ok", found=name)


def _tool(name: str, mend: str, *, needed: bool) -> Finding:
    path = shutil.which(name)
    if path is None:
        return Finding(name=name, state="missing" if needed else "optional", found="not installed", mend=mend)
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    return Finding(name=name, state="ok", found=(said.splitlines() or [path])[0])


def _sandboxes(settings: Settings) -> Iterator[Finding]:
    """At least one of Docker and bubblewrap must be there."""
    docker, facts = _docker()
    bubblewrap = _tool("bwrap", "apt-get install bubblewrap", needed=docker.state != "ok")
    if bubblewrap.state == "ok" and docker.state == "missing":
        docker = Finding(name=docker.name, state="optional", found=docker.found, mend=docker.mend)
    yield docker
    if docker.state == "ok":
        yield _image()
    if facts:
        yield from _promises("containers", docker_promises(facts, settings.memory_bytes))
    yield bubblewrap
    if bubblewrap.state == "ok":
        yield _rootfs()
        yield from _promises("bubblewrap", bubblewrap_promises(settings.memory_bytes))
        if docker.state != "ok":
            yield from _host_toolchains()


def _promises(name: str, promises: Iterable[Promise]) -> Iterator[Finding]:
    """What a sandbox holds to in one line, what it can't in one each."""
    every = list(promises)
    yield Finding(name=f"{name} hold", state="ok", found="; ".join(each.text for each in every if each.holds))
    for promise in every:
        if not promise.holds:
            yield Finding(name=f"{name} lack", state="optional", found=promise.text)


def _docker() -> tuple[Finding, EngineFacts | None]:
    import docker.errors

    from containers.docker import connect

    try:
        client = connect()
    except ContainerUnavailable as error:
        linux = platform.system() == "Linux"
        mend = "apt-get install docker.io && systemctl start docker" if linux else "install and start Docker Desktop"
        return Finding(name="container engine", state="missing", found=str(error), mend=mend), None
    try:
        facts = engine_facts(client)
        require_usable(facts)
    except ContainerUnavailable as error:
        return Finding(name="container engine", state="missing", found=str(error), mend="--container bubblewrap"), None
    except docker.errors.DockerException as error:
        return Finding(name="container engine", state="missing", found=str(error), mend="restart the engine"), None
    finally:
        client.close()
    without_root = ", without root" if facts.rootless else ""
    found = f"{facts.version} at {os.environ.get('DOCKER_HOST', 'the default socket')}{without_root}"
    return Finding(name="container engine", state="ok", found=found), facts


def _image() -> Finding:
    from containers.images import has_image

    wanted = recipe()
    if has_image(wanted):
        return Finding(name="session image", state="ok", found=f"{wanted.tag}: Go and OCaml toolchains")
    return Finding(name="session image", state="optional", found="built on first use", mend="bactrian image")


def _rootfs() -> Finding:
    from containers.rootfs import command_for_root, rootfs_path

    path = rootfs_path(recipe(), locations().cache)
    if path.is_dir():
        return Finding(name="root file system", state="ok", found=f"{path.name}: for bubblewrap")
    own = "bactrian image --container bubblewrap"
    how = own if os.geteuid() == 0 else command_for_root(locations().cache)
    return Finding(name="root file system", state="optional", found="made on first use, for bubblewrap", mend=how)


def _host_toolchains() -> Iterator[Finding]:
    """Only without an image do the host's own matter."""
    yield _tool("go", "apt-get install golang", needed=False)
    yield _tool("dune", "apt-get install ocaml-dune ocaml-findlib", needed=False)


def _space() -> Finding:
    folder = next(path for path in (locations().state, *locations().state.parents) if path.exists())
    free = shutil.disk_usage(folder).free
    told = f"{free / (1 << 30):.0f} GiB free in {folder}"
    if free < _SPACE_BYTES:
        return Finding(name="disk", state="missing", found=told, mend="an image and its caches need about 6 GiB")
    return Finding(name="disk", state="ok", found=told)


def _certificates() -> Finding:
    bundle = host_ca_bundle()
    if bundle is None:
        return Finding(
            name="certificates", state="missing", found="no CA bundle", mend="apt-get install ca-certificates"
        )
    return Finding(name="certificates", state="ok", found=f"{bundle}, taken along into the image")


def _network(settings: Settings) -> Finding:
    from agent.reach import reach_of
    from lang.detect import languages

    reach = reach_of(settings, languages(), _decided_here())
    hosts = ", ".join(reach.hosts)
    told = {"none": "none", "registries": f"registries: {hosts or 'no host'}", "full": "full: every public host"}
    named = ", ".join(map(str, (*reach.named, *reach.decided)))
    beside = f", {named}" if reach.mode == "full" and named else ""
    return Finding(name="network", state="ok", found=told[reach.mode] + beside)


def _decided_here() -> tuple[str, ...]:
    """The hosts that a person has allowed for the repository that this is run in."""
    from agent.projects import Projects
    from containers.workspace import RepositoryError, find_repository

    try:
        repository = find_repository(Path())
    except RepositoryError:
        return ()
    return Projects(folder=locations().state / "projects").load(repository.root).network_allow


def _models(settings: Settings) -> Iterator[Finding]:
    chosen = settings.model or "none chosen"
    mend = "" if settings.model else f'put `model = "anthropic/NAME"` into {locations().user_file}, or give --model'
    yield Finding(name="model", state="ok" if settings.model else "optional", found=chosen, mend=mend)
    for vendor, variable in (("anthropic", "ANTHROPIC_API_KEY"), ("openai", "OPENAI_API_KEY")):
        yield _key(vendor, variable, settings)
    if find_spec("llama_cpp"):
        yield Finding(name="local models", state="ok", found="llama-cpp-python is installed")
    else:
        command = "uv tool install 'bactrian[llama]'"
        yield Finding(name="local models", state="optional", found="llama-cpp-python is not installed", mend=command)
    if settings.model.startswith("llama/") and not Path(settings.model.removeprefix("llama/")).expanduser().is_file():
        yield Finding(name="model file", state="missing", found=f"{settings.model}: no such file", mend="check --model")


def _key(vendor: str, variable: str, settings: Settings) -> Finding:
    name = f"{vendor} key"
    if os.environ.get(variable):
        return Finding(name=name, state="ok", found=f"{variable} is set")
    if settings.key_command:
        return Finding(name=name, state="ok", found="key_command gives it")
    needed = settings.model.startswith(f"{vendor}/") and not settings.base_url
    return Finding(
        name=name, state="missing" if needed else "optional", found="none", mend=f"export {variable}=… or key_command"
    )
