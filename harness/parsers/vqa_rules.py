"""How two scorers of visual question answering bring answers into one form, each with its own quirks.

The rules are those of the VQA challenge's `vqaEval.py` (GT-Vision-Lab/VQA@a013f004; Antol et al., ICCV 2015) and of
`EvalAIAnswerProcessor` in lmms-eval (@75571cfe, after facebookresearch/mmf). Their quirks are kept, since published
numbers have them: a mark is dropped where it touches a space anywhere in the text, or where the text has a number with
a comma, and becomes a space elsewhere; at most 32 full stops are dropped; "none" is 0; number words end with ten.
"""

import re
from collections.abc import Iterator, Mapping

_MARKS = ';/[]"{}()=+\\_-><@`,?!'
_FULL_STOP = re.compile(r"\.(?!\d)")
_MOST_FULL_STOPS = 32  # a flag that stands in the place of a count
_COMMA = re.compile(r"\d,\d")
RUNS_OF_COMMAS = re.compile(r"\d,+\d")
_ARTICLES = frozenset(("a", "an", "the"))
_NUMBERS: Mapping[str, str] = {
    "none": "0",
    **{
        word: str(value)
        for value, word in enumerate(
            ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
        )
    },
}
_CONTRACTIONS = (
    "ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't hadn't've hasn't haven't he'd "
    "he'd've he's how'd how'll how's isn't it'd it'd've it'll ma'am mightn't mightn't've might've mustn't must've "
    "needn't not've o'clock oughtn't 'ow's'at shan't she'd've should've shouldn't shouldn't've somebody'd've "
    "somebody'll somebody's someone'd someone'd've someone'll someone's something'd something'd've something'll "
    "that's there'd there'd've there're there's they'd they'd've they'll they're they've 'twas wasn't we'd've we've "
    "weren't what'll what're what's what've when's where'd where's where've who'd who'd've who'll who's who've "
    "why'll why're why's won't would've wouldn't wouldn't've y'all y'all'll y'all'd've you'd you'd've you'll you're "
    "you've"
)


def _without_one_apostrophe() -> Iterator[tuple[str, str]]:
    """Each contraction under each spelling that lacks one of its apostrophes."""
    for word in _CONTRACTIONS.split():
        for place, mark in enumerate(word):
            if mark == "'":
                yield word[:place] + word[place + 1 :], word
    yield "somebody'd", "somebodyd"  # a slip of the table


_SPELT: Mapping[str, str] = dict(_without_one_apostrophe())


def punctuation(text: str, comma: re.Pattern[str] = _COMMA) -> str:
    """Returns a text without the marks that do not count.

    >>> punctuation("Yes, there is."), punctuation("1,000 m2 (about)"), punctuation("north-east!")
    ('Yes there is', '1000 m2 about', 'north east ')
    """
    found = text
    with_comma = comma.search(text) is not None
    for mark in _MARKS:
        touches_space = f"{mark} " in text or f" {mark}" in text
        found = found.replace(mark, "" if with_comma or touches_space else " ")
    return _FULL_STOP.sub("", found, count=_MOST_FULL_STOPS)


def words(text: str) -> str:
    """Returns a text in small letters, without articles, number words to ten as digits, contractions spelt out.

    >>> words("The two cars arent there")
    "2 cars aren't there"
    """
    kept = [_NUMBERS.get(word, word) for word in text.lower().split()]
    return " ".join(_SPELT.get(word, word) for word in kept if word not in _ARTICLES)


def on_one_line(text: str) -> str:
    """Returns a text without tabs, line ends and white space around."""
    return text.replace("\n", " ").replace("\t", " ").strip()


def vqa_official(text: str) -> str:
    """Returns an answer as the VQA challenge's scorer compares it.

    >>> vqa_official("There are two cars, the red ones.")
    'there are 2 cars red ones'
    """
    return words(punctuation(on_one_line(text)))


def eval_ai(text: str) -> str:
    """Returns an answer as lmms-eval's `EvalAIAnswerProcessor` gives it.

    >>> eval_ai("The ship's, is it?")
    "ship 's is it"
    """
    apart = text.lower().replace(",", "").replace("?", "").replace("'s", " 's").strip()
    return words(punctuation(on_one_line(apart), RUNS_OF_COMMAS))
