"""The dates of Strava's archive: in the words of the account's language, and always UTC."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata

# First letters of month names without accents, in English, German, French, Spanish, Italian, Dutch, Portuguese.
_MONTHS = {
    prefix: month
    for month, prefixes in enumerate(
        """jan ene gen|feb fev fevr|mar mrz mrt maa|apr avr abr|may mai mei mag|jun juin giu|jul juil lug|aug aou ago
        |sep set|oct okt ott out|nov|dec dez dic""".replace("\n", "").split("|"),
        start=1,
    )
    for prefix in prefixes.split()
}
_TIME = re.compile(r"(\d{1,2})[:.](\d{2})(?:[:.](\d{2}))?\s*([ap])?\.?\s?(?:m\b)?\.?", re.IGNORECASE)
_DOTTED = re.compile(r"(\d{1,2})[./](\d{1,2})[./](\d{4})")


def read_date(text: str) -> dt.datetime:
    """Return the instant a text of the archive names.

    Parameters
    ----------
    text : str
        Such as ``Oct 7, 2020, 2:43:11 PM`` or ``07.10.2020, 14:43:11``; no zone is written, it is UTC.  Numbers
        alone are day first, as in every language that writes them.

    Raises
    ------
    ValueError
        It is no date.

    Examples
    --------
    >>> read_date("May 29, 2022, 3:53:35 PM") == read_date("29.05.2022, 15:53:35") == read_date("29 mai 2022, 15:53:35")
    True
    >>> read_date("2022-05-29 15:53:35").isoformat()
    '2022-05-29T15:53:35+00:00'
    """
    plain = " ".join(text.replace("\u202f", " ").split())  # a narrow space before PM since 2023
    try:
        return dt.datetime.fromisoformat(plain).replace(tzinfo=dt.UTC)
    except ValueError:
        pass  # not ISO: in words, or with dots
    dotted = _DOTTED.search(plain)
    if dotted:
        day, month, year = (int(part) for part in dotted.groups())
        rest = plain[dotted.end() :]
    else:
        day, month, year, rest = _worded(plain)
    clock = _TIME.search(rest)
    if clock is None:
        raise ValueError(f"{text!r} names no time of day")
    hour, minute, second = int(clock[1]), int(clock[2]), int(clock[3] or 0)
    if clock[4]:
        hour = hour % 12 + (12 if clock[4].lower() == "p" else 0)
    return dt.datetime(year, month, day, hour, minute, second, tzinfo=dt.UTC)


def _worded(text: str) -> tuple[int, int, int, str]:
    found = re.search(r"\b\d{4}\b", text)
    if found is None:
        raise ValueError(f"{text!r} names no year")
    head = text[: found.start()]
    day = re.search(r"\b\d{1,2}\b", head)
    month = next((m for word in re.findall(r"[^\W\d]+", head) if (m := _month(word))), 0)
    if day is None or not month:
        raise ValueError(f"{text!r} names no day and month")
    return int(day[0]), month, int(found[0]), text[found.end() :]


def _month(word: str) -> int:
    letters = "".join(c for c in unicodedata.normalize("NFD", word.casefold()) if not unicodedata.combining(c))
    return next((_MONTHS[letters[:n]] for n in (4, 3) if letters[:n] in _MONTHS), 0)
