"""Painters of what moves: ships, airplanes, vehicles. Each paints one thing and its label."""

from math import pi

import numpy as np

from geopix.earth.canvas import Canvas, Floats, Mask, Window
from geopix.earth.geometry import rectangle
from geopix.earth.light import Sun
from geopix.earth.palette import rgb
from geopix.earth.structures import lit
from geopix.earth.things import Thing


def ship(canvas: Canvas, thing: Thing, label: int, sun: Sun, rng: np.random.Generator) -> None:
    """Paints a hull with deck, bridge and hatches, or an open boat with a cockpit."""
    canvas.cast_shadow(thing.outline, thing.frame, thing.height * 0.7, sun)
    window = canvas.window([thing.outline], thing.frame)
    if window is None:
        return
    to_side = thing.width / 2 - np.abs(window.across)
    light = 1 + 0.05 * rng.standard_normal(window.mask.shape, dtype=np.float32) * 0.5
    light = np.asarray(light - 0.18 * (to_side < 0.8), dtype=np.float32)
    canvas.fill(window, lit(thing.shade, light), label)
    if thing.style == "boat":
        _cockpit(canvas, window, thing)
    else:
        _bridge_and_hatches(canvas, window, thing, rng)


def _inside(window: Window, along: tuple[float, float], half_width: float) -> Mask:
    return (window.along > along[0]) & (window.along < along[1]) & (np.abs(window.across) < half_width)


def _cockpit(canvas: Canvas, window: Window, thing: Thing) -> None:
    length, width = thing.length, thing.width
    canvas.fill(window, rgb(0.45, 0.38, 0.31), where=_inside(window, (-0.4 * length, -0.12 * length), 0.3 * width))
    canvas.fill(window, rgb(0.16, 0.19, 0.23), where=_inside(window, (0.05 * length, 0.13 * length), 0.3 * width))


def _bridge_and_hatches(canvas: Canvas, window: Window, thing: Thing, rng: np.random.Generator) -> None:
    length, width = thing.length, thing.width
    canvas.fill(window, thing.shade * 0.7, where=_inside(window, (-0.42 * length, -0.20 * length), 0.42 * width))
    canvas.fill(window, rgb(0.84, 0.84, 0.82), where=_inside(window, (-0.40 * length, -0.24 * length), 0.36 * width))
    canvas.fill(window, rgb(0.3, 0.3, 0.31), where=_inside(window, (-0.33 * length, -0.29 * length), 0.12 * width))
    for start in np.linspace(-0.14, 0.22, 4):
        span = (start * length, (start + 0.08) * length)
        canvas.fill(window, thing.shade * rng.uniform(0.72, 1.18), where=_inside(window, span, 0.3 * width))


def wake(canvas: Canvas, thing: Thing) -> None:
    """Paints the foam behind a ship under way; to be painted before every ship."""
    tail = thing.frame.at(-thing.length * 0.95, 0.0)
    reach = thing.length * 1.1
    window = canvas.window([tail.place(rectangle(reach, reach / 1.5))], tail)
    if window is None:
        return
    behind = reach / 2 - window.along
    spread = thing.width * 0.32 + 0.16 * behind
    arms = np.exp(-(((np.abs(window.across) - spread) / (1.2 + 0.03 * behind)) ** 2))
    middle = 0.7 * np.exp(-((window.across / (0.3 * thing.width + 0.4)) ** 2))
    fade = np.clip(1 - behind / reach, 0, 1) * (window.along < reach / 2 + 0.15 * thing.length)
    canvas.blend(window, rgb(0.78, 0.83, 0.84), np.asarray(0.6 * np.maximum(arms, middle) * fade, dtype=np.float32))


def airplane(canvas: Canvas, thing: Thing, label: int, sun: Sun, rng: np.random.Generator) -> None:
    """Paints wings, a fuselage lit as a cylinder, the cockpit window and the engines."""
    canvas.cast_shadow(thing.outline, thing.frame, thing.height * 0.7, sun)
    window = canvas.window([thing.outline], thing.frame)
    if window is None:
        return
    body = 0.055 * thing.length
    side = sun.facing(thing.frame.angle + pi / 2)
    along, across = window.along / thing.length, window.across
    fuselage = np.abs(across) < body
    round_light = 1.02 + 0.14 * side * across / body - 0.10 * (np.abs(across) / body) ** 2
    light = np.where(fuselage, round_light, 0.9 + 0.03 * np.sign(across) * side)
    canvas.fill(window, lit(thing.shade, np.asarray(light, dtype=np.float32)), label)
    canvas.fill(window, rgb(0.2, 0.22, 0.26), where=(along > 0.415) & (along < 0.445) & fuselage)
    _engines(canvas, window, thing)
    if rng.random() < 0.5:
        stripe = rgb(0.62, 0.24, 0.2) if rng.random() < 0.5 else rgb(0.22, 0.32, 0.5)
        canvas.fill(window, stripe, where=(along < -0.40) & (np.abs(across) < body * 0.5))


def _engines(canvas: Canvas, window: Window, thing: Thing) -> None:
    if thing.style == "propeller":
        nose = (window.along > 0.46 * thing.length) & (np.abs(window.across) < 0.5)
        canvas.fill(window, rgb(0.25, 0.25, 0.26), where=nose)
        return
    offset = np.abs(np.abs(window.across) - 0.19 * thing.length)
    pods = (offset < 0.025 * thing.length) & (np.abs(window.along - 0.05 * thing.length) < 0.05 * thing.length)
    canvas.fill(window, thing.shade * 0.66, where=pods)


def vehicle(canvas: Canvas, thing: Thing, label: int, sun: Sun, rng: np.random.Generator) -> None:
    """Paints a car with dark windows, a truck with a cab, or a bus."""
    canvas.cast_shadow(thing.outline, thing.frame, thing.height, sun)
    window = canvas.window([thing.outline], thing.frame)
    if window is None:
        return
    canvas.fill(window, _body(window, thing, sun), label)
    glass = rgb(0.14, 0.16, 0.19)
    length, half = thing.length, 0.38 * thing.width
    if thing.style == "car":
        bright = np.clip(thing.shade * 1.12 + 0.02, 0, 0.92)
        canvas.fill(window, bright, where=_inside(window, (-0.24 * length, 0.10 * length), half))
        canvas.fill(window, glass, where=_inside(window, (0.10 * length, 0.22 * length), half))
        canvas.fill(window, glass, where=_inside(window, (-0.36 * length, -0.26 * length), half))
    elif thing.style == "truck":
        canvas.fill(window, glass, where=_inside(window, (0.24 * length, 0.29 * length), 0.6 * thing.width))
        canvas.fill(window, glass, where=_inside(window, (0.42 * length, 0.46 * length), half))
    else:
        canvas.fill(window, glass, where=_inside(window, (0.45 * length, 0.49 * length), half))
        canvas.fill(window, thing.shade * 0.8, where=_inside(window, (-0.1 * length, 0.0), 0.22 * thing.width))


def _body(window: Window, thing: Thing, sun: Sun) -> Floats:
    side = sun.facing(thing.frame.angle + pi / 2)
    light = 1 + 0.14 * side * window.across / thing.width - 0.12 * (np.abs(window.across) > 0.42 * thing.width)
    return lit(thing.shade, np.asarray(light, dtype=np.float32))
