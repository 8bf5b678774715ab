"""What a notebook shows of our values: one place that makes HTML, and it escapes everything."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

# No script, no address, nothing from elsewhere; colours are inherited, so that light and dark themes both fit.
_CELL = "text-align:left;vertical-align:top;padding:2px 12px 2px 0"
_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def escaped(value: object) -> str:
    """Return a value's text for HTML: escaped, without terminal codes and reversed writing; None is nothing."""
    return "" if value is None else html.escape(visible(value), quote=True)


def visible(value: object) -> str:
    """Return a value's text without terminal codes, control characters and reversed writing."""
    return _CONTROL.sub("", str(value))


def shown(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], notes: Iterable[object] = ()) -> str:
    """Return a titled table as HTML, with notes below it; without `columns` a table of facts.

    Values are escaped here and nowhere else.
    """
    head = "".join(f'<th scope="col" style="{_CELL}">{escaped(c)}</th>' for c in columns)
    body = "".join(
        "<tr>" + "".join(f'<td style="{_CELL}">{escaped(value)}</td>' for value in row) + "</tr>" for row in rows
    )
    below = "".join(f"<div>{escaped(note)}</div>" for note in notes)
    # JupyterLab typesets formulas in HTML output, and a formula can hold a link; these classes tell MathJax not to.
    return (
        f'<div class="tex2jax_ignore mathjax_ignore"><strong>{escaped(title)}</strong>'
        f"<table>{f'<thead><tr>{head}</tr></thead>' if head else ''}<tbody>{body}</tbody></table>{below}</div>"
    )
