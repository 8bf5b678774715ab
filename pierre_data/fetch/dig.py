"""Dotted paths into decoded JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def dig(content: Any, path: str) -> Any:
    """Return what a dotted path leads to, or None.

    Examples
    --------
    >>> dig({"a": {"b": [1, 2]}}, "a.b.1")
    2
    """
    for step in path.split(".") if path else ():
        if isinstance(content, Mapping):
            content = content.get(step)
        elif isinstance(content, list) and step.isdigit() and int(step) < len(content):
            content = content[int(step)]
        else:
            return None
    return content
