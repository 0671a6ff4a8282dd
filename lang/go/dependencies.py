"""Adding a module: which one a name means, which version the toolchain can use, what there is to say of it."""

from __future__ import annotations

import asyncio
import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lang.analysis import Bench
from lang.base import FileEdit, Project
from lang.dependencies import STAGE, Addition, NotAdded, Wanted
from lang.go import candidates, exports, failures, fetching
from lang.go.known import known
from lang.go.news import news
from lang.go.proxy import Proxy

_NEWEST = "latest"
_TRIES = 4
"""How often an older version is tried after one that needs a newer go."""
_CHANGED = re.compile(r"(?P<verb>upgraded|downgraded|removed) (?P<module>\S+) (?P<rest>.*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    """An import path to try, and why."""

    path: str
    version: str = ""
    notes: tuple[str, ...] = ()
    fixed: bool = False
    """Whether the version is one that somebody asked for, so that no other will do."""


@dataclass(frozen=True, slots=True)
class GoDependencies:
    """A module's dependencies; see `lang.dependencies.Dependencies`."""

    project: Project
    bench: Bench

    async def prepare(self, wanted: Wanted) -> Addition:
        """Find a module and get it into copies of go.mod and go.sum. Raises NotAdded."""
        name, named_version = candidates.import_path(wanted.name)
        if not candidates.can_be_one(name):
            raise NotAdded("foreign", f"nothing of Go can be called {wanted.name!r}.")
        go_mod = await self.bench.read(self._at("go.mod")) or ""
        version = candidates.tidy_version(wanted.version or named_version)
        choice = await self._choose(name, version, wanted, candidates.required(go_mod))
        if not choice.path:
            return Addition(name=name, package="", notes=choice.notes)
        got, choice = await self._get(choice)
        return await self._addition(choice, got, go_mod)

    async def describe(self, addition: Addition) -> str:
        """Say what is wrong with the version, then what the package exports."""
        if not addition.package:
            return ""
        told, shown = await asyncio.gather(
            news(self.bench, self.project, addition.package, addition.version, addition.name),
            self.bench.run(exports.show(self.project, addition.name, addition.package)),
        )
        return "\n".join(filter(None, [*told, exports.brief(addition.name, addition.package, shown.stdout)]))

    @property
    def _proxy(self) -> Proxy:
        return Proxy(self.project, self.bench)

    def _at(self, name: str) -> str:
        return posixpath.normpath(posixpath.join(self.project.root, name))

    async def _choose(self, name: str, version: str, wanted: Wanted, required: Mapping[str, str]) -> _Choice:
        """Return the import path that a name means; an empty one where there is nothing to add."""
        fixed = bool(version) and version != _NEWEST
        held = next((path for path in candidates.prefixes(name) if path in required), "")
        if candidates.is_full(name):
            return _Choice(path=name, version=version or required.get(held, ""), fixed=fixed)
        standard = fetching.parse_standard(await self.bench.run(fetching.standard(self.project)))
        here = candidates.called(name, required)
        if name in standard and not here:
            return _Choice(path="", notes=(f"{name} is in the standard library: import it, nothing is to be added.",))
        if here:
            note = f"{name} is {here[0]}, which go.mod has." + _others(here[1:])
            return _Choice(path=here[0], version=version or required[here[0]], notes=(note,), fixed=fixed)
        return await self._loose(name, version, wanted, standard)

    async def _loose(self, name: str, version: str, wanted: Wanted, standard: Sequence[str]) -> _Choice:
        sums = re.findall(r"^(\S+) v", await self.bench.read(self._at("go.sum")) or "", re.MULTILINE)
        summed = candidates.called(name, dict.fromkeys(sums))
        if summed:
            note = f"{name} is {summed[0]}, which go.sum has." + _others(summed[1:])
            return _Choice(path=summed[0], version=version, notes=(note,), fixed=bool(version) and version != _NEWEST)
        inside = [path for path in standard if f"/{path}".endswith(f"/{name}") or f"/{name}/" in f"/{path}/"]
        found = known(name)
        if inside:
            also = f" If you want another module, give its import path: {', '.join(found)}." if found else ""
            text = f"{', '.join(inside[:4])} is in the standard library: import it, nothing is to be added.{also}"
            return _Choice(path="", notes=(text,))
        if found:
            note = f"{name} is taken as {found[0]}, the usual module of that name." + _others(found[1:])
            return _Choice(path=found[0], version=version, notes=(note,), fixed=bool(version) and version != _NEWEST)
        return await self._proposed(name, version, wanted)

    async def _proposed(self, name: str, version: str, wanted: Wanted) -> _Choice:
        """Ask the small model, and believe only what the proxy has."""
        direct = (f"github.com/{name}",) if name.count("/") == 1 else ()
        said = await wanted.propose(candidates.question(name)) if wanted.propose else ()
        proposals = tuple(dict.fromkeys([*direct, *candidates.cleaned(said)]))
        if not proposals:
            raise NotAdded("unknown", f"no Go module is known by the name {name!r}: give its full import path.")
        facts = await self._proxy.facts(proposals, strict=True)
        real = [path for path in proposals if path in facts]
        doubtful = [(path, candidates.imitated(path, [o for o in real if o != path])) for path in real]
        fit = [path for path, like in doubtful if not like]
        if not fit:
            raise _undecided(name, proposals, doubtful)
        chosen = next((path for path in fit if not facts[path].deprecated), fit[0])
        rejected = [f"{path} (looks like {like})" for path, like in doubtful if like]
        note = f"{name} is taken as {chosen}: {_reason(chosen, direct)}." + _others(
            [path for path in fit if path != chosen], rejected
        )
        return await self._newest_major(
            _Choice(path=chosen, version=version, notes=(note,), fixed=bool(version) and version != _NEWEST)
        )

    async def _newest_major(self, choice: _Choice) -> _Choice:
        """Take the newest major version of a module that nobody named in full."""
        if choice.fixed:
            return choice
        following = candidates.majors(choice.path)
        found = await self._proxy.facts(following) if following else {}
        real = [path for path in following if path in found and found[path].path == path]
        return replace(choice, path=real[-1]) if real else choice

    async def _get(self, choice: _Choice) -> tuple[fetching.Got, _Choice]:
        """Get what was chosen, or what it turns out to be. Raises NotAdded."""
        for _ in range(_TRIES):
            target = f"{choice.path}@{choice.version}" if choice.version else choice.path
            output = await self.bench.run(fetching.get(self.project, target, choice.path))
            if output.exit_code == 0:
                return fetching.parse_get(output), choice
            if output.timed_out:
                raise NotAdded("network", f"to get {target} took too long and was stopped; try again later.")
            if output.limit_note:
                raise NotAdded("system", f"`go get {target}`: {output.limit_note}.")
            problem = failures.failure(output.stderr, path=choice.path, proxy=fetching.proxy_of(output))
            choice = await self._other(choice, problem, output.stderr)
        raise NotAdded("toolchain", f"no version of {choice.path} was found that this go can use; name an older one.")

    async def _other(self, choice: _Choice, problem: NotAdded, said: str) -> _Choice:
        """Return what to try after a failure. Raises NotAdded where there is nothing."""
        real = failures.renamed(said)
        if real and candidates.can_be_one(real) and real != choice.path:
            note = f"{choice.path} calls itself {real}; that was taken."
            return _Choice(path=real, notes=(*choice.notes, note))
        newer = failures.too_new(said)
        if newer:
            return await self._older(choice, newer)
        lacking = failures.lacking(said)
        if lacking and choice.version and not choice.fixed:
            return replace(choice, version="")
        if lacking:
            raise await self._without_package(*lacking)
        if problem.kind == "unknown":
            raise await self._unknown(choice, problem)
        if problem.kind == "network":
            raise await self._unreachable(choice, problem)
        raise problem

    async def _older(self, choice: _Choice, newer: tuple[str, str, str]) -> _Choice:
        """Return the newest version whose own go.mod asks for no newer go than there is."""
        what, needs, have = newer
        by_itself = any(what == path for path in candidates.prefixes(choice.path))
        module = what if by_itself else await self._proxy.module(choice.path)
        fitting = await self._proxy.fitting(module, have)
        if not by_itself and choice.version in fitting:
            fitting = fitting[fitting.index(choice.version) + 1 :]
        elif not by_itself:
            fitting = fitting[1:]
        text = f"{what} {needs}; the container has go {have}"
        if choice.fixed:
            other = f" {module} {fitting[0]} would fit: ask for that." if fitting and by_itself else ""
            raise NotAdded("toolchain", f"{text}.{other}")
        if not fitting:
            raise NotAdded("toolchain", f"{text}, and no version of {module} does with that.")
        note = f"{text}, so an older version was taken: the newest that fits."
        notes = tuple(each for each in choice.notes if not each.endswith("the newest that fits."))
        return replace(choice, version=fitting[0], notes=(*notes, note))

    async def _unknown(self, choice: _Choice, problem: NotAdded) -> NotAdded:
        """Say which versions there are, or which modules are near."""
        module = await self._proxy.module(choice.path)
        versions = await self._proxy.versions(module) if choice.version else []
        if versions and choice.version not in versions:
            return NotAdded("unknown", f"{module} has no version {choice.version}; it has {', '.join(versions[:6])}.")
        near = [path for path in candidates.near(choice.path) if path != choice.path]
        return NotAdded("unknown", f"{problem}{' Near: ' + ', '.join(near) + '.' if near else ''}")

    async def _unreachable(self, choice: _Choice, problem: NotAdded) -> NotAdded:
        """Tell a proxy that has no such module, and a git host that can't be asked, from no network at all."""
        if "git ls-remote" not in str(problem) and "unrecognized" not in str(problem):
            return problem
        if not await self._proxy.lacks(choice.path):
            return problem
        host = choice.path.partition("/")[0]
        text = f"the module proxy has no {choice.path}, and {host} itself can't be reached from the container."
        return await self._unknown(choice, NotAdded("unknown", text))

    async def _without_package(self, module: str, version: str, package: str) -> NotAdded:
        text = f"{module} {version} has no package {package}."
        last = package.rpartition("/")[2]
        known_there = [path for path in candidates.near(last) if path.startswith(f"{module}/")]
        return NotAdded("unknown", text + (f" Near: {', '.join(known_there)}." if known_there else f" Try {module}."))

    async def _addition(self, choice: _Choice, got: fetching.Got, go_mod: str) -> Addition:
        await self._hold_to_others(choice, got)
        edits = tuple(
            FileEdit(path=self._at(name), content=data.decode(errors="surrogateescape"))
            for name, data in got.files.items()
        )
        vendor = ((f"{STAGE}/vendor", self._at("vendor")),) if got.vendored else ()
        return Addition(
            name=choice.path,
            package=got.module or choice.path,
            version=got.version,
            notes=(*choice.notes, *_told(got, go_mod)),
            edits=edits,
            quiet=(self._at("go.sum"),),
            moves=vendor,
        )

    async def _hold_to_others(self, choice: _Choice, got: fetching.Got) -> None:
        """Refuse a version for which the go command would take back what other requirements need. Raises NotAdded."""
        changed = [found for line in got.said if (found := _CHANGED.match(line))]
        lost = [each for each in changed if each["verb"] != "upgraded" and each["module"] not in ("go", "toolchain")]
        lost = [each for each in lost if each["module"] != got.module]
        if not lost:
            return
        output = await self.bench.run(fetching.requirers(self.project, got.module))
        names = {each["module"] for each in lost}
        asking = [pair for pair in fetching.parse_requirers(output) if pair[0].partition("@")[0] in names]
        because = "; ".join(
            f"{asker.replace('@', ' ')} requires {what.replace('@', ' ')}" for asker, what in asking[:4]
        )
        taken = ", ".join(f"{each['verb']} {each['module']} {each['rest']}".strip() for each in lost[:4])
        raise NotAdded(
            "conflict",
            f"{got.module} {got.version} was asked for, but {because or 'others need a newer one'}. "
            f"To have it, the go command would have {taken}. Ask for a version that both accept, "
            "or change the other first.",
        )


def _undecided(name: str, proposals: Sequence[str], doubtful: Sequence[tuple[str, str]]) -> NotAdded:
    if doubtful:
        told = "; ".join(f"{path} looks like {like}" for path, like in doubtful)
        return NotAdded("ambiguous", f"which module {name!r} means is not sure: {told}. Give the full import path.")
    tried = f" ({', '.join(proposals)} were tried)" if len(proposals) > 1 else f" ({proposals[0]} was tried)"
    return NotAdded("unknown", f"no Go module is known by the name {name!r}{tried}: give its full import path.")


def _reason(chosen: str, direct: Sequence[str]) -> str:
    if chosen in direct:
        return "the repository of that name"
    return "proposed by a model, and the module proxy has it; make sure that it is what you want"


def _others(paths: Sequence[str], rejected: Sequence[str] = ()) -> str:
    if not paths and not rejected:
        return ""
    return f" Others: {', '.join([*paths[:4], *rejected[:2]])}."


def _told(got: fetching.Got, go_mod: str) -> list[str]:
    """Return what the go command changed besides: the go line above all, which decides who can build this."""
    notes = list[str]()
    before = re.search(r"^go (\S+)", go_mod, re.MULTILINE)
    after = re.search(r"^go (\S+)", got.files.get("go.mod", b"").decode(errors="replace"), re.MULTILINE)
    if before and after and before[1] != after[1]:
        notes.append(f"go.mod's go line rose from {before[1]} to {after[1]}, which the new requirements ask for.")
    others = [line for line in got.said if (found := _CHANGED.match(line)) and found["module"] not in _NOT_OTHERS]
    upgraded = [line for line in others if line.split()[1] != got.module]
    if upgraded:
        more = f" and {len(upgraded) - 4} more" if len(upgraded) > 4 else ""
        notes.append(f"Also {', '.join(line.replace(' => ', ' to ') for line in upgraded[:4])}{more}.")
    notes += [line for line in got.said if line.startswith("go mod tidy failed")]
    return notes


_NOT_OTHERS = ("go", "toolchain")
