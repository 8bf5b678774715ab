"""What tables are called in keys."""

from __future__ import annotations

from collections.abc import Mapping

from pierre_data import schema

#: Table -> its list's resource, for tables that are kept by period.
LISTS: Mapping[str, str] = {
    schema.ACTIVITIES.name: "activity_list",
    schema.SLEEP.name: "sleep_list",
    schema.SLEEP_STAGES.name: "sleep_stage_list",
    schema.RECOVERY.name: "recovery_list",
    schema.HEALTH.name: "health_list",
}
#: Table -> the resource of a single entry, and its lifetime's name; an activity's parts are named as they are.
SINGLES: Mapping[str, tuple[str, str]] = {
    schema.ATHLETE.name: ("athlete_profile", "profile"),
    schema.GEAR.name: ("gear", "profile"),
    schema.STATS.name: ("stats", "stats"),
    schema.PERSONAL_RECORDS.name: ("personal_records", "stats"),
    schema.ACTIVITIES.name: ("activity", "activity"),
}
#: What hangs on one activity.
PARTS = ("streams", "laps", "zones", "segment_efforts")


def watermark(resource: str) -> str:
    """Return the resource under which a feed keeps that it was looked at lately."""
    return f"{resource}_watermark"


def walked(resource: str) -> str:
    """Return the resource under which a feed keeps how far it was walked; events leave it alone."""
    return f"{resource}_walked"
