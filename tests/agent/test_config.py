"""Settings: who wins, what a repository may say, and that each mistake is one line that mends itself."""

from __future__ import annotations

import os
import re
from dataclasses import fields
from pathlib import Path

import pytest

from agent.config import KEYS, PROJECT_KEYS, Settings, load, locations
from agent.errors import UserError


@pytest.fixture
def user_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    path = tmp_path / "config" / "bactrian" / "config.toml"
    path.parent.mkdir(parents=True)
    return path


@pytest.fixture
def project_file(tmp_path: Path) -> Path:
    path = tmp_path / "repository" / ".bactrian" / "config.toml"
    path.parent.mkdir(parents=True)
    return path


def kept(path: Path) -> tuple[Path, bytes]:
    """A repository's own settings as they come from `agent.trust`."""
    return path, path.read_bytes()


def test_without_any_source_the_defaults_hold(user_file: Path) -> None:
    assert not user_file.exists()
    assert load(None, {}, {}) == Settings()
    assert load(None, {"BACTRIAN_MODEL": ""}, {"model": None}) == Settings()


def test_later_sources_win(user_file: Path, project_file: Path) -> None:
    user_file.write_text('max_turns = 50\nmodel = "openai/a"\nmax_cost = 3\ncontainer = "docker"\n')
    project_file.write_text("max_turns = 40\n")
    settings = load(
        kept(project_file),
        {"BACTRIAN_MODEL": "openai/b", "BACTRIAN_MAX_COST": "2.50"},
        {"model": "openai/c", "max_time": "10m"},
    )
    assert settings == Settings(max_turns=40, model="openai/c", max_cost=2.5, container="docker", max_time_s=600)


def test_flags_and_variables_may_exceed_what_a_repository_allows(user_file: Path, project_file: Path) -> None:
    project_file.write_text("max_turns = 4\nmax_cost = 0.1\n")
    assert user_file.parent.exists()
    settings = load(kept(project_file), {"BACTRIAN_MAX_COST": "9"}, {"max_turns": 70})
    assert (settings.max_turns, settings.max_cost) == (70, 9)


@pytest.mark.parametrize(
    ("user", "project", "turns"),
    [
        ("max_turns = 10", "max_turns = 20", 10),
        ("max_turns = 10", "max_turns = 5", 5),
        ("max_turns = 10", 'max_turns = "none"', 10),
        ('max_turns = "none"', "max_turns = 5", 5),
        ('max_turns = "none"', 'max_turns = "none"', None),
        ("", "max_turns = 1000", Settings().max_turns),
    ],
)
def test_a_repository_only_lowers_limits(
    user_file: Path, project_file: Path, user: str, project: str, turns: int | None
) -> None:
    user_file.write_text(user)
    project_file.write_text(project)
    assert load(kept(project_file), {}, {}).max_turns == turns


@pytest.mark.parametrize(
    ("user", "project", "network"),
    [
        ("registries", "none", "none"),
        ("registries", "full", "registries"),
        ("full", "registries", "registries"),
        ("none", "full", "none"),
    ],
)
def test_a_repository_only_narrows_the_network(
    user_file: Path, project_file: Path, user: str, project: str, network: str
) -> None:
    user_file.write_text(f'network = "{user}"\n')
    project_file.write_text(f'network = "{project}"\n')
    assert load(kept(project_file), {}, {}).network == network


def test_hosts_add_up_instead_of_replacing_each_other(user_file: Path) -> None:
    user_file.write_text('network_allow = ["git.corp", "*.Corp.example:8443"]\n')
    settings = load(None, {"BACTRIAN_NETWORK_ALLOW": "a.example, b.example"}, {"network_allow": ("git.corp", "::1")})
    assert settings.network_allow == ("git.corp", "*.corp.example:8443", "a.example", "b.example", "::1")
    assert load(None, {}, {"network_allow": ()}).network_allow == ("git.corp", "*.corp.example:8443")


def test_a_host_for_this_run_is_refused_where_there_is_no_network(user_file: Path) -> None:
    user_file.write_text('network = "none"\nnetwork_allow = ["git.corp"]\n')
    assert load(None, {}, {}).network == "none"
    with pytest.raises(UserError) as caught:
        load(None, {}, {"network_allow": ("a.example",)})
    assert str(caught.value) == "--allow: nothing is reached where the network is none: add --network registries"
    settings = load(None, {}, {"network_allow": ("a.example",), "network": "registries"})
    assert settings.network_allow == ("git.corp", "a.example")


