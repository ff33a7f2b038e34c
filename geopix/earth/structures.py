"""Painters of what is built: roofs, storage tanks, courts. Each paints one thing and its label."""

from math import pi

import numpy as np

from geopix.earth.canvas import Canvas, Floats, Window
from geopix.earth.light import Sun
from geopix.earth.palette import rgb
from geopix.earth.things import Thing


def lit(shade: Floats, light: Floats) -> Floats:
    """Returns float32[h, w, 3], a colour under float32[h, w] light."""
    return np.asarray(shade * light[..., None], dtype=np.float32)


def building(canvas: Canvas, thing: Thing, label: int, sun: Sun, rng: np.random.Generator) -> None:
    """Paints a roof: pitched ones are brighter on the side turned to the sun."""
    canvas.cast_shadow(thing.outline, thing.frame, thing.height, sun)
    window = canvas.window([thing.outline], thing.frame)
    if window is None:
        return
    roof = {"gable": _gable, "hip": _hip, "sawtooth": _sawtooth}.get(thing.style, _flat)
    light = roof(window, thing, sun)
    light = light * (1 + 0.02 * rng.standard_normal(light.shape, dtype=np.float32))
    canvas.fill(window, lit(thing.shade, light), label)
    if thing.style in ("flat", "ell", "sawtooth"):
        _rooftop_units(canvas, window, thing, sun, rng)
    elif rng.random() < 0.7:
        _chimney(canvas, window, thing, sun, rng)


def _slope(sun: Sun, angle: float) -> np.float32:
    return np.float32(0.22 * sun.facing(angle))


def _gable(window: Window, thing: Thing, sun: Sun) -> Floats:
    right = _slope(sun, thing.frame.angle + pi / 2)
    light = 1 + np.where(window.across > 0, right, -right)
    tiles = 0.03 * np.sin(window.across * np.float32(2.6))
    ridge = 0.12 * (np.abs(window.across) < 0.5)
    return np.asarray(light + tiles + ridge, dtype=np.float32)


def _hip(window: Window, thing: Thing, sun: Sun) -> Floats:
    right, front = _slope(sun, thing.frame.angle + pi / 2), _slope(sun, thing.frame.angle)
    to_side = thing.width / 2 - np.abs(window.across)
    to_end = thing.length / 2 - np.abs(window.along)
    sides = np.where(window.across > 0, right, -right)
    ends = np.where(window.along > 0, front, -front)
    edge = 0.10 * (np.abs(to_side - to_end) < 0.5)
    return np.asarray(1 + np.where(to_side < to_end, sides, ends) + edge, dtype=np.float32)


def _sawtooth(window: Window, thing: Thing, sun: Sun) -> Floats:
    period = np.float32(thing.length / 6)
    phase = np.mod(window.along + thing.length / 2, period) / period
    facing = _slope(sun, thing.frame.angle)
    return np.asarray(0.97 + 0.5 * facing * (phase - 0.5) - 0.16 * (phase < 0.12), dtype=np.float32)


def _flat(window: Window, thing: Thing, sun: Sun) -> Floats:
    # A parapet: a bright rim, and inside it a thin shadow on the side toward the sun.
    to_side = thing.width / 2 - np.abs(window.across)
    to_end = thing.length / 2 - np.abs(window.along)
    rim = np.minimum(to_side, to_end)
    seams = 0.03 * (np.mod(window.along, np.float32(9)) < 0.6)
    return np.asarray(0.97 + 0.12 * (rim < 1.3) - 0.12 * ((rim >= 1.3) & (rim < 2.4)) - seams, dtype=np.float32)


def _rooftop_units(canvas: Canvas, window: Window, thing: Thing, sun: Sun, rng: np.random.Generator) -> None:
    for _ in range(int(rng.integers(1, 4 if thing.size_word != "large" else 7))):
        along = rng.uniform(-0.38, 0.38) * thing.length
        across = rng.uniform(-0.34, 0.0 if thing.style == "ell" else 0.34) * thing.width
        half = rng.uniform(1.2, 2.6)
        shift_a, shift_b = _in_frame(sun.shadow, thing.frame.angle)
        _box(canvas, window, (along + 2 * shift_a, across + 2 * shift_b), half, thing.shade * 0.62)
        _box(canvas, window, (along, across), half, np.clip(thing.shade * 0.4 + 0.42, 0, 0.85))


def _chimney(canvas: Canvas, window: Window, thing: Thing, sun: Sun, rng: np.random.Generator) -> None:
    along, across = rng.uniform(-0.3, 0.3) * thing.length, rng.choice((-1, 1)) * 0.2 * thing.width
    shift_a, shift_b = _in_frame(sun.shadow, thing.frame.angle)
    _box(canvas, window, (along + 2 * shift_a, across + 2 * shift_b), 1.1, thing.shade * 0.6)
    _box(canvas, window, (along, across), 1.0, rgb(0.5, 0.42, 0.38))


