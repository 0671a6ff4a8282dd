"""What secrets look like: keys and tokens that carry their vendor's mark, key blocks, credentials in headers and URLs.

A table of our own rather than a library: detect-secrets, the one that is kept, reads 0.1 MB/s and takes every hash for
a secret; others give no place in the text, or scan files only. A shape is here if its mark and length leave no doubt.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_BEGINS = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt])|(?<=[0-9;\[]m)|(?<=%[0-9A-Fa-f]{2}))"
"""Not inside a word; what ends an escape (`\\n`, a colour, `%3D`) is no part of one."""
_BEGINNING = re.compile(_BEGINS)
_NO_PASSWORD = r"(?!(?:pass(?:word|wd)?|pwd?|secret|token|x+|\*+|\.+)@)"
"""What examples have in a password's place."""
_KEY = r"(?:[A-Z0-9]{1,10} ){0,3}PRIVATE KEY(?: BLOCK)?"
_IN_BLOCK = r"(?:[^-]|-(?!----)){0,16384}"
_BETWEEN = r"(?:\s|\\[nrt]|[\"'`+,|>\\]){0,16}"
_IS = r"(?:\s|\\[nrt]|[\"'\\]){0,8}[:=](?:\s|\\[nrt]|[\"'\\]){0,8}"
_MAY_BE = r"(?:\s|\\[nrt]|[\"'\\]){0,8}[:=]?(?:\s|\\[nrt]|[\"'\\]){0,8}"
_SCHEME = r"(?:bearer|basic|token|digest|apikey) {1,3}"
_CREDENTIAL = r"[A-Za-z0-9+/_.=~-]{12,8192}"
_WITH_DIGIT = rf"(?=[A-Za-z+/_.=~-]{{0,200}}[0-9]){_CREDENTIAL}"
_URLS = (
    "http:// https:// ssh:// git:// ftp:// ftps:// sftp:// smtp:// smtps:// imap:// imaps:// ldap:// ldaps:// "
    "socks5:// postgres:// postgresql:// mysql:// mariadb:// mongodb:// mongodb+srv:// redis:// rediss:// amqp:// amqps://"
)


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of secret. `marks`: each match begins with one of these texts, so that most text is passed over quickly.

    What is secret is the group `secret`, or all of the match. `beginning` matches, at the end of a text, what may
    become a match with more text, where that may hold blanks; else it goes from a mark to the end, without blanks.
    """

    label: str
    marks: tuple[str, ...]
    pattern: re.Pattern[str]
    beginning: re.Pattern[str] | None = None

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield where the secrets of this kind are in a text."""
        group = "secret" if "secret" in self.pattern.groupindex else 0
        for found in self.pattern.finditer(text):
            yield found.span(group)

    def opening(self, text: str, start: int, word: int) -> int:
        """Return where, from `start` on, a secret may begin that the text does not show whole; its length where none.

        `word` is where the last characters without a blank begin.
        """
        first = min(overhang(text, start, mark, within_words=not mark[0].isalpha()) for mark in self.marks)
        if self.beginning is None:
            places = (text.find(mark, word) for mark in self.marks)
            return min((first, *(at for at in places if at >= 0)))
        if any(mark in text for mark in self.marks) and (found := self.beginning.search(text, start)):
            return min(first, found.start())
        return first


def overhang(text: str, start: int, needle: str, *, within_words: bool = True) -> int:
    """Return where the longest beginning of `needle` starts that a text ends in, short of all of it; else its length.

    Without `within_words` it has to begin where a mark does.
    """
    at = text.find(needle[0], max(start, len(text) - len(needle) + 1))
    while at >= 0:
        if needle.startswith(text[at:]) and (within_words or _BEGINNING.match(text, at)):
            return at
        at = text.find(needle[0], at + 1)
    return len(text)


def _shape(label: str, marks: str, pattern: str, beginning: str = "") -> Shape:
    return Shape(label, tuple(marks.split()), re.compile(pattern), re.compile(beginning) if beginning else None)


def _token(label: str, marks: str, rest: str) -> Shape:
    """One without blanks, that follows its mark."""
    found = "|".join(map(re.escape, marks.split()))
    return _shape(label, marks, f"{_BEGINS}(?:{found}){rest}")


def _named(label: str, names: str, credential: str, *, scheme: str = "") -> Shape:
    """One that follows a name and `:` or `=`, with blanks and quotes between."""
    found = f"{_BEGINS}(?:{'|'.join(names.split())})"
    return _shape(
        label,
        names,
        f"{found}{_IS}(?i:(?:{scheme})?){credential}",
        rf"{found}{_MAY_BE}(?:[A-Za-z]{{0,10}} {{0,3}})[A-Za-z0-9+/_.=~-]*\Z",
    )


