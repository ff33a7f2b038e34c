"""How places are dealt out to splits."""

from collections import Counter

from geopix.own_data.places import deal


def test_shares_are_kept_where_places_are_alike() -> None:
    sizes = {f"scene {number}": 100 for number in range(100)}
    counts = Counter(deal(sizes, (("train", 8), ("val", 1), ("test", 1)), seed=3).values())
    assert counts == {"train": 80, "val": 10, "test": 10}


def test_no_split_is_left_empty() -> None:
    sizes = {"huge": 10_000, "small": 1, "tiny": 1}
    for seed in range(5):
        assert set(deal(sizes, (("train", 98), ("val", 1), ("test", 1)), seed).values()) == {"train", "val", "test"}


def test_the_seed_decides_and_the_order_of_the_places_does_not() -> None:
    sizes = {f"scene {number}": 100 for number in range(20)}
    shares = (("train", 1), ("test", 1))
    assert deal(sizes, shares, 0) == deal(dict(reversed(sizes.items())), shares, 0)
    assert deal(sizes, shares, 0) != deal(sizes, shares, 1)
