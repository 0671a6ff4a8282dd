"""What the module proxy knows: which modules there are, in which versions, and what go each asks for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lang.analysis import Bench
from lang.base import Project
from lang.go import candidates, failures, fetching

_RELEASES = 40


@dataclass(frozen=True, slots=True)
class Proxy:
    """The module proxy, asked from a project on a bench."""

    project: Project
    bench: Bench

    async def facts(self, paths: Sequence[str], *, strict: bool = False) -> dict[str, fetching.Module]:
        """Return the modules that hold packages, as far as the proxy has them.

        Raises NotAdded, if `strict`, where the proxy could not be asked about any of them.
        """
        asked = dict.fromkeys(prefix for path in paths for prefix in candidates.prefixes(path))
        output = await self.bench.run(fetching.probe(self.project, "modules", (f"{path}@latest" for path in asked)))
        found = fetching.parse_probe(output)
        modules = {module.path: module for module in found if module.version}
        errors = [module.error for module in found if module.error]
        if strict and not modules and errors and all(failures.kind_of(error) == "network" for error in errors):
            raise failures.failure(errors[0], path=paths[0], proxy=fetching.proxy_of(output))
        holders = ((path, next((p for p in candidates.prefixes(path) if p in modules), "")) for path in paths)
        return {path: modules[holder] for path, holder in holders if holder}

    async def fitting(self, module: str, have: str) -> list[str]:
        """Return the releases of a module that a go can use, newest first."""
        releases = (await self.versions(module))[:_RELEASES]
        if not releases:
            return []
        step = fetching.probe(self.project, "needs", (f"{module}@{version}" for version in releases))
        needs = fetching.parse_needs(await self.bench.run(step))
        return [version for version in releases if version in needs and _number(needs[version]) <= _number(have)]

    async def versions(self, module: str) -> list[str]:
        """Return the releases of a module, newest first; those before a release only where there is no other."""
        output = await self.bench.run(fetching.probe(self.project, "versions", [f"{module}@latest"]))
        versions = [version for found in fetching.parse_probe(output) for version in reversed(found.versions)]
        return [version for version in versions if "-" not in version] or versions

    async def module(self, path: str) -> str:
        """Return the module that holds a package; the path itself where that can't be found out."""
        found = await self.facts([path])
        return found[path].path if path in found else path

    async def lacks(self, path: str) -> bool:
        """Whether the proxy answers, and has no module that could hold a package."""
        step = fetching.probe(self.project, "modules", (f"{prefix}@latest" for prefix in candidates.prefixes(path)))
        found = fetching.parse_probe(await self.bench.run(step))
        return {failures.kind_of(module.error) for module in found if module.error} == {"unknown"}


def _number(version: str) -> tuple[int, ...]:
    """Return a go version as numbers: `1.27.3`, `1.22rc1`."""
    return tuple(int(part) for part in re.findall(r"\d+", re.split(r"rc|beta|-", version)[0])[:3])