SHAPES: tuple[Shape, ...] = (
    _token("Anthropic key", "sk-ant-", r"[A-Za-z0-9_-]{20,512}"),
    _token("OpenAI key", "sk-proj- sk-svcacct- sk-admin-", r"[A-Za-z0-9_-]{20,512}"),
    _token("API key", "sk-", r"(?:or-v1-)?[A-Za-z0-9]{32,128}(?![A-Za-z0-9])"),
    _token("API key", "gsk_ xai-", r"[A-Za-z0-9]{48,128}"),
    _token("GitHub token", "ghp_ gho_ ghu_ ghs_ ghr_", r"[A-Za-z0-9]{36,255}"),
    _token("GitHub token", "github_pat_", r"[A-Za-z0-9_]{60,255}"),
    _token(
        "GitLab token",
        "glpat- gldt- glrt- glptt- glcbt- glft- glagent- gloas-",
        r"[0-9a-zA-Z_-]{20,64}(?:\.[0-9a-z]{2}\.[0-9a-z]{9})?",
    ),
    _token("Slack token", "xoxa- xoxb- xoxe- xoxo- xoxp- xoxr- xoxs- xapp-", r"[0-9]{1,14}-[A-Za-z0-9-]{10,255}"),
    _token("Slack webhook", "hooks.slack.com/services/", r"(?P<secret>T[A-Z0-9]{6,12}/[A-Za-z0-9/]{20,64})"),
    _token("AWS key", "AKIA ASIA", r"[A-Z2-7]{16}(?![A-Za-z0-9+/=])"),
    _named(
        "AWS key",
        "secret_access_key SECRET_ACCESS_KEY SecretAccessKey secretAccessKey",
        r"(?P<secret>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])",
    ),
    _token("Google key", "AIza", r"[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])"),
    _token("Google token", "ya29. GOCSPX-", r"[A-Za-z0-9_-]{24,2048}"),
    _token("Stripe key", "sk_live_ sk_test_ rk_live_ rk_test_", r"[A-Za-z0-9]{16,255}"),
    _token("Stripe key", "whsec_", r"[A-Za-z0-9+/]{32,64}"),
    _token("npm token", "npm_", r"[A-Za-z0-9]{36}(?![A-Za-z0-9_])"),
    _token("PyPI token", "pypi-AgE", r"[A-Za-z0-9_-]{50,512}"),
    _token("Hugging Face token", "hf_", r"[A-Za-z0-9]{34}(?![A-Za-z0-9_])"),
    _token("Docker token", "dckr_pat_ dckr_oat_", r"[A-Za-z0-9_-]{27,64}"),
    _token("DigitalOcean token", "dop_v1_ doo_v1_ dor_v1_", r"[0-9a-f]{64}"),
    _token("SendGrid key", "SG.", r"[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}"),
    _token("Vault token", "hvs. hvb.", r"[A-Za-z0-9_-]{24,512}"),
    _token("Azure key", "AccountKey=", r"(?P<secret>[A-Za-z0-9+/]{86}==)"),
    _token("age key", "AGE-SECRET-KEY-1", r"[0-9A-Z]{58}"),
    # From a mark on, runs of the same characters can't be tried again and again: no mark follows `-` or `_`.
    _token(
        "JSON web token",
        "eyJ",
        r"(?<![_-]eyJ)[A-Za-z0-9_-]{10,4096}+\.eyJ[A-Za-z0-9_-]{10,16384}+\.[A-Za-z0-9_-]{16,2048}",
    ),
    _shape(
        "private key",
        "-----BEGIN",
        rf"-----BEGIN {_KEY}-----(?=(?:[^-]|-(?!----)){{0,400}}?[A-Za-z0-9+/]{{24}})"
        rf"(?:{_IN_BLOCK}-----END {_KEY}-----|(?:{_BETWEEN}[A-Za-z0-9+/=]{{24,}})*)",
        rf"-----BEGIN(?: [A-Z0-9 ]{{0,40}}-{{0,5}})?\Z"
        rf"|-----BEGIN {_KEY}-----{_IN_BLOCK}(?:-{{1,5}}(?:E|EN|END[A-Z0-9 ]{{0,40}}-{{0,4}})?)?\Z",
    ),
    _named(
        "credential",
        "Authorization authorization AUTHORIZATION",
        rf"(?P<secret>(?i:(?<=basic )|(?<=bearer )|(?<=token )|(?<=digest )|(?<=apikey )){_CREDENTIAL}|{_WITH_DIGIT})",
        scheme=_SCHEME,
    ),
    _named(
        "credential",
        "api-key Api-Key API-Key API-KEY private-token Private-Token PRIVATE-TOKEN",
        rf"(?P<secret>{_WITH_DIGIT})",
    ),
    _token(
        "password",
        _URLS,
        rf"[^\s/:@\"'<>`]{{0,255}}:{_NO_PASSWORD}(?P<secret>[^\s/@\"'<>`$%{{}}\[\]()\\|*,;]{{5,1024}}"
        r"|[A-Za-z0-9%._~!*-]{8,1024})@(?=[A-Za-z0-9\[])",
    ),
    _token("credential", _URLS, r"(?P<secret>(?=[^@]{0,20}[0-9])[A-Za-z0-9_-]{20,512})@(?=[A-Za-z0-9\[])"),
)
"""Every shape. Where two overlap in a text, all that either covers is secret."""


def _common(marks: tuple[str, ...]) -> tuple[str, ...]:
    """What one need look for instead of all the marks."""
    shortest = min(marks, key=len)
    parts = {shortest[at : at + 3] for at in range(len(shortest) - 2)}
    shared = sorted(part for part in parts if all(part in mark for mark in marks))
    return (shared[-1],) if len(marks) > 1 and shared else marks


def _by_part() -> Mapping[str, tuple[Shape, ...]]:
    found: dict[str, tuple[Shape, ...]] = {}
    for shape in SHAPES:
        for part in _common(shape.marks):
            found[part] = (*found.get(part, ()), shape)
    return found


_BY_PART = _by_part()


def likely(text: str) -> list[Shape]:
    """Return the shapes that a text may have: most texts have none, and this is quicker than to try."""
    found = {shape.pattern: shape for part, shapes in _BY_PART.items() if part in text for shape in shapes}
    return list(found.values())
