"""A diagnostic and what can be asked about it: the file's text, packages' declarations, the language server."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass

from lang.analysis import AnalysisUnavailable, Bench, Place, Symbol, Symbols
from lang.base import Diagnostic, Project, Step
from lang.go.documentation import FIND_PACKAGE
from lang.go.remedies.declarations import Declaration, Package, read_package, sentence

_TIMEOUT_S = 20.0
_IMPORTS = re.compile(r"^import\s*(?:\((?P<block>.*?)^\s*\)|(?P<single>[^\n]+))", re.MULTILINE | re.DOTALL)
_IMPORT = re.compile(r"""^\s*(?:(?P<alias>[\w.]+)\s+)?["`](?P<path>[^"`]+)["`]""", re.MULTILINE)
_MODULE = re.compile(r"^module\s+(\S+)", re.MULTILINE)
_REQUIRE = re.compile(r"^(?:require\s+|\t)([\w.~-]+\.[\w.~-]+/\S+)\s+v", re.MULTILINE)
_MAJOR = re.compile(r"/v\d+$|\.v\d+$")
_TESTS = """grep -hE '^(func|type|var|const) ' "$1"/*_test.go"""
_BODY = re.compile(r" \{.*$", re.MULTILINE)
_ESCAPED = re.compile(r"\\([\\`*_{}\[\]()#+\-.!<>~|])")
_REPEATED = re.compile(r"\b(\w+) ([\w.*\[\]]+), (\w+) \2(?=[,)])")
_RECEIVER = re.compile(r"^func \([^)]*\) ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A finding, and the ways to learn more. Where one way is closed the answer is empty: nothing raises.

    Only the death of the bench's container passes through.
    """

    diagnostic: Diagnostic
    symbols: Symbols
    bench: Bench
    project: Project

    @property
    def directory(self) -> str:
        """The file's directory as a pattern of the go command, relative to the project."""
        path = posixpath.relpath(posixpath.dirname(self.diagnostic.path) or ".", self.project.root)
        return path if path.startswith(".") else f"./{path}"

    async def source(self) -> str:
        """Return the text of the file that the finding is in."""
        return (await self.bench.read(self.diagnostic.path) if self.diagnostic.path else None) or ""

    async def go_mod(self) -> str:
        """Return the project's go.mod."""
        return await self.bench.read(posixpath.normpath(posixpath.join(self.project.root, "go.mod"))) or ""

    async def run(self, *argv: str) -> str:
        """Return what a command prints to standard output; empty where it fails."""
        output = await self.bench.run(Step(argv=argv, cwd=self.project.root, timeout_s=_TIMEOUT_S))
        return output.stdout if output.exit_code == 0 else ""

    async def module(self) -> str:
        """Return the path of the project's module."""
        match = _MODULE.search(await self.go_mod())
        return match[1] if match else ""

    async def required(self) -> list[str]:
        """Return the paths of the modules that go.mod names."""
        return _REQUIRE.findall(await self.go_mod())

    async def project_packages(self) -> list[str]:
        """Return the import paths of the project's packages."""
        return (await self.run("go", "list", "-e", "-find", "./...")).split()

    # Packages

    async def imports(self) -> Mapping[str, str]:
        """Return the file's imports: paths by the names that they most likely have in it."""
        found: dict[str, str] = {}
        for block in _IMPORTS.finditer(await self.source()):
            for each in _IMPORT.finditer(block["block"] or block["single"] or ""):
                found[each["alias"] or package_name(each["path"])] = each["path"]
        return found

    async def import_path(self, name: str) -> str:
        """Return the import path of the package that is called `name`, in this file or else anywhere near."""
        imports = await self.imports()
        if name in imports:
            return imports[name]
        return (await self.run("sh", "-c", f'{FIND_PACKAGE}\nfind_package "$1"', "find", name)).strip()

    async def package(self, path: str) -> Package:
        """Return what a package declares; unexported names too, if it is one of the project's."""
        own = path.startswith(".")
        if not own:
            module = await self.module()
            own = bool(module) and (path == module or path.startswith(f"{module}/"))
        flags = ("-all", "-u", "-cmd") if own else ("-all",)
        found = read_package(path, await self.run("go", "doc", *flags, path)) if path else Package()
        return found if path.startswith(".") else found.qualified(package_name(path))

    async def own_package(self) -> Package:
        """Return what the finding's own package declares; for a finding in a test, with what its tests declare."""
        package = await self.package(self.directory)
        if not self.diagnostic.path.endswith("_test.go"):
            return package
        declared = await self.run("sh", "-c", _TESTS, "tests", self.directory)
        tests = read_package(self.directory, _BODY.sub("", declared))
        return Package(
            path=package.path,
            declarations=(*package.declarations, *tests.declarations),
            embedded=package.embedded,
        )

    async def type_of(self, text: str) -> tuple[Package, str]:
        """Return the package and the bare name of a type as the compiler writes it: `*rate.Limiter`, `Box[int]`."""
        plain = text.strip().lstrip("*").split("[", 1)[0].replace('"', "")
        qualifier, _, name = plain.rpartition(".")
        if not name.isidentifier():
            return Package(), ""
        if not qualifier:
            return await self.own_package(), name
        path = qualifier if "/" in qualifier else await self.import_path(qualifier)
        return await self.package(path), name

    # The language server

    async def place_of(self, text: str, *, before: bool = False) -> Place | None:
        """Return where the last name of `text` stands: on the finding's line, or in the ten lines before it."""
        lines = (await self.source()).splitlines()
        at = self.diagnostic.line
        wanted = re.compile(rf"(?<![\w.]){re.escape(text)}(?!\w)")
        for number in range(at, max(0, at - (10 if before else 1)), -1):
            if 0 < number <= len(lines):
                found = list(wanted.finditer(lines[number - 1]))
                if found:
                    nearest = min(found, key=lambda match: abs(match.end() - self.diagnostic.column))
                    column = nearest.end() - len(text.rpartition(".")[2]) + 1
                    return Place(path=self.diagnostic.path, line=number, column=column)
        return None

    async def members(self, name: str) -> tuple[Declaration, ...]:
        """Return what could stand in place of `.name` on the finding's line, as the language server knows it."""
        lines = (await self.source()).splitlines()
        line = lines[self.diagnostic.line - 1] if 0 < self.diagnostic.line <= len(lines) else ""
        ends = [match.start() + 2 for match in re.finditer(rf"\.{re.escape(name)}\b", line)]
        if not ends:
            return ()
        column = min(ends, key=lambda end: abs(end - self.diagnostic.column))
        try:
            found = await self.symbols.members(
                Place(path=self.diagnostic.path, line=self.diagnostic.line, column=column)
            )
        except AnalysisUnavailable:
            return ()
        return tuple(declared(symbol) for symbol in found)

    async def described(self, expression: str) -> Declaration | None:
        """Return what a name or selector near the finding stands for, by the language server or else by `go doc`."""
        place = await self.place_of(expression, before=True)
        if place is not None:
            try:
                symbol = await self.symbols.describe(place)
            except AnalysisUnavailable:
                symbol = None
            if symbol is not None and symbol.signature:
                return declared(symbol)
        return await self._documented(expression)

    async def _documented(self, expression: str) -> Declaration | None:
        left, _, name = expression.rpartition(".")
        if not left:
            return (await self.own_package()).named(name)
        imports = await self.imports()
        if left in imports:
            return (await self.package(imports[left])).named(name)
        return await self._method(name, imports)

    async def _method(self, name: str, imports: Mapping[str, str]) -> Declaration | None:
        """Return the method of this name, where only one type of the packages in use has one."""
        found: list[Declaration] = []
        for path in (self.directory, *imports.values()):
            package = await self.package(path)
            found.extend(one for one in package.declarations if one.owner and one.name == name)
        return found[0] if len(found) == 1 else None


def package_name(path: str) -> str:
    """Return the name that a package of this import path most likely has."""
    last = _MAJOR.sub("", path).rpartition("/")[2]
    return last.removeprefix("go-").removesuffix("-go").removesuffix(".go").replace("-", "")


def declared(symbol: Symbol) -> Declaration:
    """Return a symbol of the language server as a declaration: `Name(parameters) results`."""
    name = symbol.name.rpartition(".")[2]
    text = _RECEIVER.sub("", symbol.signature).removeprefix("func ").strip()
    text = re.sub(rf"^(?:[\w./]+\.)?{name}(?=[(\[])", name, text)
    if text.startswith("func(") and symbol.kind in ("func", "method"):
        text = f"{name}{text.removeprefix('func')}"
    elif not re.match(rf"(?:(?:type|var|const|field) )?{name}\b", text):
        text = f"{name} {text}".strip()
    # gopls writes a type behind each parameter.
    while (shorter := _REPEATED.sub(r"\1, \3 \2", text)) != text:
        text = shorter
    doc = sentence(_ESCAPED.sub(r"\1", symbol.doc)).removeprefix(f"{name} ")
    return Declaration(name=name, kind=symbol.kind, signature=" ".join(text.split()), doc=doc)
