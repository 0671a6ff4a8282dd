"""The recipe's digest, images on top of the shared one, and what is said when none can be had."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from containers.base import ContainerUnavailable
from containers.docker import DockerContainer, DockerSpec, connect, session_user
from containers.images import debian_mirror, debootstrap_argv, ensure_image, export_image, has_image
from containers.recipe import Recipe, recipe

PLAIN = Recipe(files=(("Dockerfile", b"FROM x"), ("base.sh", b"true")), base="debian:x")


@pytest.mark.parametrize(
    "other",
    [
        replace(PLAIN, base="debian:y"),
        replace(PLAIN, files=(("Dockerfile", b"FROM y"), ("base.sh", b"true"))),
        replace(PLAIN, files=(("Dockerfile", b"FROM x"), ("other.sh", b"true"))),
        replace(PLAIN, files=(*PLAIN.files, ("host-ca.crt", b"certificate"))),
        replace(PLAIN, files=(("Dockerfile", b"FROM xbase.sh"), ("", b"true"))),
    ],
)
def test_digest_changes_with_each_input(other: Recipe) -> None:
    assert other.digest != PLAIN.digest
    assert other.tag != PLAIN.tag


def test_digest_is_stable() -> None:
    assert replace(PLAIN).digest == PLAIN.digest
    assert len(PLAIN.digest) == 12
    assert recipe().tag == recipe().tag


def test_a_projects_dockerfile_changes_only_its_own_tag() -> None:
    assert recipe().project_tag == recipe().tag
    own = recipe(b"ARG BASE\nFROM ${BASE}\n")
    assert own.tag == recipe().tag
    assert own.project_tag.startswith("bactrian/session-project:")
    assert replace(own, project_dockerfile=b"other").project_tag != own.project_tag


def test_the_hosts_certificates_are_part_of_the_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = recipe().digest
    (tmp_path / "ca.pem").write_text("another authority")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    assert dict(recipe().files)["host-ca.crt"] == b"another authority"
    assert recipe().digest != before


@pytest.fixture
def project(image: str) -> Iterator[Recipe]:
    """A recipe with a project's own step; its image goes afterwards."""
    assert image
    own = replace(recipe(), project_dockerfile=b"ARG BASE\nFROM ${BASE}\nRUN echo 'from the project' > /etc/project\n")
    yield own
    with contextlib.closing(connect()) as client:
        client.images.remove(own.project_tag, force=True)


async def test_a_projects_dockerfile_builds_on_the_shared_image(
    project: Recipe, workspace: Path, cache_volume: str
) -> None:
    said: list[str] = []
    assert not has_image(project)
    tag = ensure_image(project, progress=said.append)
    assert tag == project.project_tag
    assert has_image(project)
    assert any("from the project" in line for line in said)
    said.clear()
    assert ensure_image(project, progress=said.append) == tag
    assert said == []
    spec = DockerSpec(image=tag, workspace=workspace, cache_volume=cache_volume)
    async with await DockerContainer.start(spec) as container:
        assert (await container.exec(["cat", "/etc/project"])).stdout.text() == "from the project\n"


def test_a_projects_dockerfile_that_fails(image: str) -> None:
    assert image
    own = replace(recipe(), project_dockerfile=b"ARG BASE\nFROM ${BASE}\nRUN echo reason; exit 9\n")
    with pytest.raises(ContainerUnavailable, match=r"^the image can't be built: .*exit 9.*reason") as caught:
        ensure_image(own, progress=print)
    assert "\n" not in str(caught.value)


async def test_no_engine_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    calls = [connect, lambda: has_image(PLAIN), lambda: ensure_image(PLAIN, progress=print)]
    for call in (*calls, lambda: export_image("x", tmp_path)):
        with pytest.raises(ContainerUnavailable, match=r"^no Docker engine answers at unix://.*: start it, or [^\n]*$"):
            call()
    with pytest.raises(ContainerUnavailable, match="no Docker engine"):
        await DockerContainer.start(DockerSpec(image="x", workspace=tmp_path, cache_volume="x"))


async def test_no_image_is_one_line(image: str, workspace: Path, cache_volume: str) -> None:
    assert image
    spec = DockerSpec(image="bactrian/none:at-all", workspace=workspace, cache_volume=cache_volume)
    with pytest.raises(ContainerUnavailable, match=r"^no image bactrian/none:at-all: `bactrian image` builds it$"):
        await DockerContainer.start(spec)


async def test_a_workspace_that_is_not_there(image: str, tmp_path: Path, cache_volume: str) -> None:
    spec = DockerSpec(image=image, workspace=tmp_path / "gone", cache_volume=cache_volume)
    with pytest.raises(ContainerUnavailable, match=r"^the Docker engine refuses to start a container: [^\n]*gone"):
        await DockerContainer.start(spec)


