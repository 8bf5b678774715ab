"""What a row is: records, units, sports, and the tables derived from them, all of which are here."""

from collections.abc import Mapping
from types import MappingProxyType

from pierre_data.schema import records
from pierre_data.schema.column import Column
from pierre_data.schema.sports import FAMILIES, FAMILY, sport_filter
from pierre_data.schema.table import Table
from pierre_data.schema.types import Kind
from pierre_data.schema.units import Conversion, Unit

__all__ = [
    "ACTIVITIES",
    "ATHLETE",
    "FAMILIES",
    "FAMILY",
    "GEAR",
    "HEALTH",
    "LAPS",
    "MERGED_ACTIVITIES",
    "PERSONAL_RECORDS",
    "RECOVERY",
    "SEGMENT_EFFORTS",
    "SLEEP",
    "SLEEP_STAGES",
    "STATS",
    "STREAMS",
    "TABLES",
    "ZONES",
    "Column",
    "Conversion",
    "Kind",
    "Table",
    "Unit",
    "sport_filter",
]

_ID = ("provider", "id")
_EFFORT = ("provider", "effort_id")

ACTIVITIES = Table("activities", records.Activity, key=_ID, time="start_time")
MERGED_ACTIVITIES = Table("merged_activities", records.MergedActivity, key=("activity_id",), time="start_time")
ATHLETE = Table("athlete", records.Athlete, key=_ID)
STATS = Table("stats", records.Stats, key=("provider", "athlete_id", "period", "sport_family"))
PERSONAL_RECORDS = Table("personal_records", records.PersonalRecord, key=_EFFORT, time="start_time")
SLEEP = Table("sleep", records.SleepSession, key=_ID, time="start_time")
SLEEP_STAGES = Table("sleep_stages", records.SleepStage, key=("provider", "sleep_id", "start_time"), time="start_time")
RECOVERY = Table("recovery", records.RecoveryMetrics, key=_ID, time="date")
HEALTH = Table("health", records.HealthMetrics, key=_ID, time="time")
GEAR = Table("gear", records.Gear, key=_ID)
STREAMS = Table("streams", records.StreamSample, key=("provider", "id", "elapsed_s"))
LAPS = Table("laps", records.Lap, key=("provider", "id", "lap"))
ZONES = Table("zones", records.Zone, key=("provider", "id", "kind", "zone"))
SEGMENT_EFFORTS = Table("segment_efforts", records.SegmentEffort, key=_EFFORT, time="start_time")

_OF_A_PERSON = (ATHLETE, STATS, PERSONAL_RECORDS, SLEEP, SLEEP_STAGES, RECOVERY, HEALTH, GEAR)
_OF_AN_ACTIVITY = (STREAMS, LAPS, ZONES, SEGMENT_EFFORTS)
#: name -> table, for what providers deliver.
TABLES: Mapping[str, Table] = MappingProxyType({t.name: t for t in (ACTIVITIES, *_OF_A_PERSON, *_OF_AN_ACTIVITY)})
