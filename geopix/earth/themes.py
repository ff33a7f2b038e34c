"""Layouts: what divides a scene (street, quay, river, runway) and what the lots between are used for."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import pi

import numpy as np

from geopix.earth import ground
from geopix.earth.canvas import Floats
from geopix.earth.geometry import Frame
from geopix.earth.lots import SEEN, USES, Lot
from geopix.earth.palette import rgb
from geopix.earth.site import Site

FAR = 190.0  # beyond every corner of the picture, from its middle


def street(site: Site) -> list[Lot]:
    """A street along v with traffic, half the time with a crossing; lots on both sides."""
    u, width = site.rng.uniform(-60, 60), site.rng.uniform(17, 24)
    _road(site, site.u, site.v, u, width)
    left, right = (-FAR, u - width / 2), (u + width / 2, FAR)
    spans = [(-FAR, FAR)]
    if site.rng.random() < 0.5:
        v, cross = site.rng.uniform(-70, 70), site.rng.uniform(15, 20)
        _road(site, site.v, site.u, v, cross)
        spans = [(-FAR, v - cross / 2), (v + cross / 2, FAR)]
    lots = [Lot(*left, *span, front=left[1]) for span in spans] + [Lot(*right, *span, front=right[0]) for span in spans]
    _traffic(site, u, width)
    site.close(site.cover != ground.NUMBER["grass"])
    return lots


def _road(site: Site, across: Floats, along: Floats, middle: float, width: float) -> None:
    offset = np.abs(across - np.float32(middle))
    edge = site.rng.random() < 0.6
    if edge:
        site.lay("pavement", offset < width / 2 + 2.5, ground.concrete(site.rng, site.textures))
    site.lay("road", offset < width / 2, ground.asphalt(site.rng, site.textures.shifted(site.rng)))
    dashes = (offset < 0.55) & (np.mod(along, 13) < 7)
    borders = np.abs(offset - (width / 2 - 1.6)) < 0.4
    site.mark(dashes, rgb(0.87, 0.86, 0.80))
    if site.rng.random() < 0.6:
        site.mark(borders, rgb(0.85, 0.85, 0.82), 0.7)


def _traffic(site: Site, u: float, width: float) -> None:
    for _ in range(int(site.rng.choice((0, 0, 1, 2, 3)))):
        side = float(site.rng.choice((-1, 1)))
        frame = site.frame.at(u + side * width / 4, site.rng.uniform(-SEEN, SEEN), side * pi / 2)
        site.put("vehicle", frame, str(site.rng.choice(("small", "small", "large"))), gap=1.2, on="road")


def track(site: Site) -> list[Lot]:
    """A dirt track along v."""
    u, width = site.rng.uniform(-70, 70), site.rng.uniform(9, 13)
    curve = 4 * np.sin(site.v / np.float32(site.rng.uniform(30, 60)))
    offset = np.abs(site.u - np.float32(u) - curve)
    lots = [Lot(-FAR, u - 3, -FAR, FAR, front=u - 3), Lot(u + 3, FAR, -FAR, FAR, front=u + 3)]
    site.lay("road", offset < width / 2, ground.soil(site.rng, site.textures))
    site.mark(np.abs(offset - width / 4) < 1.1, rgb(0.72, 0.65, 0.53), 0.6)
    site.mark(offset < 0.9, rgb(0.42, 0.42, 0.26), 0.6)
    site.close(offset < width / 2)
    return lots


def quay(site: Site) -> list[Lot]:
    """A straight quay or pier front: ships berthed and under way, land behind a service road."""
    shore = site.rng.uniform(-40, 45)
    _sea(site, np.asarray(site.u - np.float32(shore), dtype=np.float32))
    apron = site.rng.uniform(10, 18)
    edge = (site.u < shore) & (site.u > shore - apron)
    site.lay("pavement", edge, ground.concrete(site.rng, site.textures))
    site.mark((site.u < shore) & (site.u > shore - 1.3), rgb(0.35, 0.34, 0.33), 0.7)
    front = shore - apron
    if site.rng.random() < 0.6:
        _road(site, site.u, site.v, front - 9, 18)
        _traffic(site, front - 9, 18)
        front -= 19
    if site.rng.random() < 0.5:
        _pier(site, shore)
    _berths(site, shore)
    _under_way(site, shore + 34)
    site.close(site.u > front)
    return [Lot(-FAR, front, -FAR, FAR, front=front)]


def _sea(site: Site, depth: Floats) -> None:
    site.lay("water", depth > 0, ground.water(site.rng, site.textures, depth))


def _pier(site: Site, shore: float) -> None:
    v, length, half = site.rng.uniform(-60, 60), site.rng.uniform(36, 70), site.rng.uniform(3, 6)
    pier = (site.u > shore - 1) & (site.u < shore + length) & (np.abs(site.v - np.float32(v)) < half)
    site.lay("pavement", pier, ground.concrete(site.rng, site.textures))
    for side in (-1, 1):
        for along in np.arange(14, length - 6, 15):
            if site.rng.random() < 0.45:
                frame = site.frame.at(shore + along, v + side * (half + 14), side * pi / 2)
                site.put("ship", frame, "small", gap=1, on="water")
    site.reserve(pier)


def _berths(site: Site, shore: float) -> None:
    word = str(site.rng.choice(("small", "medium", "large")))
    width, pitch = {"small": (9.0, 32.0), "medium": (12.0, 58.0), "large": (24.0, 116.0)}[word]
    for v in np.arange(-SEEN + site.rng.uniform(0, pitch), SEEN, pitch):
        if site.rng.random() < 0.5:
            heading = float(site.rng.choice((pi / 2, -pi / 2)) + site.rng.normal(0, 0.02))
            site.put("ship", site.frame.at(shore + width / 2 + 4, v, heading), word, gap=1, on="water")


def _under_way(site: Site, near: float) -> None:
    for _ in range(int(site.rng.integers(0, 4))):
        frame = site.frame.at(site.rng.uniform(near, FAR), site.rng.uniform(-SEEN, SEEN), site.rng.uniform(0, 2 * pi))
        if site.put("ship", frame, gap=4, on="water") and site.rng.random() < 0.65:
            site.wakes.append(site.things[-1])


def coast(site: Site) -> list[Lot]:
    """A natural shore with a beach; boats off it."""
    shore = site.rng.uniform(-50, 60)
    line = np.float32(shore) + 9 * site.textures.broad + 4 * site.textures.patchy
    depth = np.asarray(site.u - line, dtype=np.float32)
    beach = site.rng.uniform(4, 16)
    site.lay("sand", depth > -beach, ground.sand(site.rng, site.textures))
    _sea(site, depth)
    site.mark(np.abs(depth - 1.0) < 0.9, rgb(0.85, 0.87, 0.85), 0.6)
    _under_way(site, shore + 20)
    site.close(depth > -beach - 3)
    return [Lot(-FAR, shore + 25, -FAR, FAR, front=shore - beach - 10)]


def river(site: Site) -> list[Lot]:
    """A winding river between two lots; boats on it."""
    u, half = site.rng.uniform(-50, 50), site.rng.uniform(16, 34)
    bend = 14 * np.sin(site.v / np.float32(site.rng.uniform(35, 70)) + np.float32(site.rng.uniform(0, 6)))
    depth = np.asarray(half - np.abs(site.u - np.float32(u) - bend) + 3 * site.textures.patchy, dtype=np.float32)
    site.lay("soil", depth > -4, ground.soil(site.rng, site.textures))
    _sea(site, depth)
    for _ in range(int(site.rng.integers(0, 4))):
        heading = pi / 2 * float(site.rng.choice((-1, 1))) + site.rng.normal(0, 0.2)
        frame = site.frame.at(u + site.rng.normal(0, 12), site.rng.uniform(-SEEN, SEEN), heading)
        word = str(site.rng.choice(("small", "small", "medium")))
        if site.put("ship", frame, word, gap=2, on="water") and site.rng.random() < 0.5:
            site.wakes.append(site.things[-1])
    site.close(depth > -5)
    return [Lot(-FAR, u, -FAR, FAR, front=u - half - 12), Lot(u, FAR, -FAR, FAR, front=u + half + 12)]


def runway(site: Site) -> list[Lot]:
    """A runway or taxiway with its marks, a strip of grass, the apron behind."""
    u, width = site.rng.uniform(-75, -20), site.rng.uniform(34, 50)
    offset = np.abs(site.u - np.float32(u))
    site.lay("grass", site.u < u + width, ground.grass(site.rng, site.textures))
    site.lay("pavement", offset < width / 2, ground.asphalt(site.rng, site.textures.shifted(site.rng)))
    site.mark((offset < 0.9) & (np.mod(site.v, 34) < 20), rgb(0.88, 0.88, 0.85))
    site.mark(np.abs(offset - (width / 2 - 2)) < 0.7, rgb(0.86, 0.86, 0.83))
    if site.rng.random() < 0.35:
        heading = pi / 2 * float(site.rng.choice((-1, 1)))
        site.put("airplane", site.frame.at(u, site.rng.uniform(-90, 90), heading), gap=2)
    front = u + width / 2 + site.rng.uniform(10, 22)
    site.close(site.u < front)
    return [Lot(front, FAR, -FAR, FAR, front=front)]


def wild(site: Site) -> list[Lot]:
    """Nothing built: one or two lots side by side."""
    u = site.rng.uniform(-60, 60)
    return [Lot(-FAR, u, -FAR, FAR, front=u), Lot(u, FAR, -FAR, FAR, front=u)]


@dataclass(frozen=True)
class Theme:
    """A kind of place: how often, what divides it, and how likely each use of a lot is."""

    share: float
    divide: tuple[Callable[[Site], list[Lot]], ...]
    uses: dict[str, float]


THEMES: dict[str, Theme] = {
    "suburb": Theme(15, (street,), {"houses": 5, "meadow": 1, "courts": 1.6, "parking": 1, "forest": 0.7, "yard": 0.4}),
    "industry": Theme(15, (street,), {"warehouses": 3, "tanks": 4, "parking": 2, "yard": 1.2, "meadow": 0.5}),
    "sports": Theme(18, (street, street, wild), {"courts": 5, "parking": 2, "houses": 1, "meadow": 1, "forest": 0.6}),
    "port": Theme(15, (quay,), {"warehouses": 3, "tanks": 2, "parking": 1, "yard": 1, "meadow": 0.7}),
    "coast": Theme(8, (coast,), {"houses": 2, "meadow": 2, "forest": 2, "field": 1, "courts": 0.8}),
    "river": Theme(6, (river,), {"houses": 1, "meadow": 1, "forest": 2, "field": 3, "tanks": 0.4}),
    "airfield": Theme(23, (runway, runway, street), {"apron": 6, "warehouses": 0.6, "meadow": 0.5, "parking": 0.6}),
    "farm": Theme(11, (track, street, track), {"field": 6, "houses": 0.8, "forest": 1.2, "pond": 0.8, "tanks": 0.4}),
    "wild": Theme(4, (wild, track), {"forest": 3, "meadow": 2, "pond": 2, "field": 1}),
}


HABITATS = (("building", "grass"), ("vehicle", "road"), ("ship", "water"), ("building", "farmland"))


def compose(site: Site) -> str:
    """Draws a theme, lays out the whole scene and returns the theme's name."""
    names = list(THEMES)
    shares = np.array([THEMES[name].share for name in names])
    name = str(site.rng.choice(names, p=shares / shares.sum()))
    theme = THEMES[name]
    site.lay("grass", np.ones_like(site.cover, dtype=np.bool_), ground.grass(site.rng, site.textures))
    divide = theme.divide[int(site.rng.integers(len(theme.divide)))]
    lots = divide(site)
    uses = list(theme.uses)
    weights = np.array(list(theme.uses.values()))
    for lot in lots:
        for part in _split(site, lot):
            USES[str(site.rng.choice(uses, p=weights / weights.sum()))](site, part)
    _inhabit(site)
    return name


def _inhabit(site: Site) -> None:
    """Puts a first thing somewhere in a scene that came out empty."""
    if site.things:
        return
    site.free[:] = True  # nothing stands anywhere, so only the covers decide
    for _ in range(200):
        if site.things:
            return
        category, cover = HABITATS[int(site.rng.integers(len(HABITATS)))]
        x, y = site.rng.uniform(20, 236, 2)
        site.put(category, Frame(x, y, site.rng.uniform(0, 2 * pi)), gap=3, on=cover)


def _split(site: Site, lot: Lot) -> list[Lot]:
    u0, u1, v0, v1 = lot.seen()
    if v1 - v0 > 130 and site.rng.random() < 0.5:
        middle = site.rng.uniform(v0 + 60, v1 - 60)
        return [replace(lot, v1=middle), replace(lot, v0=middle)]
    if u1 - u0 > 140 and site.rng.random() < 0.5:
        middle = site.rng.uniform(u0 + 60, u1 - 60)
        # Each part keeps a front: the street for the one beside it, the common border for the one behind.
        near, far = replace(lot, u1=middle), replace(lot, u0=middle, front=middle)
        return [near, far] if lot.front == lot.u0 else [replace(near, front=middle), replace(far, front=lot.front)]
    return [lot]