def _in_frame(vector: tuple[float, float], angle: float) -> tuple[float, float]:
    turn_cos, turn_sin = float(np.cos(angle)), float(np.sin(angle))
    return vector[0] * turn_cos + vector[1] * turn_sin, vector[1] * turn_cos - vector[0] * turn_sin


def _box(canvas: Canvas, window: Window, at: tuple[float, float], half: float, color: Floats) -> None:
    inside = (np.abs(window.along - at[0]) < half) & (np.abs(window.across - at[1]) < half * 0.8)
    canvas.fill(window, color, where=inside)


def storage_tank(canvas: Canvas, thing: Thing, label: int, sun: Sun, rng: np.random.Generator) -> None:
    """Paints a tank: a domed roof, or a floating roof that lies in the shadow of its own rim."""
    canvas.cast_shadow(thing.outline, thing.frame, thing.height, sun)
    window = canvas.window([thing.outline], thing.frame)
    if window is None:
        return
    radius = thing.length / 2
    toward_a, toward_b = _in_frame(sun.toward, thing.frame.angle)
    along, across = window.along / radius, window.across / radius
    distance = np.hypot(along, across)
    if thing.style == "dome":
        light = 0.98 + 0.16 * (along * toward_a + across * toward_b)
        spokes = np.abs(np.sin(np.arctan2(across, along) * 6)) < 0.05
        light = light - 0.05 * spokes - 0.08 * (np.abs(distance - 0.9) < 0.04)
    else:
        inner = np.hypot(along - 0.22 * -toward_a, across - 0.22 * -toward_b)
        light = np.where(distance > 0.9, 1.05, np.where(inner < 0.86, 0.95, 0.62))
    canvas.fill(window, lit(thing.shade, np.asarray(light, dtype=np.float32)), label)
    hatch = (radius * rng.uniform(-0.3, 0.3), radius * rng.uniform(-0.3, 0.3))
    _box(canvas, window, hatch, 0.9, thing.shade * 0.7)


def tennis_court(canvas: Canvas, thing: Thing, label: int, sun: Sun, rng: np.random.Generator) -> None:
    """Paints the surface, the inner court in its own tone, the lines and the net."""
    window = _court_surface(canvas, thing, label, rng)
    if window is None:
        return
    a, b = thing.length * 0.36, thing.width * 0.36
    along, across = np.abs(window.along), np.abs(window.across)
    inner = (along < a) & (across < b)
    contrast = rgb(0.62, 1.0, 0.72) if thing.color == "red" else rgb(1.25, 1.16, 1.12)
    canvas.fill(window, thing.shade * contrast, where=inner)
    line = np.float32(0.55)
    frame = ((np.abs(along - a) < line) & (across < b)) | ((np.abs(across - b) < line) & (along < a))
    singles = (np.abs(across - 0.75 * b) < line * 0.8) & (along < a)
    service = (np.abs(along - 0.53 * a) < line) & (across < 0.75 * b)
    middle = (across < line * 0.8) & (along < 0.53 * a)
    canvas.fill(window, rgb(0.88, 0.88, 0.85), where=frame | singles | service | middle)
    canvas.fill(window, rgb(0.22, 0.24, 0.24), where=(along < 0.5) & (across < 1.1 * b))


def basketball_court(canvas: Canvas, thing: Thing, label: int, sun: Sun, rng: np.random.Generator) -> None:
    """Paints the surface, the border and centre lines, the circle, the keys and the three-point arcs."""
    window = _court_surface(canvas, thing, label, rng)
    if window is None:
        return
    a, b = thing.length * 0.45, thing.width * 0.43
    along, across = np.abs(window.along), np.abs(window.across)
    line = np.float32(0.55)
    key = (along > 0.6 * a) & (along < a) & (across < 0.32 * b)
    tone = rgb(0.55, 0.62, 0.85) if thing.color != "blue" else rgb(1.9, 1.05, 0.62)
    canvas.fill(window, np.clip(thing.shade * tone, 0, 0.8), where=key)
    border = ((np.abs(along - a) < line) & (across < b)) | ((np.abs(across - b) < line) & (along < a))
    centre = (along < line) & (across < b)
    circle = np.abs(np.hypot(window.along, window.across) - 0.26 * b) < line
    arc = (np.abs(np.hypot(along - 0.9 * a, across) - 0.8 * b) < line) & (along < a)
    canvas.fill(window, rgb(0.86, 0.85, 0.82), where=border | centre | circle | arc)


def _court_surface(canvas: Canvas, thing: Thing, label: int, rng: np.random.Generator) -> Window | None:
    window = canvas.window([thing.outline], thing.frame)
    if window is None:
        return None
    light = 1 + 0.03 * rng.standard_normal(window.mask.shape, dtype=np.float32)
    canvas.fill(window, lit(thing.shade, light), label)
    return window
