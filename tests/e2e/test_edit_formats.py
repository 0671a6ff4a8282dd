"""`bactrian run` with models that edit in their own way: chosen by the model's name, or by the user."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from agent.providers.loopback import Loopback
from agent.providers.script import parse

PATCH = """\
[[turn]]
[[turn.call]]
name = "apply_patch"
[turn.call.input]
patch = '''
*** Begin Patch
*** Add File: go.mod
+module example.com/greet
+
+go 1.24
*** Add File: greet.go
+package greet
+
+func Hello() string { return "helo" }
*** Add File: greet_test.go
+package greet
+
+import "testing"
+
+func TestHello(t *testing.T) {
+	if Hello() != "hello" {
+		t.Fatal(Hello())
+	}
+}
*** Update File: greet.go
@@
-func Hello() string { return "helo" }
+func Hello() string { return "hello" }
*** End Patch
'''
[[turn.call]]
name = "finish"
"""
FILE = "{}\n<<<<<<< SEARCH\n=======\n{}>>>>>>> REPLACE\n"
TEST = """\
package greet

import "testing"

func TestHello(t *testing.T) {
	if Hello() != "hello" {
		t.Fatal()
	}
}
"""
BLOCKS = "".join(
    FILE.format(path, text)
    for path, text in {
        "go.mod": "module example.com/greet\n\ngo 1.24\n",
        "greet.go": 'package greet\n\nfunc Hello() string { return "hello" }\n',
        "greet_test.go": TEST,
    }.items()
)
WORDS = f"[[turn]]\ntext = '''I write:\n{BLOCKS}'''\n[[turn]]\nexpect = ['Created greet.go']\ntext = 'Done.'\n"


def test_a_model_that_was_trained_on_patches_gets_them_unasked(run: Any, repository: Path) -> None:
    with Loopback(parse(PATCH)) as server:
        ended = run(
            *("--repo", repository, "--container", "bubblewrap", "--model", "openai/gpt-5"),
            *("--base-url", server.openai_url, "add a greeting"),
        )
        assert not server.complaints
    assert ended.code == 0, ended.stderr
    (tried,) = ended.of("edit_tried")
    assert (tried["model"], tried["format"], tried["matched"]) == ("openai/gpt-5", "patch", ["exact"])


def test_a_model_that_only_writes_words_still_ends_green_and_is_counted(
    run: Any, repository: Path, environment: dict[str, str]
) -> None:
    with Loopback(parse(WORDS)) as server:
        ended = run(
            *("--repo", repository, "--container", "bubblewrap", "--model", "openai/small"),
            *("--base-url", server.openai_url, "--edit-format", "text", "add a greeting"),
        )
        assert not server.complaints
    assert ended.code == 0, ended.stderr
    argv = [str(Path(sys.executable).with_name("bactrian")), "stats", "--json"]
    (row,) = json.loads(subprocess.run(argv, capture_output=True, text=True, check=True, env=environment).stdout)
    assert (row["model"], row["format"], row["calls"]) == ("openai/small", "text", 1)