@pytest.mark.parametrize(
    ("name", "text", "mirror"),
    [
        ("sources.list", "deb http://mirror.example/debian trixie main\n", "http://mirror.example/debian"),
        (
            "sources.list",
            "deb [trusted=yes arch=amd64] https://m.example/pub/debian/ sid main",
            "https://m.example/pub/debian",
        ),
        ("sources.list.d/debian.sources", "Types: deb\nURIs: http://m.example/debian\n", "http://m.example/debian"),
        ("sources.list", "# deb http://old.example/debian x main\n", ""),
        ("sources.list", "deb http://s.example/debian-security x main\n", ""),
        ("sources.list", "deb http://archive.example/ubuntu noble main\n", ""),
        ("other", "", ""),
    ],
)
def test_the_hosts_own_mirror_is_used(tmp_path: Path, name: str, text: str, mirror: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    assert debian_mirror(tmp_path) == mirror


def test_debootstrap_takes_unstables_script_where_the_suite_has_none(tmp_path: Path) -> None:
    argv = debootstrap_argv("/usr/sbin/debootstrap", Path("/new"), "http://m.example/debian", tmp_path)
    assert argv[-4:] == ["forky", "/new", "http://m.example/debian", str(tmp_path / "sid")]
    (tmp_path / "forky").touch()
    argv = debootstrap_argv("/usr/sbin/debootstrap", Path("/new"), "http://m.example/debian", tmp_path)
    assert argv[-3:] == ["forky", "/new", "http://m.example/debian"]


SETS_ALL = """
ARG BASE
FROM ${BASE}
ARG http_proxy
RUN cp /bin/sh /bin/rootly && chmod 6755 /bin/rootly
RUN echo "proxy $http_proxy" && printf %s "$http_proxy" > /etc/proxied
RUN mkdir /evil && echo "raise SystemExit(9)" > /evil/os.py
ENV PYTHONPATH=/evil PYTHONSTARTUP=/evil/os.py PYTHONHOME=/evil HOME=/root
VOLUME /var/evil
EXPOSE 22
HEALTHCHECK --interval=1s CMD touch /workspace/unhealthy
ONBUILD RUN false
STOPSIGNAL SIGCONT
WORKDIR /root
USER root
ENTRYPOINT ["/bin/false"]
CMD ["/bin/false"]
LABEL bactrian=mine
ENV LD_PRELOAD=/evil/preload.so
"""


@pytest.fixture
def hostile(image: str) -> Iterator[Recipe]:
    """A project's image that sets all that it can set."""
    assert image
    own = replace(recipe(), project_dockerfile=SETS_ALL.encode())
    yield own
    with contextlib.closing(connect()) as client:
        client.images.remove(own.project_tag, force=True)


async def test_a_projects_image_changes_nothing_about_how_commands_run(
    hostile: Recipe, workspace: Path, cache_volume: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://user:s3cret@127.0.0.1:9")
    monkeypatch.setenv("HTTPS_PROXY", "user:s3cret@127.0.0.1:9")
    said: list[str] = []
    spec = DockerSpec(image=ensure_image(hostile, progress=said.append), workspace=workspace, cache_volume=cache_volume)
    async with await DockerContainer.start(spec) as container:
        script = "id -u; rootly -p -c 'id -u'; pwd; echo $HOME; grep CapEff /proc/self/status; cat /etc/proxied"
        result = await container.exec(["sh", "-c", script])
        uid = str(session_user()[0])
        assert result.stdout.text().split() == [
            *(uid, uid, "/workspace", "/cache/home", "CapEff:", "0" * 16, "http://127.0.0.1:9")
        ]
        assert (await container.exec(["test", "-e", "/workspace/unhealthy"])).exit_code == 1
        with contextlib.closing(connect()) as client:
            (found,) = client.containers.list(filters={"ancestor": spec.image})
            assert found.attrs["Config"]["Healthcheck"]["Test"] == ["NONE"]
            assert not found.attrs["HostConfig"]["Privileged"]
            assert "s3cret" not in str(client.images.get(spec.image).history())
    assert "s3cret" not in str(said)


@pytest.mark.parametrize(
    "line",
    [
        "RUN --mount=type=secret,id=x cat /run/secrets/x",
        "RUN --mount=type=ssh true",
        "RUN --mount=type=bind,source=/,target=/host true",
        "RUN --network=host true",
        "RUN --security=insecure true",
        "COPY ../../etc/shadow /",
        "COPY /etc/passwd /stolen",
        "RUN mount -t tmpfs none /mnt",
    ],
)
def test_a_projects_dockerfile_gets_nothing_of_the_host(image: str, line: str) -> None:
    assert image
    own = replace(recipe(), project_dockerfile=f"ARG BASE\nFROM ${{BASE}}\n{line}\n".encode())
    with pytest.raises(ContainerUnavailable, match=r"^the image can't be built: "):
        ensure_image(own, progress=print)
    assert not has_image(own)


def test_a_proxys_password_is_in_no_image(image: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://user:s3cret@127.0.0.1:9")
    declared = b'ARG BASE\nFROM ${BASE}\nARG http_proxy\nARG https_proxy\nARG no_proxy\nRUN test -n "$https_proxy"\n'
    shared = Recipe(files=(("Dockerfile", declared),), base=image)
    ensure_image(shared, progress=print)
    with contextlib.closing(connect()) as client:
        try:
            made = client.images.get(shared.tag)
            assert "s3cret" not in str(made.history()) + str(made.attrs)
        finally:
            client.images.remove(shared.tag, force=True)
