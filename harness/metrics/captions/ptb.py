# ruff: noqa: RUF001 - typographic quotes, dashes and hyphens are what this file reads
"""The words of a caption as the Penn Treebank's convention cuts them, without Java.

COCO's caption scores are about the words that Stanford's PTBTokenizer 3.4.1 gives, in small letters and without
punctuation. The rules below were found by asking that tokenizer; docs/metrics.md lists what still differs. Here a
caption's words depend on that caption alone: the Java tokenizer looks at the next line, and starts a new caption at
every kind of line break.
"""

import re
from functools import lru_cache

# What COCO's evaluation leaves out (pycocoevalcap 1.2, ptbtokenizer.py). Its list has -LRB- in capitals and the words
# are in small letters by then, so brackets stay.
PUNCTUATION = frozenset(["''", "'", "``", "`", ".", "?", "!", ",", ":", "-", "--", "...", ";"])
BRACKETS = {"(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-"}
RESPELT = {"’": "'", "½": "1/2", "¼": "1/4", "¾": "3/4", "…": "...", "–": "--", "—": "--", "£": "#", "€": "$"} | {
    "‘": "`", "“": "``", "”": "''", "«": "``", "»": "''", '"': "''"
}  # fmt: skip

# Words that keep their full stop, wherever they stand.
_ABBREVIATIONS = (
    "adj|adm|adv|al|ala|ariz|asst|atty|ave|bldg|blvd|brig|bros|calif|cf|cie|co|colo|conn|corp|cos|cpl|ct|dak|dept|det"
    "|dr|ens|est|etc|ext|feb|fla|fri|ft|ga|hon|inc|ind|insp|intl|jan|jos|jr|kans?|ky|lieut|ltd|md|messrs|mfg|mich|minn"
    "|mlle|mme|mo|mon|mont|mr|mrs|ms|mt|neb|nev|oct|okla|penn|pfc|ph[.]d|ph|prof|pty|pvt|rd|rt|sep|sfc|sq|st|supt|tel|tenn"
    "|thu|thurs|tue|tues|univ|va|vs|vt|wed|wisc?|wyo"
)
# Words that begin a sentence after a single letter: "in area a. The road", but "S. Pellegrino".
_BEGINNINGS = (
    "A|About|After|An|As|At|He|Her|Here|If|In|It|Many|More|Now|One|Our|She|Since|So|Some|That|The|Their|There|These"
    "|They|This|We|What|When|While|You"
)
_BEFORE_NUMBERS = "art|ca|fig|figs|no|nos|op|pp|prop"
_MARK = "['’]"
_END = r"(?![^\W_])"  # no letter and no digit follows
_LETTER = r"[^\W\d_²³¹½¼¾]"
_WORD = rf"(?:\d*{_LETTER}[^\W²³¹½¼¾]*)"
_TOKENS = re.compile(
    rf"""
      </?[a-z!?][^<>]*>                                                                     # a tag
    | (?:https?://|www\.)[^\s"<>|`{{}}]*[^\s"<>|`{{}}.,;:!?)\]']                            # an address
    | [\w.+-]{{1,60}}@\w+(?:\.\w+)+                                                         # somebody's
    | \.(?:[ ]?\.){{2,}} | --+ | [!?]+ | ''|``|\*\*+|__+|\#\#+|<<|>>                        # runs of marks
    | \d{{1,2}}[-/]\d{{1,2}}[-/]\d{{2,4}}                                                   # a date
    | \d+[ ]\d+/\d+ (?!\d)                                                                  # one and a half
    | (?:{_LETTER}\.)+{_LETTER}\.?{_END}                                                    # U.S.
    | {_LETTER}\.(?!{_LETTER}{{2}}|\.\.\.|[ ](?-i:{_BEGINNINGS}){_END})                     # an initial
    | (?:{_ABBREVIATIONS})\.(?!{_LETTER})
    | (?:{_BEFORE_NUMBERS})\.(?=[ ]?\d)
    | can(?=not{_END}) | (?:gon|wan)(?=na{_END}) | got(?=ta{_END}) | (?:lem|gim)(?=me{_END})
    | 't(?=is|was)
    | {_LETTER}+(?=n['’`]t{_END}) | n['’`]t{_END}                                           # does n't
    | {_MARK}(?:s|m|d|re|ve|ll){_END}                                                       # it 's
    | {_MARK}n{_MARK}?{_END} | {_MARK}em{_END} | {_MARK}cause{_END} | '\d\ds?(?![^\W_]|')   # rock 'n' roll in the '90s
    | (?:o['’`]clocks? | [dlo]{_MARK}{_LETTER}{{2,}} | {_LETTER}*[aeiou]'[aeiou]{_LETTER}* | c'mon){_END}
    | (?:dunkin|ol|y)'
    | (?-i:[A-Z]+(?:&[A-Z]+)+)                                                              # AT&T
    | [cf][#]{_END} | c[+][+]
    | [a-z0-9]+(?:-[a-z]+){{0,2}}(?:/[a-z0-9]+(?:-[a-z]+){{0,2}}){{1,2}}                    # and/or, 1/2
    | [a-z0-9][a-z0-9%.,]{{0,60}}(?:[-‐‑][^\W_]+)+ (?!n['’`]t)                              # two-storey, 3.5-4
    | {_WORD}(?:[.!?]{_WORD})*\.(?=[,;])
    | [#@]{_LETTER}\w*
    | {_WORD}(?:[.!?]{_WORD})*
    | [-+]?(?:\d*(?:[.:,]\d+)+|\d+)
    | \S
    """,
    re.VERBOSE | re.IGNORECASE,
)
_PLAIN = re.compile(r"[a-zA-Z, ]*\.?")
_CUT = frozenset(["cannot", "gonna", "wanna", "gotta", "lemme", "gimme"])
_KEPT = frozenset([*_ABBREVIATIONS.replace("kans?", "kan|kans").replace("wisc?", "wis|wisc").split("|")])


