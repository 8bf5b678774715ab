"""One row per real workout: link, score, group, merge, explain; no I/O."""

from pierre_data.dedupe.arrays import unquoted
from pierre_data.dedupe.exact_ids import REACH
from pierre_data.dedupe.explain import duplicates
from pierre_data.dedupe.manual import Override, read_overrides
from pierre_data.dedupe.merging import activity_id, deduplicate

__all__ = ["REACH", "Override", "activity_id", "deduplicate", "duplicates", "read_overrides", "unquoted"]
