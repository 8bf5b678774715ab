"""What a row is: records, units, sports, and the tables derived from them."""

from pierre_data.schema.column import Column
from pierre_data.schema.sports import FAMILIES, FAMILY, sport_filter
from pierre_data.schema.table import Table
from pierre_data.schema.tables import (
    ACTIVITIES,
    ATHLETE,
    GEAR,
    HEALTH,
    LAPS,
    MERGED_ACTIVITIES,
    PERSONAL_RECORDS,
    RECOVERY,
    SEGMENT_EFFORTS,
    SLEEP,
    SLEEP_STAGES,
    STATS,
    STREAMS,
    TABLES,
    ZONES,
)
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