def _keeps_its_stop(text: str) -> bool:
    """Whether the full stop at the end of a plain text is one of a letter or an abbreviation."""
    last = re.split(r"[ ,]", text[-12:-1])[-1].lower()
    return len(last) == 1 or last in _KEPT


def tokens(text: str) -> list[str]:
    """Returns all tokens, marks included, in small letters.

    >>> tokens("It's a (small) plane, isn't it?")
    ['it', "'s", 'a', '-lrb-', 'small', '-rrb-', 'plane', ',', 'is', "n't", 'it', '?']
    """
    bare = " ".join(text.replace("&amp;", "&").split())
    return [part for token in _TOKENS.findall(bare) if (written := _written(token)) for part in written.split(" ")]


def _written(token: str) -> str:
    """How a token is spelt; what the Java tokenizer cannot read, an emoji for example, is nothing."""
    if token[0] == "." and not token.strip(". "):
        return "..."
    if token[0] == "-" and not token.strip("-"):
        return token[:2]
    if len(token) == 1:
        return "" if ord(token) > 0xFFFD else BRACKETS.get(token) or RESPELT.get(token, token).lower()
    if token[0].isdigit():
        return token.lower().replace(" ", "\xa0")
    return token.replace("’", "'").lower()


@lru_cache(maxsize=2**16)
def words(text: str) -> tuple[str, ...]:
    """Returns the words that COCO's caption scores count.

    >>> words("A white plane, near 3,000 cars.")
    ('a', 'white', 'plane', 'near', '3,000', 'cars')
    """
    # Most captions are plain words with commas and a full stop at the end: three times as fast without the rules.
    if _PLAIN.fullmatch(text):
        plain = tuple(text.lower().removesuffix(".").replace(",", " ").split())
        if _CUT.isdisjoint(plain) and not (text.endswith(".") and _keeps_its_stop(text)):
            return plain
    return tuple(token for token in tokens(text) if token not in PUNCTUATION)
