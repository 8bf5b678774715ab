"""The closed sport vocabulary and its families."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from types import MappingProxyType

from pierre_data.errors import QueryError

_FAMILIES: dict[str, str] = {
    "run": "run trail_run track_run treadmill_run virtual_run ultra_run",
    "ride": "ride road_ride mountain_bike gravel_ride cyclocross track_cycling ebike emtb virtual_ride "
    "indoor_ride handcycle",
    "walk": "walk hike nordic_walk mountaineering snowshoe",
    "swim": "swim pool_swim open_water_swim",
    "ski": "alpine_ski backcountry_ski nordic_ski roller_ski snowboard",
    "skate": "ice_skate inline_skate skateboard",
    "water": "row indoor_row kayak canoe paddle sup surf kitesurf windsurf sail dive water_sport",
    "strength": "strength crossfit hiit",
    "gym": "cardio_gym elliptical stair",
    "mind": "yoga pilates mobility dance",
    "climb": "rock_climb indoor_climb",
    "racket": "tennis table_tennis badminton squash racquetball pickleball padel",
    "team": "soccer basketball volleyball american_football baseball rugby hockey handball cricket",
    "multisport": "triathlon multisport transition",
    "other": "golf martial_arts equestrian wheelchair motor_sport fishing_hunting physical_therapy workout other",
}

#: What people say -> family or sport.
_SPOKEN: dict[str, str] = {
    word: meant
    for meant, words in {
        "run": "running jogging jog runs",
        "ride": "cycling biking bike bicycle cycle riding rides",
        "swim": "swimming swims",
        "walk": "walking walks",
        "hike": "hiking hikes trekking",
        "ski": "skiing",
        "skate": "skating",
        "row": "rowing",
        "strength": "weights weightlifting lifting weight_training strength_training",
        "climb": "climbing bouldering",
        "mountain_bike": "mtb mountain_biking",
        "trail_run": "trail_running trail",
        "open_water_swim": "open_water",
        "ebike": "e-bike ebiking",
        "soccer": "football",
    }.items()
    for word in words.split()
}

#: family -> its sports.
FAMILIES: Mapping[str, tuple[str, ...]] = MappingProxyType({f: tuple(words.split()) for f, words in _FAMILIES.items()})
#: sport -> family, for the whole vocabulary.
FAMILY: Mapping[str, str] = MappingProxyType({sport: f for f, sports in FAMILIES.items() for sport in sports})


def sport_filter(text: str) -> frozenset[str]:
    """Return the sports a question means.

    Parameters
    ----------
    text : str
        A family (``"run"``), a sport that is no family (``"trail_run"``), or ``"=run"`` for that sport alone.

    Returns
    -------
    frozenset of str
        Names of the vocabulary.

    Raises
    ------
    QueryError
        The word is neither a sport nor a family.

    Examples
    --------
    >>> sorted(sport_filter("swim"))
    ['open_water_swim', 'pool_swim', 'swim']
    >>> sorted(sport_filter("=swim"))
    ['swim']
    """
    if not isinstance(text, str):
        raise QueryError(f"sport={text!r} is no text.", "Ask for one sport or family, such as 'run'.")
    word = text.strip().lower().removeprefix("=").strip().replace(" ", "_")
    if word in FAMILIES and not text.lstrip().startswith("="):
        return frozenset(FAMILIES[word])
    if word in FAMILY:
        return frozenset([word])
    meant = probable_sport(word)
    hint = f"Did you mean {meant!r}?" if meant else f"Families are: {', '.join(FAMILIES)}."
    raise QueryError(f"{text!r} is not a sport.", hint)


def probable_sport(word: str) -> str:
    """Return the sport or family that a word of people's, or a misspelt one, probably means; or nothing."""
    near = [_SPOKEN[word]] if word in _SPOKEN else difflib.get_close_matches(word, [*FAMILIES, *FAMILY], n=1)
    return near[0] if near else ""
