"""The main job, twice: a Go package and an OCaml package, each built green in a container and handed over as a branch.

`make demo` runs this. The models are scripts (`model.toml`) that make the mistakes models make and react to what
Bactrian answers; containers, toolchains and the module proxy are real.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

EXAMPLES = Path(__file__).parent
NAMES = ("brotli-middleware", "ocaml-jsonl-summary")


def main() -> int:
    """Run the examples named on the command line, or all; return 0 if all ended green."""
    bactrian = Path(sys.executable).with_name("bactrian")
    # The same place each time: build caches go by it. What an earlier demo left there is replaced.
    folder = Path(tempfile.gettempdir()) / f"bactrian-demo-{os.getuid()}"
    for name in sys.argv[1:] or NAMES:
        repository = folder / name
        shutil.rmtree(repository, ignore_errors=True)
        subprocess.run(["git", "init", "--quiet", str(repository)], check=True)
        task, model = EXAMPLES / name / "task.md", EXAMPLES / name / "model.toml"
        print(f"\n$ bactrian run --task-file {task} --model scripted/{model}", flush=True)
        argv = [bactrian, "run", "--repo", repository, "--task-file", task, "--model", f"scripted/{model}"]
        ended = subprocess.run(argv, check=False).returncode
        if ended:
            print(f"{name} ended with exit code {ended}; its repository is {repository}", file=sys.stderr)
            return ended
        print(f"\n$ git -C {repository} log --all --stat --oneline", flush=True)
        subprocess.run(["git", "-C", str(repository), "--no-pager", "log", "--all", "--stat", "--oneline"], check=True)
    print(f"\nThe packages are in {folder}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
