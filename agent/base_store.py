"""Keeps the checks of bases on the host, by their trees and tools: the next session on that commit need not wait."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from agent.redacted import redacted
from agent.redaction import Redactor
from containers.private_folder import make_private
from tools.check_report import CheckReport

if TYPE_CHECKING:
    from pydantic import TypeAdapter

KEPT_S = 14 * 24 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseFolder:
    """A folder with a JSON file for each base's check. Implements `tools.checks.BaseStore`.

    A file that can't be read, or written, is no error: the base is then checked again.
    """

    folder: Path
    repository: str
    """Names the repository: what its code has made of a check is believed there, and nowhere else."""
    redactor: Redactor = field(default_factory=Redactor)

    def load(self, key: str) -> CheckReport | None:
        """Return what was kept in the last two weeks: what a test meets in the world may have changed since."""
        path = self._path(key)
        try:
            if time.time() - path.stat().st_mtime > KEPT_S:
                return None
            return _adapter().validate_json(path.read_bytes())
        except (OSError, ValueError):
            return None

    def save(self, key: str, report: CheckReport) -> None:
        """Keep a report without secrets, and drop those that are too old."""
        path = self._path(key)
        with contextlib.suppress(OSError):
            make_private(self.folder)
            for old in self.folder.glob("*.json"):
                if time.time() - old.stat().st_mtime > KEPT_S:
                    old.unlink(missing_ok=True)
            part = path.with_suffix(f".{os.getpid()}.part")
            part.write_bytes(_adapter().dump_json(redacted(report, self.redactor)))
            part.replace(path)

    def _path(self, key: str) -> Path:
        return self.folder / f"{self.repository}-{key}.json"


def _adapter() -> TypeAdapter[CheckReport]:
    from pydantic import TypeAdapter

    return TypeAdapter(CheckReport)
