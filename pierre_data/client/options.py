"""How a call asks: closed vocabularies, checked once."""

from __future__ import annotations

import difflib
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from pierre_data.cache import CachePolicy
from pierre_data.errors import QueryError, UnsupportedFeature
from pierre_data.fetch import ProviderReport

#: A bar or none, or called with a provider's report whenever there is news, from any thread.
ProgressCallback = bool | Callable[[ProviderReport], None]
PolicyName = Literal["use_cache", "refresh", "bypass"]
ErrorMode = Literal["raise", "warn", "keep"]
OnRateLimit = Literal["wait", "raise", "schedule"]

_PATIENCE_S: dict[str | None, float] = {None: 60.0, "wait": 86_400.0, "raise": 0.0}


def unknown_word(what: str, word: object, words: Iterable[str]) -> QueryError:
    """Return the error for a word that is none of a closed vocabulary."""
    listed = list(words)
    near = difflib.get_close_matches(str(word).lower(), listed, n=1)
    hint = f"Did you mean {near[0]!r}? " if near else ""
    return QueryError(f"{what}={word!r} is unknown.", f"{hint}Use one of: {', '.join(map(repr, listed))}.")


@dataclass(frozen=True, slots=True)
class FetchOptions:
    """How one call asks; see `Client.activities`.  Raises QueryError for a word that is none."""

    policy: CachePolicy | PolicyName = CachePolicy.USE_CACHE
    errors: ErrorMode = "raise"
    on_rate_limit: OnRateLimit | None = None
    progress: ProgressCallback | None = None
    cancel: threading.Event | None = None

    def __post_init__(self) -> None:
        policies = {policy.name.lower(): policy for policy in CachePolicy}
        if not isinstance(self.policy, CachePolicy):
            policy = policies.get(str(self.policy).lower().replace("-", "_"))
            if policy is None:
                raise unknown_word("policy", self.policy, policies)
            object.__setattr__(self, "policy", policy)
        if self.errors not in ("raise", "warn", "keep"):
            raise unknown_word("errors", self.errors, ("raise", "warn", "keep"))
        if self.on_rate_limit == "schedule":
            raise UnsupportedFeature(
                "on_rate_limit='schedule' is not available yet.", "Use 'wait' or 'raise', or leave it out."
            )
        if self.on_rate_limit not in _PATIENCE_S:
            raise unknown_word("on_rate_limit", self.on_rate_limit, ("wait", "raise"))

    @property
    def cache_policy(self) -> CachePolicy:
        """The policy as the cache knows it."""
        return CachePolicy(self.policy)

    @property
    def patience_s(self) -> float:
        """The longest wait for a vendor's limit."""
        return _PATIENCE_S[self.on_rate_limit]
