"""Connect, choose, fetch and review without leaving the notebook; all of it also works as a function."""

from pierre_data.widgets.connect_panel import ConnectPanel
from pierre_data.widgets.duplicates_review import DuplicatesReview
from pierre_data.widgets.fetch_progress import FetchProgress
from pierre_data.widgets.provider_picker import ProviderPicker

__all__ = ["ConnectPanel", "DuplicatesReview", "FetchProgress", "ProviderPicker"]
