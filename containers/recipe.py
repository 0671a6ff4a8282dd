"""The session image's recipe: its files, what it is tagged by, and the host's certificates that go in."""

from __future__ import annotations

import hashlib
import importlib.resources
import os
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from containers.base import ContainerUnavailable

BASE = "debian:forky-slim"
SUITE = "forky"
REPOSITORY = "bactrian/session"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What an image is built from: file names and contents, the base's name, and a project's own Dockerfile."""

    files: tuple[tuple[str, bytes], ...]
    base: str = BASE
    project_dockerfile: bytes = b""

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits that change with anything the shared image is built from."""
        return _digest(self.base.encode(), *(part for name, data in self.files for part in (name.encode(), data)))

    @property
    def tag(self) -> str:
        """The shared image's name."""
        return f"{REPOSITORY}:{self.digest}"

    @property
    def project_tag(self) -> str:
        """The image's name with the project's own Dockerfile on top; the shared one without it."""
        if not self.project_dockerfile:
            return self.tag
        return f"{REPOSITORY}-project:{_digest(self.digest.encode(), self.project_dockerfile)}"


def recipe(project_dockerfile: bytes = b"") -> Recipe:
    """Read the shipped recipe and the host's CA bundle; a project's own Dockerfile goes on top, as a person trusts it.

    Raises ContainerUnavailable: one of them can't be read.
    """
    files = dict(_shipped())
    try:
        if bundle := host_ca_bundle():
            files["host-ca.crt"] = bundle.read_bytes()
    except OSError as error:
        raise ContainerUnavailable(f"{error.filename} can't be read for the image: {error.strerror}") from error
    return Recipe(
        files=tuple(sorted(files.items())),
        base=os.environ.get("BACTRIAN_BASE_IMAGE", BASE),
        project_dockerfile=project_dockerfile,
    )


def host_ca_bundle() -> Path | None:
    """Return the certificate bundle that this host trusts: `SSL_CERT_FILE`, else the system's."""
    paths = ssl.get_default_verify_paths()
    for candidate in (os.environ.get("SSL_CERT_FILE"), paths.cafile, "/etc/ssl/certs/ca-certificates.crt"):
        if candidate and Path(candidate).is_file():
            return Path(candidate)
    return None


def _shipped() -> Iterator[tuple[str, bytes]]:
    for item in importlib.resources.files("containers").joinpath("image").iterdir():
        if item.name == "Dockerfile" or item.name.endswith(".sh"):
            yield item.name, item.read_bytes()


def _digest(*parts: bytes) -> str:
    total = hashlib.sha256()
    for part in parts:
        total.update(len(part).to_bytes(8, "big") + part)
    return total.hexdigest()[:12]
