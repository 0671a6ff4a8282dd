"""Folders that only their owner may look into."""

from __future__ import annotations

from pathlib import Path

import pytest

from containers.private_folder import make_private


@pytest.mark.parametrize("before", [None, 0o755, 0o777, 0o700])
def test_no_other_user_may_look_into_it(tmp_path: Path, before: int | None) -> None:
    folder = tmp_path / "state" / "sessions"
    if before is not None:
        folder.mkdir(parents=True)
        folder.chmod(before)
    make_private(folder)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_what_a_link_leads_to_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o755)
    (tmp_path / "link").symlink_to("elsewhere")
    make_private(tmp_path / "link")
    assert (tmp_path / "elsewhere").stat().st_mode & 0o777 == 0o755
