"""Damage done to good files: bytes that a bad download or an attacker leaves, and values that no author thought of."""

import copy
import json
from collections.abc import Sequence
from random import Random
from typing import Any

SPLICES = [
    b"",
    b"\0",
    b"\xff" * 8,
    b"-1",
    b"1e999",
    b"NaN",
    b"null",
    b'"',
    b"[" * 50,
    b"{",
    b"../",
    b"\r\n",
    b"\x80\x04",
]
VALUES: list[Any] = [
    None, True, 0, -1, 2**63, -(2**70), 1e308, -0.0, "", " ", "\0", "../secret.png", "/etc/passwd", "a/../../b",
    "x" * 5000, "\ud800", "é\u202e", [], {}, [[]], [[[[[]]]]], [None] * 50, {"": {}}, "0", "1,2", "{<0><0><1><1>}",
    {"size": [1, 1], "counts": "1"}, {"size": [2**31, 2**31], "counts": "0"}, [0, 0, 1e9, -1e9],
]  # fmt: skip


def damage(content: bytes, random: Random, others: Sequence[bytes] = ()) -> bytes:
    """Returns a file's bytes, changed in one to four places."""
    damaged = bytearray(content)
    for _ in range(random.randint(1, 4)):
        start = random.randrange(len(damaged) + 1)
        end = min(len(damaged), start + random.choice([0, 1, 1, 4, 64, 1024]))
        match random.randrange(6):
            case 0:
                del damaged[start:end]
            case 1:
                damaged[start:end] = random.choice(SPLICES)
            case 2:
                damaged[start:end] = random.randbytes(end - start)
            case 3:
                damaged[start:start] = damaged[start:end] * random.randint(1, 3)
            case 4:
                del damaged[start:]
            case _:
                other = random.choice(others) if others else content
                cut = random.randrange(len(other) + 1)
                damaged[start:end] = other[cut : cut + 200]
    return bytes(damaged)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, child in children for place in _places(child, (*path, key)))]


def distort(value: Any, random: Random) -> Any:
    """Returns a JSON value with one to three of its parts put wrong, left out or doubled; the value itself stays."""
    distorted = copy.deepcopy(value)
    for _ in range(random.randint(1, 3)):
        place = random.choice(_places(distorted))
        if not place:
            if random.random() < 0.05:
                return random.choice(VALUES)
            continue
        parent = distorted
        for key in place[:-1]:
            parent = parent[key]
        match random.randrange(8):
            case 0:
                del parent[place[-1]]
            case 1 if isinstance(parent, list):
                parent.append(copy.deepcopy(parent[place[-1]]))
            case 2 if isinstance(parent, dict):
                parent[f"{place[-1]}_"] = parent.pop(place[-1])
            case _:
                parent[place[-1]] = copy.deepcopy(random.choice(VALUES))
    return distorted


def damage_json(content: bytes, random: Random) -> bytes:
    """Returns a JSON or JSON Lines file, distorted; still JSON."""
    try:
        return json.dumps(distort(json.loads(content), random)).encode()
    except ValueError:
        lines = content.splitlines()
        chosen = random.randrange(len(lines))
        lines[chosen] = json.dumps(distort(json.loads(lines[chosen]), random)).encode()
        return b"\n".join(lines) + b"\n"
