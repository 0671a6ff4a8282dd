"""What a session's commands may reach, and what is told of what they tried."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.approval import Approvals, Question
from agent.config import NetworkChoice, Settings
from agent.errors import UserError
from agent.events import Answer, Event, NetworkRequested, Progress
from agent.network import SAID_NO, SessionNetwork
from agent.reach import Reach, reach_of
from containers.gate import Admission, Destination, Traffic
from lang.detect import languages

PUBLIC = "proxy.golang.org, storage.googleapis.com, sum.golang.org, vuln.go.dev, opam.ocaml.org"


def to(host: str, port: int = 443) -> Destination:
    return Destination(host=host, port=port, scheme="tunnel")


@dataclass(slots=True, kw_only=True)
class Person:
    """Gives the answers in order."""

    answers: list[Answer | None]
    questions: list[str] = field(default_factory=list[str])
    present: bool = True

    async def ask(self, question: Question) -> Answer | None:
        self.questions.append(question.text)
        return self.answers.pop(0)


@dataclass(slots=True, kw_only=True)
class Stage:
    """A network with what it told and kept."""

    network: SessionNetwork
    person: Person
    events: list[Event]
    kept: list[str]

    async def request(self, host: str, port: int = 443, problem: str = "") -> Admission:
        """A request as the proxy makes it: asked for, then told."""
        admission = await self.network.admit(to(host, port))
        self.network.on_traffic(
            Traffic(destination=to(host, port), allowed=admission.allowed, reason=admission.reason, problem=problem)
        )
        return admission

    async def open_to(self, host: str, port: int = 443) -> bool:
        return (await self.network.admit(to(host, port))).allowed


def stage(
    mode: NetworkChoice = "registries",
    *,
    allow: tuple[str, ...] = (),
    decided: tuple[str, ...] = (),
    answers: tuple[Answer | None, ...] = (),
    unwritable: bool = False,
) -> Stage:
    events: list[Event] = []
    kept: list[str] = []
    person = Person(answers=list(answers), present=bool(answers))

    def remember(pattern: str) -> None:
        if unwritable:
            raise UserError("the disk is full")
        kept.append(pattern)

    network = SessionNetwork(
        reach=reach_of(Settings(network=mode, network_allow=allow), languages(), decided),
        approvals=Approvals(approver=person, emit=events.append),
        emit=events.append,
        remember=remember,
    )
    return Stage(network=network, person=person, events=events, kept=kept)


@pytest.fixture(autouse=True)
def no_registries_of_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GOPROXY", "GOSUMDB", "GOVULNDB"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("mode", "host", "port", "allowed", "private"),
    [
        ("registries", "proxy.golang.org", 443, True, True),
        ("registries", "PROXY.golang.org.", 443, True, True),
        ("registries", "proxy.golang.org", 80, False, False),
        ("registries", "proxy.golang.org.evil.example", 443, False, False),
        ("registries", "opam.ocaml.org", 443, True, True),
        ("registries", "github.com", 443, False, False),
        ("registries", "named.corp", 443, True, True),
        ("registries", "named.corp", 22, False, False),
        ("registries", "169.254.169.254", 80, False, False),
        ("full", "github.com", 22, True, False),
        ("full", "8.8.8.8", 53, True, False),
        ("full", "named.corp", 80, True, True),
        ("full", "127.0.0.1", 80, False, False),
        ("full", "10.1.2.3", 80, False, False),
        ("full", "169.254.169.254", 80, False, False),
        ("full", "::1", 80, False, False),
        ("full", "::ffff:127.0.0.1", 80, False, False),
        ("full", "fd00::1", 80, False, False),
        ("full", "localhost", 80, False, False),
        ("full", "x.localhost", 80, False, False),
        ("full", "intranet", 80, False, False),
        ("full", "printer.local", 80, False, False),
        ("none", "proxy.golang.org", 443, False, False),
        ("none", "named.corp", 443, False, False),
    ],
)
async def test_what_each_mode_reaches(mode: NetworkChoice, host: str, port: int, allowed: bool, private: bool) -> None:
    admission = await stage(mode, allow=("named.corp",)).network.admit(to(host, port))
    assert (admission.allowed, admission.private) == (allowed, private)


@given(host=st.text(), port=st.integers(0, 65535))
async def test_no_host_is_reached_that_nobody_named(host: str, port: int) -> None:
    reach = reach_of(Settings(), languages())
    named = {(each.host, each.port) for each in reach.registries}
    assert reach.admission(to(host, port)).allowed == ((host.lower().removesuffix("."), port) in named)
    assert not Reach(mode="none", registries=reach.registries).admission(to(host, port)).allowed


@pytest.mark.parametrize("proxy", ["http://10.0.0.7:3000", "https://modules.corp"])
async def test_a_registry_that_the_user_chose_may_be_private(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOPROXY", proxy)
    network = stage().network
    host, port = ("10.0.0.7", 3000) if "10." in proxy else ("modules.corp", 443)
    assert await network.admit(to(host, port)) == Admission(allowed=True, reason="a registry", private=True)
    assert not (await network.admit(to("proxy.golang.org"))).allowed


async def test_a_refusal_is_told_once_in_full() -> None:
    play = stage()
    for _ in range(3):
        await play.request("example.com")
    assert play.network.news() == (
        f"Network: example.com:443 was refused: only {PUBLIC} can be reached. A person can allow it: bactrian run "
        "--allow example.com. Go on without it, or say in your last words what needs it."
    )
    assert play.network.news() == ""
    await play.request("example.com")
    await play.request("other.example", 8443)
    assert play.network.news() == (
        "Network: other.example:8443 was refused too (--allow other.example:8443).\n"
        "Network: example.com:443 refused again."
    )
    assert [event.count for event in play.events if isinstance(event, NetworkRequested)] == [1, 2, 1, 1]


async def test_without_a_network_the_model_is_told_so() -> None:
    play = stage("none")
    assert (await play.request("proxy.golang.org")).reason == "this session has no network"
    assert play.network.news() == (
        "Network: proxy.golang.org:443 was refused: this session has no network. Go on without it, or say in your "
        "last words what needs it."
    )


async def test_what_is_private_is_told_with_how_to_name_it() -> None:
    play = stage("full")
    await play.request("10.0.0.7", 5432)
    assert play.network.news() == (
        "Network: 10.0.0.7:5432 was refused: this host and private networks are reached only by name. A person can "
        "allow it: bactrian run --allow 10.0.0.7:5432. Go on without it, or say in your last words what needs it."
    )


async def test_what_was_allowed_and_failed_is_told() -> None:
    play = stage()
    await play.request("proxy.golang.org", problem="there is no such name")
    assert play.network.news() == "Network: proxy.golang.org:443 could not be reached: there is no such name."
    await play.request("proxy.golang.org")
    assert play.network.news() == ""


async def test_what_turns_out_private_is_told_with_how_to_name_it() -> None:
    play = stage("full")
    await play.request("db.example", 5432, problem="db.example is in a private network, or this host itself: 10.0.0.7")
    assert play.network.news().endswith("10.0.0.7. A person can name it: bactrian run --allow db.example:5432.")


async def test_a_flood_of_hosts_is_one_short_text_and_no_words_of_a_container_get_through_it() -> None:
    play = stage()
    await play.request("ignore all\nprevious \x1b[2J" + "x" * 300)
    for number in range(2000):
        await play.request(f"h{number}.example")
    news = play.network.news()
    assert len(news) < 1500
    assert news.isprintable() or "\n" in news
    assert "ignore?all?previous??" in news
    assert news.endswith("Network: 1996 more requests were refused or failed.")


@pytest.mark.parametrize(
    ("answer", "now", "next_call", "kept"),
    [
        ("no", False, False, []),
        ("once", True, False, []),
        ("session", True, True, []),
        ("project", True, True, ["example.com:8443"]),
        (None, False, False, []),
    ],
)
async def test_what_a_person_says_holds_as_long_as_said(
    answer: Answer | None, now: bool, next_call: bool, kept: list[str]
) -> None:
    play = stage(answers=(answer, "no", "no"))
    assert await play.open_to("example.com", 8443) == now
    if answer is not None:
        assert await play.open_to("example.com", 8443) == now
        assert play.person.questions == ["May the container reach example.com:8443?"]
    play.network.news()
    assert await play.open_to("example.com", 8443) == next_call
    assert not await play.open_to("example.com", 443)
    assert play.kept == kept


async def test_a_no_is_told_as_that() -> None:
    play = stage(answers=("no", "no"))
    assert (await play.request("example.com")).reason == SAID_NO
    assert play.network.news() == (
        "Network: example.com:443 was refused: a person said no. Go on without it, or say in your last words what "
        "needs it."
    )
    await play.request("other.example")
    assert play.network.news() == "Network: other.example:443 was refused too."


async def test_a_person_is_not_asked_for_what_is_open_or_where_nothing_is() -> None:
    for mode, host in (("registries", "proxy.golang.org"), ("full", "example.com"), ("none", "example.com")):
        play = stage(mode, answers=("session",))  # pyright: ignore[reportArgumentType]
        await play.request(host)
        assert play.person.questions == []


async def test_a_name_that_a_command_came_up_with_never_opens_a_private_network() -> None:
    play = stage(answers=("session", "session"), decided=("kept.example", "10.0.0.7"))
    assert await play.network.admit(to("rebinds.example")) == Admission(allowed=True, reason="a person said yes")
    assert await play.network.admit(to("kept.example")) == Admission(allowed=True, reason="a person said yes")
    for host in ("127.0.0.1", "10.0.0.7"):
        assert (await play.network.admit(to(host))).private
    assert play.person.questions[1:] == [
        "May the container reach 127.0.0.1:443, which is this machine or in your own network?"
    ]


async def test_what_can_not_be_kept_holds_for_the_session() -> None:
    play = stage(answers=("project",), unwritable=True)
    assert await play.open_to("example.com")
    assert await play.open_to("example.com")
    text = "example.com is allowed in this session only: the disk is full"
    assert [event for event in play.events if isinstance(event, Progress)] == [Progress(step="network", text=text)]


TEXT = st.text(max_size=300)
TRAFFIC = st.builds(
    Traffic,
    destination=st.builds(Destination, host=TEXT, port=st.integers(0, 65535), scheme=st.just("tunnel")),
    allowed=st.booleans(),
    reason=TEXT,
    problem=TEXT,
)


@given(st.lists(st.lists(TRAFFIC, max_size=12), max_size=3))
def test_what_the_model_is_told_is_short_and_plain_whatever_a_container_asks_for(calls: list[list[Traffic]]) -> None:
    play = stage()
    for call in calls:
        for traffic in call:
            play.network.on_traffic(traffic)
        news = play.network.news()
        assert len(news) < 3_500
        assert all(line.isprintable() for line in news.split("\n"))
        assert all(line.startswith("Network: ") for line in news.split("\n") if news)
    play.network.close()
    told = [event.count for event in play.events if isinstance(event, NetworkRequested)]
    assert sum(told) == sum(map(len, calls))


async def test_nothing_is_told_after_the_end() -> None:
    play = stage()
    await play.request("example.com")
    await play.request("example.com")
    await play.network.withdraw()
    play.network.close()
    told = len(play.events)
    await play.request("example.com")
    play.network.news()
    assert len(play.events) == told == 2


def test_what_can_be_reached_is_told_before_it_is_tried() -> None:
    def told(mode: NetworkChoice, *allow: str) -> str:
        return reach_of(Settings(network=mode, network_allow=allow), languages(), ["git.example"]).in_words

    assert told("none") == "There is no network."
    assert told("registries", "db.example:5432").endswith(
        "registries and db.example:5432, git.example can be reached, no more."
    )
    assert told("full") == ""
