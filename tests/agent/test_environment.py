"""The variables of a session's commands: what the host says of registries, without its passwords."""

from __future__ import annotations

import pytest

from agent.config import Settings
from agent.environment import environment, withheld
from lang.go import Go
from lang.ocaml import OCaml


def test_addresses_lose_their_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOPROXY", "https://ada:s3cret@proxy.example.com/go,https://proxy.golang.org|direct")
    monkeypatch.setenv("GOPRIVATE", "example.com/*")
    settings = Settings(opam_repository="https://t0ken@opam.example.com/repo?at=2026")
    found = environment(settings, [Go(), OCaml()])
    assert found["GOPROXY"] == "https://proxy.example.com/go,https://proxy.golang.org|direct"
    assert found["GOPRIVATE"] == "example.com/*"
    assert found["BACTRIAN_OPAM_REPOSITORY"] == "https://opam.example.com/repo?at=2026"
    assert withheld(settings, [Go(), OCaml()]) == ("GOPROXY", "BACTRIAN_OPAM_REPOSITORY")


def test_addresses_without_passwords_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOPROXY", "https://proxy.example.com/@team/go,off")
    assert environment(Settings(), [Go()])["GOPROXY"] == "https://proxy.example.com/@team/go,off"
    assert withheld(Settings(), [Go()]) == ()
