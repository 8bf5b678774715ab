"""The words under which tables are kept."""

from __future__ import annotations

from collections.abc import Mapping

from pierre_data import schema

#: Table -> the word of its list, for tables that are kept by period.
LISTS: Mapping[str, str] = {
    schema.ACTIVITIES.name: "activity_list",
    schema.SLEEP.name: "sleep_list",
    schema.SLEEP_STAGES.name: "sleep_stage_list",
    schema.RECOVERY.name: "recovery_list",
    schema.HEALTH.name: "health_list",
}
#: Table -> the word of a single entry, and whose lifetime it has; others are named as they are, an activity's parts.
SINGLES: Mapping[str, tuple[str, str]] = {
    schema.ATHLETE.name: ("athlete_profile", "profile"),
    schema.GEAR.name: ("gear", "profile"),
    schema.STATS.name: ("stats", "stats"),
    schema.PERSONAL_RECORDS.name: ("personal_records", "stats"),
    schema.ACTIVITIES.name: ("activity", "activity"),
}
#: What hangs on one activity.
PARTS = ("streams", "laps", "zones", "segment_efforts")


def watermark(word: str) -> str:
    """Return the word under which a feed keeps that it was looked at lately."""
    return f"{word}_watermark"


def walked(word: str) -> str:
    """Return the word under which a feed keeps how far it was walked; events leave it alone."""
    return f"{word}_walked"
