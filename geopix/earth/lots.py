"""What a lot of land is used for: each use paints the lot's ground and places what belongs there.

A lot is a rectangle in the layout's axes (u, v); its front is the side u = `front`, where the street or quay runs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import pi

import numpy as np

from geopix.earth import ground
from geopix.earth.canvas import Floats, Mask
from geopix.earth.geometry import Frame
from geopix.earth.palette import rgb
from geopix.earth.site import Site

SEEN = 112  # farther than this from the middle, along u or v, a thing is likely cut by the border


@dataclass(frozen=True)
class Lot:
    """A rectangle of land, in units along u and v; `front` is u0 or u1."""

    u0: float
    u1: float
    v0: float
    v1: float
    front: float

    @property
    def inward(self) -> float:
        """+1 when the lot lies on the positive side of its front, else -1."""
        return 1.0 if self.front == self.u0 else -1.0

    def region(self, site: Site) -> Mask:
        """Returns bool[side, side], the lot on the canvas, without what the layout keeps for roads and water."""
        return (site.u > self.u0) & (site.u < self.u1) & (site.v > self.v0) & (site.v < self.v1) & site.open

    def seen(self) -> tuple[float, float, float, float]:
        """Returns (u0, u1, v0, v1) cut to the part that a picture surely shows."""
        u0, u1 = max(self.u0, -SEEN), min(self.u1, SEEN)
        v0, v1 = max(self.v0, -SEEN), min(self.v1, SEEN)
        return u0, max(u0, u1), v0, max(v0, v1)


def scatter_trees(site: Site, lot: Lot, count: int, radius: tuple[float, float] = (4.5, 8.5)) -> None:
    """Plants single trees and small clumps at random in the lot."""
    for _ in range(count):
        at = site.frame.at(site.rng.uniform(lot.u0, lot.u1), site.rng.uniform(lot.v0, lot.v1))
        for _ in range(int(site.rng.integers(1, 4))):
            jitter = site.rng.normal(0, 6, 2)
            site.plant(at.x + jitter[0], at.y + jitter[1], site.rng.uniform(*radius))


def houses(site: Site, lot: Lot) -> None:
    """A row of houses along the street, lawns, driveways with cars, garden trees."""
    region = lot.region(site)
    site.lay("grass", region, ground.grass(site.rng, site.textures.shifted(site.rng)))
    word = str(site.rng.choice(("small", "small", "medium")))
    pitch = site.rng.uniform(44, 58) if word == "small" else site.rng.uniform(66, 80)
    setback = site.rng.uniform(26, 34) + (8 if word == "medium" else 0)
    start = lot.seen()[2] + site.rng.uniform(12, 40)
    paving = ground.concrete(site.rng, site.textures)
    for v in np.arange(start, min(lot.v1, SEEN), pitch):
        if site.rng.random() < 0.16:
            continue
        u = lot.front + lot.inward * (setback + site.rng.normal(0, 2))
        turn = site.rng.choice((0.0, pi / 2, pi)) + site.rng.normal(0, 0.03)
        if site.put("building", site.frame.at(u, v, turn), word, gap=2) and site.rng.random() < 0.7:
            _driveway(site, lot, float(v + site.rng.choice((-1, 1)) * pitch * 0.42), setback, paving)
    scatter_trees(site, lot, int(site.rng.integers(5, 16)))


def _driveway(site: Site, lot: Lot, v: float, depth: float, paving: Floats) -> None:
    end = lot.front + lot.inward * depth
    low, high = min(lot.front, end), max(lot.front, end)
    strip = (np.abs(site.v - v) < 5) & (site.u > low) & (site.u < high) & lot.region(site)
    site.lay("pavement", strip, paving)
    if site.rng.random() < 0.55:
        u = lot.front + lot.inward * site.rng.uniform(10, depth - 9)
        site.put("vehicle", site.frame.at(u, v, float(site.rng.choice((0, pi)))), "small", gap=1.5)


def warehouses(site: Site, lot: Lot) -> None:
    """Large roofs on a paved yard with trucks."""
    paving = ground.concrete if site.rng.random() < 0.6 else ground.asphalt
    site.lay("pavement", lot.region(site), paving(site.rng, site.textures.shifted(site.rng)))
    u0, u1, v0, v1 = lot.seen()
    for word in ("large", str(site.rng.choice(("medium", "large", "small")))):
        for _ in range(8):
            frame = site.frame.at(site.rng.uniform(u0, u1), site.rng.uniform(v0, v1), _square_turn(site))
            if site.put("building", frame, word, gap=4, on="pavement"):
                break
    _scatter_vehicles(site, lot, int(site.rng.integers(0, 4)), ("large", "large", "small"), "pavement")


def _square_turn(site: Site) -> float:
    return float(site.rng.choice((0, pi / 2, pi, -pi / 2)) + site.rng.normal(0, 0.02))


def _scatter_vehicles(site: Site, lot: Lot, count: int, words: tuple[str, ...], on: str) -> None:
    u0, u1, v0, v1 = lot.seen()
    for _ in range(count):
        frame = site.frame.at(site.rng.uniform(u0, u1), site.rng.uniform(v0, v1), _square_turn(site))
        site.put("vehicle", frame, str(site.rng.choice(words)), gap=2.5, on=on)


def parking(site: Site, lot: Lot) -> None:
    """Marked slots in double rows, some of them taken."""
    site.lay("parking", lot.region(site), ground.asphalt(site.rng, site.textures.shifted(site.rng)))
    u0, u1, _, _ = lot.seen()
    slot, depth, aisle = 10.0, 19.0, 22.0
    first = u0 + site.rng.uniform(4, 16)
    rows = np.arange(first, u1 - depth, depth + aisle)
    for u in rows:
        inside = (site.u > u) & (site.u < u + depth) & lot.region(site)
        lines = inside & (np.mod(site.v, slot) < 0.9)
        site.mark(lines | (inside & (np.abs(site.u - u) < 0.5)), rgb(0.86, 0.86, 0.82))
    _park(site, lot, [float(u) + depth / 2 for u in rows], slot)
    if site.rng.random() < 0.4:
        scatter_trees(site, lot, 4)


def _park(site: Site, lot: Lot, rows: list[float], slot: float) -> None:
    _, _, v0, v1 = lot.seen()
    slots = [(u, (index + 0.5) * slot) for u in rows for index in range(int(v0 // slot) + 1, int(v1 // slot))]
    wanted = int(site.rng.integers(0, 8))
    for choice in site.rng.permutation(len(slots)):
        if wanted <= 0:
            break
        u, v = slots[int(choice)]
        turn = float(site.rng.choice((0, pi)) + site.rng.normal(0, 0.025))
        wanted -= site.put("vehicle", site.frame.at(u + site.rng.normal(0, 0.6), v, turn), "small", gap=0.8)


def tanks(site: Site, lot: Lot) -> None:
    """A tank farm: one or two groups in a grid on bare ground inside low walls."""
    material = ground.soil if site.rng.random() < 0.5 else ground.concrete
    cover = "soil" if material is ground.soil else "pavement"
    site.lay(cover, lot.region(site), material(site.rng, site.textures.shifted(site.rng)))
    u0, u1, v0, v1 = lot.seen()
    wanted = int(site.rng.integers(1, 7))
    word = str(site.rng.choice(("small", "medium", "large")))
    pitch = {"small": 28.0, "medium": 44.0, "large": 74.0}[word] * site.rng.uniform(1.0, 1.15)
    grid = [(u, v) for u in np.arange(u0 + pitch * 0.6, u1, pitch) for v in np.arange(v0 + pitch * 0.6, v1, pitch)]
    order = sorted(grid, key=lambda spot: abs(spot[1] - site.rng.uniform(v0, v1) * 0.3) + abs(spot[0]) * 0.3)
    for u, v in order:
        if wanted <= 0:
            break
        odd = word if site.rng.random() < 0.85 else str(site.rng.choice(("small", "medium")))
        if site.put("storage tank", site.frame.at(u, v), odd, gap=3):
            wanted -= 1
            wall = np.maximum(np.abs(site.u - u), np.abs(site.v - v))
            site.mark((np.abs(wall - pitch * 0.47) < 0.8) & lot.region(site), rgb(0.74, 0.71, 0.65), 0.7)
    if site.rng.random() < 0.5:
        site.put("building", _somewhere(site, lot), "small", gap=4)
    _scatter_vehicles(site, lot, int(site.rng.integers(0, 2)), ("large", "small"), cover)


def _somewhere(site: Site, lot: Lot) -> Frame:
    u0, u1, v0, v1 = lot.seen()
    return site.frame.at(site.rng.uniform(u0, u1), site.rng.uniform(v0, v1), _square_turn(site))


def courts(site: Site, lot: Lot) -> None:
    """Tennis or basketball courts side by side among lawns, sometimes a club house."""
    site.lay("grass", lot.region(site), ground.grass(site.rng, site.textures.shifted(site.rng)))
    u0, u1, v0, v1 = lot.seen()
    kind = str(site.rng.choice(("tennis court", "basketball court")))
    turn = float(site.rng.choice((0.0, pi / 2)))
    pitch_u, pitch_v = (72.0, 41.0) if turn == 0 else (41.0, 72.0)
    wanted = int(site.rng.integers(1, 5))
    at_u = np.arange(u0 + pitch_u / 2 + site.rng.uniform(2, 10), u1 - pitch_u * 0.4, pitch_u)
    at_v = np.arange(v0 + pitch_v / 2 + site.rng.uniform(2, 40), v1, pitch_v)
    for u, v in [(u, v) for u in at_u for v in at_v]:
        if wanted > 0 and site.rng.random() < 0.85:
            category = kind if site.rng.random() < 0.65 else str(site.rng.choice(("tennis court", "basketball court")))
            wanted -= site.put(category, site.frame.at(u, v, turn), gap=2.5)
    if site.rng.random() < 0.4:
        site.put("building", _somewhere(site, lot), str(site.rng.choice(("small", "medium"))), gap=5)
    scatter_trees(site, lot, int(site.rng.integers(5, 16)))


def apron(site: Site, lot: Lot) -> None:
    """Concrete slabs with parked airplanes, guide lines, a hangar, service vehicles."""
    region = lot.region(site)
    site.lay("pavement", region, ground.concrete(site.rng, site.textures.shifted(site.rng)))
    joints = (np.mod(site.u, 16) < 0.5) | (np.mod(site.v, 16) < 0.5)
    site.mark(region & joints, rgb(0.42, 0.41, 0.39), 0.35)
    u0, u1, v0, v1 = lot.seen()
    word = str(site.rng.choice(("small", "medium", "large", "medium")))
    pitch = {"small": 44.0, "medium": 64.0, "large": 104.0}[word]
    heading = pi * float(site.rng.random() < 0.5) + float(site.rng.choice((0.0, 0.0, 0.5, -0.5)))
    wanted = int(site.rng.integers(1, 5))
    if site.rng.random() < 0.5:
        deep = lot.front + lot.inward * (abs(lot.u1 - lot.u0) - 24)
        hangar = site.frame.at(float(np.clip(deep, u0, u1)), site.rng.uniform(v0, v1), pi / 2)
        site.put("building", hangar, str(site.rng.choice(("medium", "large"))), gap=5)
    for u in np.arange(u0 + pitch * 0.55, u1 - pitch * 0.3, pitch):
        for v in np.arange(v0 + pitch * 0.55 + site.rng.uniform(0, 12), v1, pitch):
            if wanted > 0 and site.rng.random() < 0.8:
                size = word if site.rng.random() < 0.8 else "small"
                turn = heading + site.rng.normal(0, 0.06)
                wanted -= site.put("airplane", site.frame.at(u, v, turn), size, gap=1.5)
                site.mark(region & (np.abs(site.v - v) < 0.5), rgb(0.75, 0.64, 0.25), 0.6)
    _scatter_vehicles(site, lot, int(site.rng.integers(0, 3)), ("small", "large"), "pavement")


def field(site: Site, lot: Lot) -> None:
    """Ploughed or grown strips, one to three crops, now and then a barn or a hedge."""
    turn = site.rng.choice((0.0, pi / 2, 0.0)) + site.rng.normal(0, 0.05)
    across = site.u * np.float32(np.cos(turn)) + site.v * np.float32(np.sin(turn))
    along = site.v * np.float32(np.cos(turn)) - site.u * np.float32(np.sin(turn))
    borders = np.sort(site.rng.uniform(-90, 90, int(site.rng.integers(0, 3))))
    number = np.searchsorted(borders, along)
    for part in range(len(borders) + 1):
        region = lot.region(site) & (number == part)
        site.lay("farmland", region, ground.crop(site.rng, site.textures.shifted(site.rng), across))
    for border in borders:
        site.mark(lot.region(site) & (np.abs(along - border) < 2.2), rgb(0.36, 0.39, 0.22), 0.8)
    if site.rng.random() < 0.3:
        site.put("building", _somewhere(site, lot), str(site.rng.choice(("small", "medium"))), gap=4)
    if site.rng.random() < 0.25:
        site.put("vehicle", _somewhere(site, lot), "large", gap=3)
    if site.rng.random() < 0.5:
        scatter_trees(site, lot, 3)


def forest(site: Site, lot: Lot) -> None:
    """A closed canopy with a ragged edge."""
    ragged = Lot(lot.u0 - 8, lot.u1 + 8, lot.v0 - 8, lot.v1 + 8, lot.front)
    wild = (site.cover == ground.NUMBER["grass"]) | lot.region(site)
    site.lay("grass", lot.region(site), ground.grass(site.rng, site.textures))
    edge = np.minimum(np.minimum(site.u - lot.u0, lot.u1 - site.u), np.minimum(site.v - lot.v0, lot.v1 - site.v))
    closed = ragged.region(site) & wild & (edge > 3 + 4 * site.textures.patchy)
    site.lay("forest", closed, ground.undergrowth(site.rng, site.textures))
    pitch = site.rng.uniform(8.5, 11.5)
    steps = np.arange(-136, 137, pitch)
    for u in steps[(steps > lot.u0) & (steps < lot.u1)]:
        for v in steps[(steps > lot.v0) & (steps < lot.v1)]:
            at = site.frame.at(u + site.rng.normal(0, 2), v + site.rng.normal(0, 2))
            if -8 < at.x < 264 and -8 < at.y < 264:
                site.plant(at.x, at.y, pitch * site.rng.uniform(0.5, 0.82))


def meadow(site: Site, lot: Lot) -> None:
    """Grass with a few trees, a worn patch and perhaps a hut."""
    site.lay("grass", lot.region(site), ground.grass(site.rng, site.textures.shifted(site.rng)))
    if site.rng.random() < 0.5:
        worn = lot.region(site) & (site.textures.patchy + 0.7 * site.textures.broad > site.rng.uniform(1.3, 1.9))
        site.lay("soil", worn, ground.soil(site.rng, site.textures))
    if site.rng.random() < 0.25:
        site.put("building", _somewhere(site, lot), "small", gap=4)
    scatter_trees(site, lot, int(site.rng.integers(2, 14)))


def yard(site: Site, lot: Lot) -> None:
    """Bare ground with trucks and a shed: a building site or a depot."""
    site.lay("soil", lot.region(site), ground.soil(site.rng, site.textures.shifted(site.rng)))
    if site.rng.random() < 0.6:
        site.put("building", _somewhere(site, lot), str(site.rng.choice(("small", "medium"))), gap=4)
    _scatter_vehicles(site, lot, int(site.rng.integers(1, 5)), ("large", "large", "small"), "soil")
    scatter_trees(site, lot, int(site.rng.integers(0, 4)))


def pond(site: Site, lot: Lot) -> None:
    """A meadow around a small lake, with a boat or two."""
    meadow(site, lot)
    u0, u1, v0, v1 = lot.seen()
    u, v = site.rng.uniform(u0, u1), site.rng.uniform(v0, v1)
    radius = site.rng.uniform(38, 70)
    depth = radius - np.hypot(site.u - u, (site.v - v) * np.float32(site.rng.uniform(0.6, 0.95)))
    depth = np.asarray(depth + 5 * site.textures.patchy, dtype=np.float32)
    inside = lot.region(site) & (depth > 0) & _unbuilt(site)
    site.lay("sand" if site.rng.random() < 0.4 else "soil", inside, ground.soil(site.rng, site.textures))
    site.lay("water", inside & (depth > 3), ground.water(site.rng, site.textures, depth))
    for _ in range(int(site.rng.integers(0, 3))):
        at = site.frame.at(u + site.rng.normal(0, 14), v + site.rng.normal(0, 14), site.rng.uniform(0, 2 * pi))
        site.put("ship", at, "small", gap=3, on="water")
    site.reserve(inside)
    site.drown()


def _unbuilt(site: Site) -> Mask:
    rows = np.minimum((np.arange(site.canvas.side) / site.canvas.scale).astype(int), 255)
    return np.asarray(site.free[np.ix_(rows, rows)], dtype=np.bool_)


Use = Callable[[Site, Lot], None]
USES: dict[str, Use] = {
    "houses": houses,
    "warehouses": warehouses,
    "parking": parking,
    "tanks": tanks,
    "courts": courts,
    "apron": apron,
    "field": field,
    "forest": forest,
    "meadow": meadow,
    "yard": yard,
    "pond": pond,
}
