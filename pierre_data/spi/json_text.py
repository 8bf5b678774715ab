"""JSON as vendors write it: one odd value costs that value, never the body."""

from __future__ import annotations

import json
import re
from typing import Any

from pydantic_core import from_json

_BOM = b"\xef\xbb\xbf"
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
_DEEPEST = 100


def decode_json(body: bytes) -> Any:
    """Return decoded JSON; an empty body is None.

    Half an emoji, bytes that are no UTF-8 and what is nested more than 100 deep cost their own value only: the text
    is mended with U+FFFD, the nest is null.  NaN and Infinity, which are no JSON, become text.

    Raises
    ------
    ValueError
        It is no JSON.

    Examples
    --------
    >>> decode_json(b'{"name": "cut \\\\ud83d"}')
    {'name': 'cut \\ufffd'}
    >>> decode_json(b"")
    """
    body = body.removeprefix(_BOM)
    if not body or body.isspace():
        return None
    try:
        return from_json(body, allow_inf_nan=False, cache_strings="keys")
    except ValueError:
        pass  # Read again, leniently and ten times as slowly.
    text = _without_nests(body.decode("utf-8", "replace"))
    try:
        return json.loads(text, parse_constant=str, parse_int=_integer, object_pairs_hook=_object, strict=False)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) < 400 else float(digits)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {without_halves(key): _mended(value) for key, value in pairs}


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return without_halves(value)
    return [_mended(v) for v in value] if isinstance(value, list) else value


def without_halves(text: str) -> str:
    """Return text without halves of surrogate pairs, which no encoding can write."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _without_nests(text: str) -> str:
    depth, parts, at, nest = 0, [], 0, 0
    for token in _TOKEN.finditer(text):
        if token[0] in "[{":
            depth += 1
            nest = token.start() if depth == _DEEPEST else nest
        elif token[0] in "]}":
            if depth == _DEEPEST:
                parts += [text[at:nest], "null"]
                at = token.end()
            depth -= 1
    return "".join([*parts, text[at:]])
