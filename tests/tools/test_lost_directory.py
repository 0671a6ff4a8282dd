"""A directory that is removed and made again: dune's watch loses it, and the session must not."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from containers.base import Container
from lang.ocaml import OCaml
from tools.analyses import Analyses

FILES: Mapping[str, str] = {
    "dune-project": "(lang dune 3.0)\n",
    "lib/dune": "(library (name shop) (modules shop))\n",
    "lib/shop.ml": "let price = 3\n",
    "bin/dune": "(executable (name main) (libraries shop))\n",
    "bin/main.ml": "let () = print_int Shop.price\n",
}


async def test_no_finding_says_that_files_are_missing_which_are_there(
    bubblewrap_container: Container, lay_out: Callable[[Mapping[str, str]], None]
) -> None:
    lay_out(FILES)
    analyses = Analyses(container=bubblewrap_container, languages=(OCaml(),))
    analyses.start()
    try:
        assert (await analyses.diagnostics(["lib/shop.ml"], timeout_s=60)).diagnostics == ()
        for text in ("let price = 4\n", 'let price = "4"\n'):
            again = ["sh", "-c", "cp lib/dune /tmp && rm -rf lib && mkdir lib && cp /tmp/dune lib && cat > lib/shop.ml"]
            await bubblewrap_container.exec(again, stdin=text.encode())
            await analyses.changed(["lib/shop.ml", "lib/dune"])
            found = await analyses.diagnostics(["lib/shop.ml"], timeout_s=60)
            assert found.fresh, found.note
            errors = [(one.path, one.line) for one in found.diagnostics]
            assert errors == ([] if text == "let price = 4\n" else [("bin/main.ml", 1)])
    finally:
        await analyses.close()
