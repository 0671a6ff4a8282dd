"""What is shipped: the wheel made from the sdist holds the four packages and nothing else, and works alone."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_wheel_from_the_sdist_holds_exactly_the_four_packages(tmp_path: Path) -> None:
    uv = str(Path(sys.executable).with_name("uv"))
    subprocess.run([uv, "build", "--quiet", "--out-dir", str(tmp_path), str(ROOT)], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {
        *("agent", "tools", "containers", "lang")
    }
    shipped = {
        str(path.relative_to(ROOT))
        for package in ("agent", "tools", "containers", "lang")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in names if ".dist-info/" not in name} == shipped
    # Installed by itself, it starts and finds its data: the image's recipe and the supervisor's source.
    venv = tmp_path / "venv"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(venv)], check=True)
    subprocess.run([uv, "pip", "install", "--quiet", "--python", str(venv / "bin" / "python"), str(wheel)], check=True)
    code = "from containers.recipe import recipe; print(len(dict(recipe().files)['Dockerfile']))"
    shown = subprocess.run([str(venv / "bin" / "python"), "-P", "-c", code], capture_output=True, text=True, check=True)
    assert int(shown.stdout) > 100
    helped = subprocess.run([str(venv / "bin" / "bactrian"), "--help"], capture_output=True, text=True, cwd=tmp_path)
    assert "A coding agent for Go and OCaml" in helped.stdout