def test_a_wrong_host_is_named_by_its_flag(user_file: Path) -> None:
    assert not user_file.exists()
    with pytest.raises(UserError) as caught:
        load(None, {}, {"network_allow": ("https://example.com/x",)})
    assert str(caught.value) == (
        "--allow: network_allow is hosts, like example.com, example.com:8443 or *.example.com, "
        "not 'https://example.com/x'"
    )


@pytest.mark.parametrize("key", [key for key in KEYS if key not in PROJECT_KEYS])
def test_a_repository_sets_nothing_else(user_file: Path, project_file: Path, key: str) -> None:
    project_file.write_text(f'\n{key} = "x"\n')
    with pytest.raises(UserError) as caught:
        load(kept(project_file), {}, {})
    assert str(caught.value) == (
        f"{project_file}:2: a repository can't set {key}, only max_turns, max_cost, max_time, network: put it into "
        f"{user_file}"
    )


def test_every_setting_has_one_key_and_a_default_that_is_valid() -> None:
    assert sorted(key.field for key in KEYS.values()) == sorted(field.name for field in fields(Settings))
    defaults = Settings()
    for key in KEYS.values():
        if default := getattr(defaults, key.field):
            assert key.read(default) == default


@pytest.mark.parametrize(
    ("key", "text", "field", "value"),
    [
        ("model", "llama/models/my model.gguf", "model", "llama/models/my model.gguf"),
        ("max_time", "90s", "max_time_s", 90),
        ("max_time", "1.5h", "max_time_s", 5400),
        ("max_time", "45", "max_time_s", 45),
        ("max_time", 45, "max_time_s", 45),
        ("max_time", "none", "max_time_s", None),
        ("max_cost", "2.50", "max_cost", 2.5),
        ("max_cost", "none", "max_cost", None),
        ("memory", "4g", "memory_bytes", 4 << 30),
        ("memory", "512M", "memory_bytes", 512 << 20),
        ("cpus", "1.5", "cpus", 1.5),
        ("pids", "300", "pids", 300),
        ("key_command", "pass show 'my key'", "key_command", ("pass", "show", "my key")),
        ("key_command", ["pass", "show", "my key"], "key_command", ("pass", "show", "my key")),
        ("thinking", 2048, "thinking", "2048"),
        ("thinking", "high", "thinking", "high"),
        ("branch_prefix", "agents/go-", "branch_prefix", "agents/go-"),
        ("opam_repository", "https://opam.example.org", "opam_repository", "https://opam.example.org"),
        ("network", "full", "network", "full"),
        ("network_allow", "a.example b.example:80", "network_allow", ("a.example", "b.example:80")),
    ],
)
def test_values_are_read(user_file: Path, key: str, text: object, field: str, value: object) -> None:
    assert not user_file.exists()
    assert getattr(load(None, {}, {key: text}), field) == value


