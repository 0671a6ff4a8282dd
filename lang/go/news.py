"""What there is to say against a module's version: retracted, deprecated, vulnerable, outdated."""

from __future__ import annotations

import asyncio
import re

from lang.analysis import Bench
from lang.base import Project, Step
from lang.dependencies import UNCHECKED
from lang.go import candidates, fetching

_MOST_MAJORS = 64

# The answer should not wait for a database that can't be reached. The scan sees only modules whose packages are
# imported, and the project doesn't import this one yet: so it gets a module that does.
_VULNERABLE = r"""
export GOWORK=off
database=${GOVULNDB:-https://vuln.go.dev}
case $database in
file:*) ;;
*) curl -sf --connect-timeout 3 --max-time 5 -o /dev/null "$database/index/db.json" 2>/dev/null || exit 3 ;;
esac
module=$1 version=$2 package=$3
packages=$(go list -mod=readonly -find "$package" 2>/dev/null ||
    go list -mod=readonly -find "$module/..." 2>/dev/null | grep -v /internal | head -n 5)
[ -n "$packages" ] || exit 3
here=$(mktemp -d) || exit 3
trap 'rm -rf "$here"' EXIT
cp go.sum "$here/" 2>/dev/null
cd "$here" && printf 'module bactrian\n\nrequire %s %s\n' "$module" "$version" >go.mod || exit 3
{ echo 'package bactrian'; for each in $packages; do printf 'import _ "%s"\n' "$each"; done; } >import.go
export GOFLAGS="${GOFLAGS:-} -mod=mod"
timeout 20 govulncheck -db "$database" -scan=module -format=json 2>/dev/null
"""


async def news(bench: Bench, project: Project, module: str, version: str, package: str) -> list[str]:
    """Return a line for each thing one should know before relying on a module; `[]` where all is well."""
    told = await asyncio.gather(
        _state(bench, project, module, version),
        _majors(bench, project, module),
        _vulnerable(bench, project, module, version, package),
    )
    return [line for lines in told for line in lines]


async def _state(bench: Bench, project: Project, module: str, version: str) -> list[str]:
    queries = [f"{module}@{version}"] if version else []
    found = (
        fetching.parse_probe(await bench.run(fetching.probe(project, "news", queries, timeout_s=15))) if queries else ()
    )
    lines = list[str]()
    for each in found[:1]:
        if each.retracted:
            why = _line("; ".join(each.retracted))
            lines.append(f"RETRACTED by its author: {module} {version}{': ' + why if why else ''}.")
        if each.deprecated:
            lines.append(f"DEPRECATED: {_line(each.deprecated)}")
        if each.newest:
            lines.append(f"{each.newest} is newer.")
    return lines


async def _majors(bench: Bench, project: Project, module: str) -> list[str]:
    """Look for major versions beyond the module's, a few at a time as long as there are some."""
    newest, at = "", module
    while candidates.major_number(at) < _MOST_MAJORS:
        asked = candidates.majors(at)
        output = await bench.run(fetching.probe(project, "modules", (f"{path}@latest" for path in asked), timeout_s=10))
        real = {each.path: each.version for each in fetching.parse_probe(output) if each.version}
        following = [path for path in asked if path in real]
        if not following:
            break
        at = following[-1]
        newest = f"{at} {real[at]}"
    return [f"A newer major version has a path of its own: {newest}."] if newest else []


async def _vulnerable(bench: Bench, project: Project, module: str, version: str, package: str) -> list[str]:
    step = Step(argv=("sh", "-c", _VULNERABLE, "go", module, version, package), cwd=project.root, timeout_s=30.0)
    output = await bench.run(step)
    if output.exit_code:
        return [f"{UNCHECKED} for vulnerabilities: no database at hand."]
    found = candidates.vulnerabilities(output.stdout, module)
    return [f"VULNERABLE: {', '.join(found[:6])}."] if found else []


def _line(text: str) -> str:
    """Return text as one short line without a full stop at its end."""
    line = re.sub(r"\s+", " ", text).strip().rstrip(".")
    return line if len(line) <= 200 else f"{line[:200]}…"
