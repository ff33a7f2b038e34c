"""Small steps that bring an answer's words into one form; parsers are strings of them."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from harness.parsers.vqa_rules import eval_ai, vqa_official

Step = Literal[
    "thoughts", "first_line", "strip", "lower", "full_stop", "spaces", "quotes", "articles", "vqa_official", "eval_ai"
]

_THOUGHT = re.compile(r"<think>.*?(?:</think>|$)", re.DOTALL | re.IGNORECASE)
_CLOSED = re.compile(r"^.*</think>", re.DOTALL | re.IGNORECASE)
_ARTICLES = re.compile(r"^(?:a|an|the)\s+", re.IGNORECASE)


def without_thoughts(text: str) -> str:
    """Returns what a reasoning model says after it has thought.

    Thoughts stand between <think> and </think>. Where a chat template opened them, only the closing tag is in the
    answer; where generation stopped too early, only the opening one is, and nothing is left.

    >>> without_thoughts("<think>Roofs, so a town.</think> urban"), without_thoughts("Roofs.</think>urban")
    (' urban', 'urban')
    >>> without_thoughts("<think>Roofs, so")
    ''
    """
    if "think>" not in text.lower():
        return text
    return _CLOSED.sub("", _THOUGHT.sub("", text))


def _first_line(text: str) -> str:
    return next((line for line in text.splitlines() if line.strip()), "")


def _without_full_stop(text: str) -> str:
    return text.rstrip().removesuffix(".").rstrip()


def _without_quotes(text: str) -> str:
    return text.strip().strip("\"'`*").strip()


def _without_spaces(text: str) -> str:
    return "".join(text.split())


def _without_article(text: str) -> str:
    return _ARTICLES.sub("", text.lstrip())


STEPS: Mapping[Step, Callable[[str], str]] = {
    "thoughts": without_thoughts,
    "first_line": _first_line,
    "strip": str.strip,
    "lower": str.lower,
    "full_stop": _without_full_stop,
    "spaces": _without_spaces,
    "quotes": _without_quotes,
    "articles": _without_article,
    "vqa_official": vqa_official,
    "eval_ai": eval_ai,
}


def normalise(text: str, steps: Sequence[Step]) -> str:
    """Returns a text after some steps, in their order.

    >>> normalise(" The Airport. ", ["strip", "lower", "full_stop", "articles"])
    'airport'
    """
    for step in steps:
        text = STEPS[step](text)
    return text


def quoted(text: str) -> str:
    """Returns a text for a message: on one line, and not longer than 60 characters.

    >>> quoted("no   way")
    "'no way'"
    """
    line = " ".join(text.split())
    return repr(line if len(line) <= 60 else f"{line[:57]}...")
