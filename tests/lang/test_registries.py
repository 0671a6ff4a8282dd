"""Which hosts the languages' tools must reach, by the user's variables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lang.go import Go
from lang.ocaml import OCaml
from lang.registries import Registry, registry

PUBLIC = ("proxy.golang.org", "storage.googleapis.com", "sum.golang.org", "vuln.go.dev")


def go(**environment: str) -> list[str]:
    """The hosts as `host:port`."""
    found = Go().registries(environment)
    return [f"{each.host}:{each.port}" for each in found]


def test_without_variables_the_public_ones_are_used() -> None:
    assert Go().registries({}) == tuple(Registry(host=host) for host in PUBLIC)
    assert Go().registries({"GOPROXY": "", "GOSUMDB": "", "GOVULNDB": ""}) == Go().registries({})
    assert OCaml().registries({}) == (Registry(host="opam.ocaml.org"),)


@pytest.mark.parametrize(
    ("proxy", "hosts"),
    [
        ("https://proxy.corp", ["proxy.corp:443"]),
        ("https://me:secret@Proxy.Corp:8443/go/|http://10.0.0.7", ["proxy.corp:8443", "10.0.0.7:80"]),
        (
            "https://proxy.corp,https://proxy.golang.org,direct",
            ["proxy.corp:443", "proxy.golang.org:443", "storage.googleapis.com:443"],
        ),
        ("off", []),
        ("direct", []),
        ("file:///srv/modules", []),
        ("https://[fd00::7]:3000", ["fd00::7:3000"]),
        ("https://[fd00", []),
        ("https://%A", []),
        ("https://proxy.corp:ninety", []),
    ],
)
def test_module_proxies(proxy: str, hosts: list[str]) -> None:
    assert go(GOPROXY=proxy, GOSUMDB="off", GOVULNDB="file:///srv/vulnerabilities") == hosts


@pytest.mark.parametrize(
    ("sums", "hosts"),
    [
        ("off", []),
        ("sum.golang.org", ["sum.golang.org:443"]),
        ("sums.corp+abcd1234+AbCdEf", ["sums.corp:443"]),
        ("sums.corp/team+abcd1234+AbCdEf", ["sums.corp:443"]),
        ("sum.golang.org https://sums.corp:8443/db", ["sum.golang.org:443", "sums.corp:8443"]),
    ],
)
def test_checksum_databases(sums: str, hosts: list[str]) -> None:
    assert go(GOPROXY="off", GOSUMDB=sums, GOVULNDB="file:///v") == hosts


def test_hosts_of_private_modules_are_no_registries() -> None:
    assert go(GOPRIVATE="github.com/corp/*,git.corp", GONOPROXY="git.corp") == [f"{host}:443" for host in PUBLIC]


@pytest.mark.parametrize(
    ("repository", "hosts"),
    [
        ("https://opam.corp/main", [Registry(host="opam.corp")]),
        ("git+https://git.corp:8443/opam", [Registry(host="git.corp", port=8443)]),
        ("/srv/opam-repository", []),
    ],
)
def test_opam_repositories(repository: str, hosts: list[Registry]) -> None:
    assert list(OCaml().registries({"BACTRIAN_OPAM_REPOSITORY": repository})) == hosts


@given(st.text())
def test_any_address_is_a_host_or_nothing(address: str) -> None:
    found = registry(address)
    assert found is None or (found.host and 0 < found.port < 65536)


@given(st.text(), st.text(), st.text())
def test_any_variables_give_hosts(proxy: str, sums: str, vulnerabilities: str) -> None:
    for each in Go().registries({"GOPROXY": proxy, "GOSUMDB": sums, "GOVULNDB": vulnerabilities}):
        assert each.host == each.host.lower()
