"""Questions: every answer worked out again from the instances, by other code."""

import re
from collections import Counter

import numpy as np

from geopix.earth.phrases import COVER_WORDS
from geopix.earth.questions import Claim, Priors, balance, claims, questions, shipped_priors, wording
from geopix.earth.scene import Scene
from geopix.earth.things import CATEGORIES


def number_of(scene: Scene, plural: str) -> int:
    return sum(one.category + "s" == plural for one in scene.instances)


def test_counts_and_comparisons_follow_from_the_instances(scenes: list[Scene]) -> None:
    checked = 0
    for scene in scenes:
        for claim in claims(scene):
            text = wording(claim, np.random.default_rng(0))
            if claim.group == "count":
                plural = re.search(r"(?:How many|the number of) ([a-z ]+?)(?: are| in|\?)", text)[1]  # type: ignore[index]
                assert claim.answer == str(number_of(scene, plural))
            elif claim.group == "comp":
                words = text.removesuffix(" in the image?").removesuffix("?")
                answer = {"yes": True, "no": False}[claim.answer]
                if " equal " in words:
                    first, second = re.findall(r"number of ([a-z ]+?)(?: equal|$)", words)
                    first = first.removesuffix(" equal").strip()
                    assert answer == (number_of(scene, first) == number_of(scene, second))
                else:
                    less, first, second = re.fullmatch(r"Are there (more|less) (.+) than (.+)", words).groups()  # type: ignore[union-attr]
                    sign = 1 if less == "more" else -1
                    assert answer == (sign * (number_of(scene, first) - number_of(scene, second)) > 0)
            checked += claim.group in ("count", "comp")
    assert checked > 200


def test_areas_are_square_metres_of_visible_pixels(scenes: list[Scene]) -> None:
    names = {words: name for name, words in COVER_WORDS.items()}
    for scene in scenes:
        for claim in claims(scene):
            if claim.group != "area":
                continue
            subject = claim.parts[0]
            if subject in CATEGORIES:
                pixels = sum(int(one.mask.sum()) for one in scene.instances if one.category == subject)
            else:
                pixels = int(scene.covers[names[subject]].sum())
            assert claim.answer == f"{round(pixels * scene.metres_per_pixel**2)}m2"


def test_presence_follows_from_the_picture(scenes: list[Scene]) -> None:
    names = {words: name for name, words in COVER_WORDS.items()}
    for scene in scenes:
        for claim in claims(scene):
            if claim.group != "presence":
                continue
            subject = claim.parts[0]
            if subject in CATEGORIES:
                expected = any(one.category == subject for one in scene.instances)
            else:
                expected = scene.covers[names[subject]].mean() > 0.02
            assert (claim.answer == "yes") == expected, claim


def test_attributes_follow_from_the_instances(scenes: list[Scene]) -> None:
    kinds: Counter[str] = Counter()
    for scene in scenes:
        for claim in claims(scene):
            if claim.group != "attribute":
                continue
            expected = attribute_holds(scene, claim.parts)
            assert (claim.answer == "yes") == expected, claim
            kinds[claim.parts[1] if len(claim.parts) > 1 else "adjective"] += 1
    assert {"adjective", "left", "right", "top", "bottom", "next to"} <= set(kinds)


def attribute_holds(scene: Scene, parts: tuple[str, ...]) -> bool:
    if len(parts) == 1:
        adjective, category = parts[0].split(" ", 1)
        return any(one.category == category and adjective in (one.color, one.size_word) for one in scene.instances)
    members = [one for one in scene.instances if one.category == parts[0]]
    if len(parts) == 2:
        axis = 0 if parts[1] in ("left", "right") else 1
        middles = [(one.box[axis] + one.box[axis + 2]) / 2 / 160 for one in members]
        return min(middles) < 0.5 if parts[1] in ("left", "top") else max(middles) > 0.5
    others = [one for one in scene.instances if one.category == parts[2]]
    gaps = [
        np.linalg.norm(np.argwhere(one.mask)[:, None] - np.argwhere(other.mask)[None, ::3], axis=-1).min()
        for one in members
        for other in others
    ]
    return bool(min(gaps) < 0.1 * 160)


def test_nothing_is_asked_about_fragments(scenes: list[Scene]) -> None:
    from dataclasses import replace

    scene = replace(scenes[2], fragments=frozenset({"vehicle"}))
    speaking = [claim for claim in claims(scene) if any("vehicle" in part for part in claim.parts)]
    assert {claim.group for claim in speaking} <= {"presence"}


def test_thinning_makes_yes_and_no_equally_likely() -> None:
    yes, no = Claim("presence", ("ship",), "yes"), Claim("presence", ("ship",), "no")
    share = 0.23
    assert np.isclose(share * balance(yes, share), (1 - share) * balance(no, share))
    some, none = Claim("count", ("ship",), "3"), Claim("count", ("ship",), "0")
    zeros = 0.77 * balance(none, 0.23)
    assert np.isclose(zeros / (zeros + 0.23 * balance(some, 0.23)), 0.25)


def test_unmeasured_claims_are_not_asked() -> None:
    priors = Priors({"presence|ship": 0.5}, {"presence": 1.0})
    assert priors.chance(Claim("presence", ("ship",), "yes")) == 1.0
    assert priors.chance(Claim("presence", ("castle",), "yes")) == 0.0


def test_about_ten_questions_an_image_in_the_benchmarks_types(scenes: list[Scene]) -> None:
    draws = [questions(scene, np.random.default_rng(seed)) for scene in scenes for seed in range(12)]
    types = Counter(question.type for asked in draws for question in asked)
    per_image = {name: count / len(draws) for name, count in types.items()}
    assert set(types) == {"presence", "comp", "count", "area"}
    assert 5 < sum(per_image.values()) < 18
    assert per_image["presence"] > per_image["count"] > per_image["area"]


def test_wordings_are_the_benchmarks() -> None:
    texts = {wording(Claim("presence", ("road",), "yes"), np.random.default_rng(seed)) for seed in range(20)}
    assert "Is there a road?" in texts
    assert wording(Claim("presence", ("airplane",), "yes"), np.random.default_rng(0)).count(" an airplane") == 1
    beside = wording(Claim("attribute", ("ship", "next to", "building"), "no"), np.random.default_rng(1))
    assert "ship next to a building" in beside


def test_the_shipped_priors_cover_every_plain_question() -> None:
    priors = shipped_priors()
    for subject in (*CATEGORIES, *COVER_WORDS.values()):
        assert 0.05 < priors.positive[f"presence|{subject}"] < 0.95
    assert set(priors.rates) == {"presence", "attribute", "comp", "count", "area"}
