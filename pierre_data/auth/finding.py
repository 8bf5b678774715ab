"""What the doctor found, as text for people, also for strangers."""

from __future__ import annotations

import getpass
import re
import socket
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pierre_data.http import redact


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Parameters
    ----------
    level : {"ok", "note", "warning", "error"}
        How bad.
    what : str
        What was found, one sentence.
    fix : str
        What to do; empty when nothing.

    Examples
    --------
    >>> print(report([Finding("warning", "The clock is 10 minutes fast.", "Set it.")]))
    warning  The clock is 10 minutes fast. Set it.
    """

    level: Literal["ok", "note", "warning", "error"]
    what: str
    fix: str = ""


def report(findings: Iterable[Finding], *, share: bool = False) -> str:
    """Return findings as text, one per line.

    Parameters
    ----------
    findings : iterable of Finding
        What `diagnose` found.
    share : bool
        Make it safe to paste in public: home, user and host names, account ids and whatever looks like a secret
        are taken out.
    """
    text = "\n".join(f"{f.level:<8} {' '.join(part for part in (f.what, f.fix) if part)}" for f in findings)
    return shareable(text) if share else text


def shareable(text: str) -> str:
    """Take home, user and host names and what looks like a secret out of a text.

    Examples
    --------
    >>> shareable("read /home/somebody/x?token=abc as bob@example.org")
    'read ~/x?token=[redacted] as [mail]'
    """
    text = redact(text).replace(str(Path.home()), "~").replace(tempfile.gettempdir(), "[temporary]")
    text = re.sub(r"(?i)(/home/|/Users/|\\Users\\)[^/\\\s]+", "~", text)
    text = re.sub(r"[\w.+-]+@[\w-]+\.[\w.]+", "[mail]", text)
    for name, mask in ((_user(), "[user]"), (socket.gethostname(), "[host]")):
        text = re.sub(rf"(?i)\b{re.escape(name)}\b", mask, text) if len(name) > 1 else text
    return text


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return ""
