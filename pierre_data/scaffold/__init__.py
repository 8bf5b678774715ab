"""A third party's provider package, written to be changed."""

from pierre_data.scaffold.package import write_package

__all__ = ["write_package"]
