"""The rows of all tables as pydantic models: what people bring is validated, what tables hold is handed out.

A model has the columns of its table: ``<TABLE>.to_records(frame)`` makes models of a frame, ``<TABLE>.from_records``
a frame of models.  Numbers are in the unit that their name ends in and refuse truth values; instants need a time zone
and become UTC; wall-clock times have none; a sport is a word of ``schema.FAMILY``; unknown fields are refused.
``help`` of a model lists its fields with their units.

Examples
--------
>>> import datetime as dt
>>> from pierre_data.models import Activity
>>> from pierre_data.schema import ACTIVITIES
>>> start = dt.datetime(2026, 5, 25, 9, tzinfo=dt.UTC)
>>> mine = Activity(provider="me", id="1", sport="run", start_time=start, elapsed_s=60)
>>> mine.elapsed_s, mine.distance_m
(60.0, None)
>>> ACTIVITIES.from_records([mine]).sport.tolist()
['run']
>>> Activity(provider="me", id="1", sport="runing", start_time=start, elapsed_s=60)
Traceback (most recent call last):
pydantic_core._pydantic_core.ValidationError: 1 validation error for Activity
sport
  Value error, 'runing' is not a sport; did you mean ...
"""

from pierre_data.schema import MERGED_ACTIVITIES, TABLES
from pierre_data.schema.records import (
    Activity,
    Athlete,
    Gear,
    HealthMetrics,
    Lap,
    MergedActivity,
    PersonalRecord,
    RecoveryMetrics,
    SegmentEffort,
    SleepSession,
    SleepStage,
    Stats,
    StreamSample,
    Zone,
)

__all__ = [
    "Activity",
    "Athlete",
    "Gear",
    "HealthMetrics",
    "Lap",
    "MergedActivity",
    "PersonalRecord",
    "RecoveryMetrics",
    "SegmentEffort",
    "SleepSession",
    "SleepStage",
    "Stats",
    "StreamSample",
    "Zone",
]

for _table in (*TABLES.values(), MERGED_ACTIVITIES):
    if "Parameters" not in (_doc := _table.record.__doc__ or ""):
        _table.record.__doc__ = f"{_doc}\n\n{_table.parameters()}"