@pytest.mark.parametrize(
    ("key", "text", "problem"),
    [
        ("max_turns", "many", "max_turns is a whole number above 0, or none, not 'many'"),
        ("max_turns", "0", "max_turns is a whole number above 0, or none, not '0'"),
        ("max_turns", "1.5", "max_turns is a whole number above 0, or none, not '1.5'"),
        ("max_turns", True, "max_turns is a whole number above 0, or none, not True"),
        ("max_turns", int("9" * 400), f"max_turns is a whole number above 0, or none, not {'9' * 100}…"),
        ("memory", f"{'9' * 308}g", f"memory is a size like 512m or 4g, auto, or none, not '{'9' * 99}…"),
        ("max_turns", "inf", "max_turns is a whole number above 0, or none, not 'inf'"),
        ("max_cost", "nan", "max_cost is an amount of US dollars above 0, like 2.50, or none, not 'nan'"),
        ("max_cost", "-1", "max_cost is an amount of US dollars above 0, like 2.50, or none, not '-1'"),
        ("max_time", "10x", "max_time is a duration above 0, like 90s, 10m or 2h, or none, not '10x'"),
        ("max_time", "1.2.3s", "max_time is a duration above 0, like 90s, 10m or 2h, or none, not '1.2.3s'"),
        ("max_time", [1], "max_time is a duration above 0, like 90s, 10m or 2h, or none, not [1]"),
        ("memory", "4x", "memory is a size like 512m or 4g, auto, or none, not '4x'"),
        ("container", "podman", "container is auto, docker or bubblewrap, not 'podman'"),
        ("network", "some", "network is none, registries or full, not 'some'"),
        ("edit_format", "diff", "edit_format is auto, edit, one, patch or text, not 'diff'"),
        ("model", "sonnet", "model is PROVIDER/NAME, like anthropic/NAME, not 'sonnet'"),
        ("base_url", "localhost:80", "base_url is an http:// or https:// address, not 'localhost:80'"),
        ("key_command", "pass 'x", 'key_command is a command with its arguments, not "pass \'x"'),
        ("branch_prefix", "../", "branch_prefix is the beginning of a branch name, ending in / or -, not '../'"),
        ("branch_prefix", "-x/", "branch_prefix is the beginning of a branch name, ending in / or -, not '-x/'"),
        ("thinking", "a lot", "thinking is off, low, medium, high, xhigh, max or a number of tokens, not 'a lot'"),
        ("model", "openai/a\x1b[2J", "model is PROVIDER/NAME, like anthropic/NAME, not 'openai/a\\x1b[2J'"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_right(user_file: Path, key: str, text: object, problem: str) -> None:
    assert not user_file.exists()
    with pytest.raises(UserError) as caught:
        load(None, {}, {key: text})
    assert str(caught.value) == f"--{key.replace('_', '-')}: {problem}"


def test_a_wrong_variable_is_named() -> None:
    with pytest.raises(UserError, match=r"^BACTRIAN_MAX_TURNS: max_turns is a whole number"):
        load(None, {"BACTRIAN_MAX_TURNS": "x"}, {})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("max_turn = 5", ":1: unknown key 'max_turn': did you mean 'max_turns'?"),
        ("# limits\n\n[limits]\nmax_turns = 5", ":3: unknown key 'limits': known keys are model, small_model,"),
        ('"colour\\u001b" = 1', ": unknown key 'colour\\x1b': known keys are"),
        ("\nmax_turns = 'x'", ":2: max_turns is a whole number above 0, or none, not 'x'"),
        ("max_turns = ", ": not TOML: Invalid value (at end of document)"),
        (f"max_turns = {'9' * 5000}", ": not TOML: Exceeds the limit"),
        (f"model = {'[' * 5000}", ": not TOML that can be read: it is nested too deeply"),
        ("max_turns = 1\nmax_turns = 2", ": not TOML: Cannot overwrite a value"),
    ],
)
def test_a_mistake_in_a_file_is_named_with_its_line(user_file: Path, text: str, problem: str) -> None:
    user_file.write_text(text)
    with pytest.raises(UserError, match="^" + re.escape(f"{user_file}{problem}")) as caught:
        load(None, {}, {})
    assert str(caught.value).isprintable()


def test_a_file_that_is_no_text_is_named(user_file: Path) -> None:
    user_file.write_bytes(b"model = '\xff'")
    with pytest.raises(UserError, match=r"config.toml: not UTF-8 at byte 9$"):
        load(None, {}, {})


def test_a_pipe_in_the_file_s_place_does_not_block(user_file: Path) -> None:
    os.mkfifo(user_file)
    assert load(None, {}, {}) == Settings()


def test_without_a_home_it_is_told_how_to_give_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(os, "getuid", lambda: 471_100)
    with pytest.raises(UserError, match=r"^user 471100 has no home directory: set HOME$"):
        load(None, {}, {})


def test_directories_follow_xdg_and_the_state_directory_can_be_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("config", "state", "cache"):
        monkeypatch.setenv(f"XDG_{name.upper()}_HOME", str(tmp_path / name))
    monkeypatch.delenv("BACTRIAN_STATE_DIR", raising=False)
    found = locations()
    assert (found.config, found.state, found.cache) == tuple(
        tmp_path / name / "bactrian" for name in ("config", "state", "cache")
    )
    monkeypatch.setenv("BACTRIAN_STATE_DIR", str(tmp_path / "elsewhere"))
    assert locations().state == tmp_path / "elsewhere"
    assert locations().config == found.config
    assert not (tmp_path / "elsewhere").exists()
