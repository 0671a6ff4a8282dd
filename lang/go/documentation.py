"""Looking packages and symbols up with `go doc`, and what to answer where nothing has that name."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

from lang.base import Documentation, Project, Step, StepOutput
from lang.go import exports, pages
from lang.go.inquiry import LOOK, MARK

TEXT_LIMIT = 16_000
"""Characters of one answer."""
NEAR_LINES = 40
"""How many lines of a package's listing an answer about a missing symbol shows."""

_NOT_FOUND = "Not found: "
_MAJOR_VERSION = re.compile(r"^v\d+$")

# Prints the import path of a package given by its path or by its name alone (chi for github.com/go-chi/chi/v5): the
# project's own packages and imports come first, then the modules that go.mod names (one of the module graph's others
# would make `go list` ask for an update), then the standard library.
FIND_PACKAGE = r"""
find_package() {
    go list -find "$1" 2>/dev/null && return
    {
        go list -e -deps -test -f '{{.Name}} {{.ImportPath}}' ./...
        awk '/^require \(/ { block = 1; next } block && /^\)/ { block = 0 }
             block && /^\t[a-z]/ { print $1 "/..." } /^require [^(]/ { print $2 "/..." }' go.mod |
            xargs -r go list -e -find -f '{{.Name}} {{.ImportPath}}'
        go list -find -f '{{.Name}} {{.ImportPath}}' std
    } 2>/dev/null | awk -v name="$1" '$1 == name && !found && ("/" $2 "/") !~ /\/(internal|vendor)\// {
        print $2; found = 1 }'
}
"""

_NEAR = (
    FIND_PACKAGE
    + r"""
package=
[ -z "$2" ] || package=$(find_package "$2")
if [ -n "$package" ]; then
    echo "Not found: $1. What is there in $package:"
    case $3 in *.*) go doc "$package.${3%%.*}" 2>/dev/null ;; esac
    go doc -short "$package"
    exit
fi
if [ -z "$2" ]; then
    for each in $(go list -e -find ./... 2>/dev/null); do
        found=$(go doc "$each.${3%%.*}" 2>/dev/null) && { echo "Not found: $1. What is there:"; echo "$found"; exit; }
    done
fi
echo "Not found: $1. Nothing of that name is in this project, its modules or the standard library."
[ -f go.mod ] || exit 0
modules=$(go list -m -f '{{if not (or .Main .Indirect)}}{{.Path}} {{.Version}}{{end}}' all 2>/dev/null)
[ -z "$modules" ] || printf 'Modules it requires (add_dependency adds one):\n%s\n' "$modules"
"""
)


def split(symbol: str) -> tuple[str, str]:
    """Return the package and the symbol in it (`Type`, `Type.Method`, or empty) of what a model may write.

    A name that begins with a capital has no package: it is looked for in the project.
    """
    directory, slash, last = normal(symbol).rpartition("/")
    parts = last.split(".")
    cut = 2 if len(parts) > 1 and _MAJOR_VERSION.match(parts[1]) else 1
    if not slash and last[:1].isupper():
        return "", last
    return f"{directory}{slash}{'.'.join(parts[:cut])}", ".".join(parts[cut:])


def normal(symbol: str) -> str:
    """Return a symbol without what models put around it: backticks, receivers' parentheses, stars, calls, versions."""
    plain = re.sub(r"@[^\s.]+(?:\.\d[\w.-]*)*", "", symbol.strip().strip("`\"'"))
    plain = re.sub(r"(^|\.)\(\s*(?:\*\s*)?([\w./]+)\s*\)", r"\1\2", plain)
    plain = re.sub(r"[({\[].*$", "", plain, flags=re.DOTALL).removeprefix("func ").removeprefix("type ")
    return ".".join(re.sub(r"[*&`]", "", plain).split()).strip("./")


def documentation_steps(project: Project, symbol: str) -> tuple[Step, ...]:
    """Return the ways to find a symbol, best first; the last one only says what is near."""
    plain = normal(symbol)
    package, name = split(symbol)
    return (
        _script(project, LOOK, package or ("" if name else "."), name),
        _script(project, _NEAR, plain, package, name),
    )


def _script(project: Project, script: str, *arguments: str) -> Step:
    return Step(argv=("sh", "-c", script, "documentation", *arguments), cwd=project.root, timeout_s=60.0)


def parse_documentation(symbol: str, output: StepOutput) -> Documentation:
    """Read what one of the steps printed."""
    said = output.stdout.strip()
    if said.startswith(_NOT_FOUND):
        return Documentation(found=False, text=_limited(_nearest(said, split(symbol)[1])))
    if said.startswith(exports.FOUND):
        offered = exports.told(said)
        return Documentation(found=bool(offered), text=offered or f"{_NOT_FOUND}{symbol}")
    if said.startswith(MARK):
        return Documentation(found=True, text=_limited(pages.page(normal(symbol), said)))
    if output.exit_code == 0 and said:
        return Documentation(found=True, text=_limited(said))
    lines = (line.removeprefix("doc: ") for line in output.stderr.splitlines() if not line.startswith("exit status"))
    reason = "\n".join(lines).strip() or f"nothing is documented under {normal(symbol) or 'that name'}"
    return Documentation(found=False, text=_limited(f"{_NOT_FOUND}{reason}"))


def _nearest(said: str, name: str) -> str:
    """Shorten a listing to the lines most like `name`, in their order."""
    heading, *listing = said.splitlines()
    if len(listing) <= NEAR_LINES:
        return said
    ranked = sorted(range(len(listing)), key=lambda at: -_likeness(listing[at], name))
    kept = [listing[at] for at in sorted(ranked[:NEAR_LINES])]
    return "\n".join((heading, *kept, f"… {len(listing) - NEAR_LINES} lines less like it left out"))


def _likeness(line: str, name: str) -> float:
    words = re.findall(r"[A-Za-z_]\w*", line)[:4]
    wanted = name.rpartition(".")[2].lower()
    return max((SequenceMatcher(None, word.lower(), wanted).ratio() for word in words), default=0.0)


def _limited(said: str) -> str:
    if len(said) <= TEXT_LIMIT:
        return said
    return f"{said[:TEXT_LIMIT]}\n… cut here: ask for one symbol to see the rest"
