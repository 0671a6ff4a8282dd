"""Whether a text names a library: by words that can mean nothing else, or where the context says so."""

from __future__ import annotations

import re

_ENGLISH = re.compile(
    r"app|async|base|bytes|chain|class|client|color|common|config|context|core|data|either|env|errors?|events?|exp|expect"
    r"|flags?|gen|go|graphics|hash|image|js|kit|lib|logs?|main|match|mock|model|net|object|option|path|proto|pure|re"
    r"|react|reader|result|retry|router|seq|server|simple|sql|stack|std|stdio|str|strings|sync|sys|system|tables?|tasks?"
    r"|term|test|testing|text|threads|time|tools|types|units?|unix|utils?|web|xml"
)
_NOUN = r"(?:library|libraries|package|packages|module|modules|dependency|ppx|opam)"


def names(text: str, name: str) -> bool:
    """Whether `text` names a library called `name`: as a word of its own, or where it is also English as code.

    As code: in backquotes, before a dot and a member (`base.Foo`, `Base.List`), beside the word library or package.
    """
    word = re.escape(name)
    if len(name) > 2 and not _ENGLISH.fullmatch(name.lower()):
        return re.search(rf"(?<![\w./-]){word}(?![\w-])", text, re.IGNORECASE) is not None
    as_code = rf"`{word}[`.]|(?<![\w./-]){word}\.[A-Z]\w|{_NOUN} {word}\b(?!-)|(?<![\w.-]){word} {_NOUN}\b"
    capital = rf"(?<![\w./-]){re.escape(name[:1].upper() + name[1:])}\.[A-Za-z]\w"
    return re.search(rf"{as_code}|{capital}", text) is not None
