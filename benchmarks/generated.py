"""Projects of fifty packages that import one another, in both languages: large enough that a cold build is felt."""

from __future__ import annotations

import random
from collections.abc import Iterator

COUNT = 50
ROOT, LEAF = "p00", f"p{COUNT - 1:02d}"
"""The package that most others come to depend on, and one that none does."""
_FILES, _FUNCTIONS = 4, 10


def dependencies() -> Iterator[tuple[str, list[str]]]:
    """Yield each package with those of the ones before that it imports; the same on every run."""
    chosen = random.Random(7)
    names = [f"p{number:02d}" for number in range(COUNT)]
    for number, name in enumerate(names):
        before = names[max(0, number - 12) : min(number, COUNT - 2)]
        yield name, sorted(chosen.sample(before, min(3, len(before))))


def go_module() -> dict[str, str]:
    """Return the files of a Go module, with tests and a program on top."""
    files = {"go.mod": "module example.com/big\n\ngo 1.24\n"}
    for name, imported in dependencies():
        lines = "".join(f'import "example.com/big/{each}"\n' for each in imported)
        sums = " + ".join(["n", *(f"{each}.Sum(n-1)%1000" for each in imported)])
        files[f"{name}/sum.go"] = (
            f"package {name}\n\n{lines}\n// Sum adds up.\nfunc Sum(n int) int {{\n\treturn {sums}\n}}\n"
        )
        for file in range(_FILES):
            files[f"{name}/f{file}.go"] = _go_file(name, file)
        files[f"{name}/sum_test.go"] = (
            f'package {name}\n\nimport "testing"\n\nfunc TestSum(t *testing.T) {{\n\tif Sum(1) < -100000 {{\n'
            '\t\tt.Fatal("sum")\n\t}\n}\n'
        )
    files["cmd/app/main.go"] = (
        f'package main\n\nimport (\n\t"fmt"\n\n\t"example.com/big/{ROOT}"\n)\n\n'
        f"func main() {{ fmt.Println({ROOT}.Sum(3)) }}\n"
    )
    return files


def _go_file(package: str, file: int) -> str:
    parts = [f'package {package}\n\nimport (\n\t"fmt"\n\t"sort"\n\t"strings"\n)\n']
    parts += [
        f"""
// T{file}x{number} is a record.
type T{file}x{number} struct {{
	Name string `json:"name"`
	Tags []string
}}

// Join sorts and joins the tags.
func (t *T{file}x{number}) Join(n int) (string, error) {{
	if n < 0 {{
		return "", fmt.Errorf("bad %d", n)
	}}
	keys := make([]string, 0, len(t.Tags))
	for _, tag := range t.Tags {{
		keys = append(keys, strings.ToUpper(tag))
	}}
	sort.Strings(keys)
	return strings.Join(keys, ","), nil
}}
"""
        for number in range(_FUNCTIONS)
    ]
    return "".join(parts)


def ocaml_project() -> dict[str, str]:
    """Return the files of a dune project: libraries with interfaces, a test of each, a program on top."""
    files = {"dune-project": "(lang dune 3.0)\n", "bin/dune": f"(executable (name main) (libraries {ROOT}))\n"}
    files["bin/main.ml"] = f"let () = print_int ({ROOT.title()}.Sum.sum 3)\n"
    for name, imported in dependencies():
        files[f"{name}/dune"] = f"(library (name {name}) (libraries {' '.join(imported)}))\n"
        sums = " + ".join(["n", *(f"({each.title()}.Sum.sum (n - 1) mod 1000)" for each in imported)])
        files[f"{name}/sum.ml"] = f"let sum n = {sums}\n"
        files[f"{name}/sum.mli"] = "val sum : int -> int\n(** Adds up. *)\n"
        for file in range(_FILES):
            files[f"{name}/m{file}.ml"] = _ocaml_file(file)
        files[f"{name}/test/dune"] = f"(test (name test_{name}) (libraries {name}))\n"
        files[f"{name}/test/test_{name}.ml"] = f"let () = assert ({name.title()}.Sum.sum 1 > -100000)\n"
    return files


def _ocaml_file(file: int) -> str:
    return "".join(
        f"""type t{file}x{number} = {{ name : string; tags : string list }}

let join{file}x{number} r n =
  if n < 0 then Error (Printf.sprintf "bad %d" n)
  else Ok (r.name ^ String.concat "," (List.sort compare (List.map String.uppercase_ascii r.tags)))

"""
        for number in range(_FUNCTIONS)
    )
