"""Warnings that point at the line of whoever called the package."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

_PACKAGE = f"{Path(__file__).parent}{os.sep}"


def notice(text: str, category: type[Warning]) -> None:
    """Warn at the nearest line outside the package; threads of its own have none, and point at their beginning."""
    depth, frame = 1, sys._getframe()
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        depth, frame = depth + 1, frame.f_back  # type: ignore[assignment]
    warnings.warn(text, category, stacklevel=depth)
