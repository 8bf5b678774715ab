"""What people compute from frames: every function takes a frame and returns a tidy one."""

from pierre_data.analysis.weekly import weekly_volume

__all__ = ["weekly_volume"]
