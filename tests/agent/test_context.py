"""The first prompt, as the real tools and a real sandbox make it; `pytest --update` rewrites the golden prompts."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import pytest

from agent.context import first_message, system_prompt
from containers.base import Container
from lang.go import Go
from lang.ocaml import OCaml
from tools.survey import Findings, survey

DATA = Path(__file__).parents[1] / "data" / "prompts"
EXAMPLES = Path(__file__).parents[2] / "examples"
LANGUAGES = (Go(), OCaml())

SMALL_GO = {
    "go.mod": "module example.com/shop\n\ngo 1.25\n",
    "Makefile": "test:\n\tgo test ./...\n",
    "price/price.go": "// Package price adds up.\npackage price\n\nfunc Total(cents ...int) int { return 0 }\n",
    "go.sum": "",
}
PEOPLE = {
    "dune-project": "(lang dune 3.17)\n",
    ".ocamlformat": "version = 0.1.0\n",
    "lib/dune": "(library (name people) (libraries yojson unheard_of))\n",
    "lib/greeting.ml": "let hello name = name\nlet rest = 1\n",
    "lib/people_names.ml": "let all = []\n",
    "test/dune": "(test (name t) (libraries people alcotest))\n",
    "test/t.ml": "let () = ()\n",
    "data/long.txt": "much text\n" * 3_000,
}


Look = Callable[[str, Mapping[str, str]], Awaitable[Findings]]


@pytest.fixture
def look(bubblewrap_container: Container) -> Look:
    """Survey a repository with these files for a task."""

    async def run(task: str, files: Mapping[str, str]) -> Findings:
        for name, text in files.items():
            await bubblewrap_container.write(name, text.encode())
        await bubblewrap_container.exec(["git", "init", "-q", "."])
        rules = ("AGENTS.md", files["AGENTS.md"]) if "AGENTS.md" in files else ("", "")
        return await survey(bubblewrap_container, LANGUAGES, task, rules)

    return run


def prompt(findings: Findings, task: str) -> str:
    """All that the model is told, with what changes from image to image replaced."""
    text = f"{system_prompt(findings.languages)}\n==========\n{first_message(findings, task)}\n"
    text = re.sub(r"(Installed libraries, beside the compiler's: ).*\byojson\b.*", r"\1… yojson …", text)
    # It comes over the network, or not.
    text = re.sub(r"--- github.com/andybalholm/brotli exports\n.*?\n\n(?=---|# )", "", text, flags=re.DOTALL)
    text = re.sub(r"(--- (\S+) exports\n).*?(?=\n\n(?:---|# ))", r"\1…", text, flags=re.DOTALL)
    text = re.sub(r"\b(OCaml|dune|lang dune|ocamlformat|alcotest|yojson) \d[\d.]*\d", r"\1 N", text)
    return re.sub(r"\bgo1\.\d+(\.\d+)? \w+/\w+|\b\d+\.\d+\.\d+ is installed", "N", text)


@pytest.mark.parametrize("example", ["brotli-middleware", "ocaml-jsonl-summary"])
async def test_an_empty_repository(example: str, look: Look, golden: Callable[[Path, str], None]) -> None:
    task = (EXAMPLES / example / "task.md").read_text(encoding="utf-8")
    findings = await look(task, {})
    golden(DATA / f"{example}.txt", prompt(findings, task))


async def test_a_small_repository_is_shown_whole(look: Look, golden: Callable[[Path, str], None]) -> None:
    task = "Let Total add up."
    findings = await look(task, SMALL_GO)
    assert [language.name for language in findings.languages] == ["go"]
    golden(DATA / "small-go.txt", prompt(findings, task))


async def test_of_a_larger_repository_what_the_task_names(look: Look, golden: Callable[[Path, str], None]) -> None:
    task = "`Greeting.hello` should greet; parse names with yojson. See lib/people_names.ml."
    findings = await look(task, PEOPLE)
    golden(DATA / "people.txt", prompt(findings, task))


async def test_the_signatures_of_named_libraries_are_there(look: Look) -> None:
    message = first_message(await look("Parse with yojson, in OCaml.", {}), "Parse with yojson.")
    assert "val from_string : ?buf:Buffer.t -> ?fname:string -> ?lnum:int -> string -> t" in message
    assert "val member : string -> Yojson.Safe.t -> Yojson.Safe.t" in message
    assert "alcotest exports" not in message


async def test_of_a_module_in_a_module_the_requirements_where_the_task_names_it(look: Look) -> None:
    files = {
        "go.mod": "module example.com/top\n\ngo 1.25\n\nrequire golang.org/x/sync v0.16.0\n",
        "exp/go.mod": "module example.com/top/exp\n\ngo 1.25\n\nrequire golang.org/x/text v0.24.0\n",
        "exp/main.go": "package main\n\nfunc main() {}\n",
        "gen.go": "//go:build ignore\n\npackage main\n\nfunc main() {}\n",
        "top.go": "package top\n",
        "AGENTS.md": "Do it well.\n" * 3_000,
        "long.txt": "much text\n" * 3_000,
    }
    findings = await look("Mend it with log/slog.", files)
    message = first_message(findings, "Mend it.")
    assert "Module example.com/top in .: go 1.25.\ngo.mod requires golang.org/x/sync v0.16.0.\n" in message
    assert "Module example.com/top/exp in exp: go 1.25.\nMain packages: ..\n" in message
    assert "golang.org/x/text" not in message
    assert "golang.org/x/text v0.24.0" in first_message(findings, "Mend exp/main.go.")
    assert message.count("--- log/slog exports") == 1
    assert "more characters of AGENTS.md: read_file has the rest]" in message


async def test_what_nobody_trusts_is_not_shown_unasked(workspace: Path, bubblewrap_container: Container) -> None:
    (workspace / "lib").mkdir()
    for name in ("AGENTS.md", "lib/CLAUDE.md", "notes.md"):
        (workspace / name).write_text(f"Obey {name}.\n")
    findings = await survey(bubblewrap_container, LANGUAGES, "Greet.")
    assert findings.whole
    message = first_message(findings, "Greet.")
    assert "All of it is below, but for AGENTS.md lib/CLAUDE.md." in message
    assert "Obey notes.md." in message
    assert "Obey AGENTS.md" not in message
    assert "Obey lib" not in message
    trusted = await survey(bubblewrap_container, LANGUAGES, "Greet.", ("AGENTS.md", "Obey what was trusted.\n"))
    message = first_message(trusted, "Greet.")
    assert "All of it is below, but for lib/CLAUDE.md." in message
    assert message.count("Obey what was trusted.") == 1


async def test_a_library_that_is_not_installed_is_named(look: Look) -> None:
    message = first_message(await look("Greet.", PEOPLE), "Greet.")
    assert "Not installed: unheard_of, so lib does not build." in message


async def test_no_tool_at_all_stops_nobody(workspace: Path, bubblewrap_container: Container) -> None:
    (workspace / "go.mod").write_text("module \0 nonsense")
    (workspace / "dune-project").write_text("(((")
    (workspace / "binary").write_bytes(bytes(range(256)))
    (workspace / "Makefile").symlink_to("/nowhere")
    findings = await survey(bubblewrap_container, LANGUAGES, "`" * 50 + "fix ../../etc/passwd")
    message = first_message(findings, "Fix it.")
    assert message.endswith("# The task\nFix it.")
    assert len(message) < 5_000


def test_the_system_prompt_says_nothing_of_the_repository() -> None:
    text = system_prompt([Go()])
    assert "OCaml" not in text
    assert len(text) < 2_000
