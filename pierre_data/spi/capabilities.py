"""What a provider can deliver, as flags."""

from __future__ import annotations

import enum


class ProviderCapabilities(enum.Flag):
    """Capability flags, derived from what a descriptor declares.

    Examples
    --------
    >>> ProviderCapabilities.ACTIVITIES in ProviderCapabilities.full_fitness()
    True
    >>> ProviderCapabilities.full_health().value
    31
    """

    OAUTH = 1
    ACTIVITIES = 2
    SLEEP_TRACKING = 4
    RECOVERY_METRICS = 8
    HEALTH_METRICS = 16

    @classmethod
    def full_fitness(cls) -> ProviderCapabilities:
        """OAuth and activities."""
        return cls.OAUTH | cls.ACTIVITIES

    @classmethod
    def full_health(cls) -> ProviderCapabilities:
        """Everything."""
        return cls.OAUTH | cls.ACTIVITIES | cls.SLEEP_TRACKING | cls.RECOVERY_METRICS | cls.HEALTH_METRICS
