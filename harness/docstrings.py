"""What docstrings say of attributes and arguments, for pages and files that are made from the code."""

import inspect
import re


def section(docstring: str, title: str) -> dict[str, str]:
    r"""Returns the names and meanings of one section of a docstring, `Attributes` for example.

    >>> section("Rows.\n\nAttributes:\n    file: the file\n        below the root.\n    id: its key.", "Attributes")
    {'file': 'the file below the root.', 'id': 'its key.'}
    """
    match = re.search(rf"^{title}:\n((?:[ ]+.*\n?|\n)+)", docstring, flags=re.MULTILINE)
    entries = re.split(r"\n(?= {4}\w)", inspect.cleandoc("\n" + match[1]).replace("\n", "\n    ")) if match else []
    found = {}
    for entry in entries:
        name, _, meaning = entry.strip().partition(":")
        found[name] = " ".join(meaning.split())
    return found
