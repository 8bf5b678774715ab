"""Send again what may be sent again."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias, cast

import tenacity

from pierre_data.errors import ApiError, NetworkError, PierreError, RateLimited
from pierre_data.http.resilience import ResilienceConfig, backoff_s
from pierre_data.spi.messages import Request, Response

Step: TypeAlias = Callable[[Request], Response]

_TRANSIENT = frozenset({500, 502, 503, 504})


@dataclass(frozen=True)
class RetryRule:
    """When and how long to wait for another attempt.

    Parameters
    ----------
    config : ResilienceConfig
        Number of retries, pauses and the total budget.
    pause : callable
        Sleeps that many seconds; raises to give up (a cancelled fetch).
    max_wait_s : float
        Longest single wait a vendor may ask for; a longer one is raised at once.
    on_wait : callable, optional
        Called with seconds and reason before each pause.
    chance : callable
        A number in [0, 1) for the jitter.
    """

    config: ResilienceConfig
    pause: Callable[[float], None]
    max_wait_s: float = 60.0
    on_wait: Callable[[float, str], None] | None = None
    chance: Callable[[], float] = random.random

    def repeats(self, error: BaseException) -> bool:
        """Whether another attempt makes sense: a broken line, a transient 5xx, or a wait that is known and short.

        Examples
        --------
        >>> rule = RetryRule(ResilienceConfig(), pause=lambda seconds: None)
        >>> rule.repeats(RateLimited("Slow down.", retry_after=37.0))
        True
        >>> rule.repeats(RateLimited("Slow down, who knows how long."))
        False
        """
        if not isinstance(error, PierreError) or not error.retryable:
            return False
        if (error.retry_after or 0.0) > self.max_wait_s:
            return False
        if isinstance(error, RateLimited):
            return error.retry_after is not None
        return isinstance(error, NetworkError) or (isinstance(error, ApiError) and error.status in _TRANSIENT)

    def wait_s(self, error: PierreError, retry: int) -> float:
        """Seconds before retry number `retry` (from 1): the vendor's wish, at least the back-off.

        Examples
        --------
        >>> rule = RetryRule(ResilienceConfig(), pause=lambda seconds: None, chance=lambda: 0.0)
        >>> rule.wait_s(NetworkError("The line broke."), 2)
        0.2
        """
        return max(error.retry_after or 0.0, backoff_s(retry, self.config, self.chance()))


def with_retry(step: Step, rule: RetryRule) -> Step:
    """A step that repeats `step` as `rule` says and raises the last error, which then counts the attempts.

    No wait starts that would outlast the total budget, and never more than ``max_retries + 1`` requests are sent.

    Examples
    --------
    >>> from pierre_data.spi.messages import Headers
    >>> answers = [NetworkError("The line broke."), Response(200, Headers(), b"[]")]
    >>> def step(request):
    ...     answer = answers.pop(0)
    ...     if isinstance(answer, Exception):
    ...         raise answer
    ...     return answer
    >>> rule = RetryRule(ResilienceConfig(), pause=lambda seconds: None)
    >>> with_retry(step, rule)(Request("/x"))
    Response(200, 2 bytes)
    """
    config = rule.config

    def send(request: Request) -> Response:
        tries = tenacity.Retrying(
            retry=tenacity.retry_if_exception(rule.repeats),
            wait=lambda state: rule.wait_s(_failure(state), state.attempt_number),
            stop=tenacity.stop_after_attempt(config.max_retries + 1)
            | tenacity.stop_before_delay(config.budget_s(rule.max_wait_s)),
            before_sleep=lambda state: _announce(rule, state),
            sleep=rule.pause,
            reraise=True,
        )
        try:
            response = tries(step, request)
        except PierreError as error:
            _count(error, tries.statistics["attempt_number"])
            raise
        return response

    return send


def _failure(state: tenacity.RetryCallState) -> PierreError:
    """The error of the last attempt: `RetryRule.repeats` lets only ours through."""
    return cast("PierreError", cast("tenacity.Future", state.outcome).exception())


def _announce(rule: RetryRule, state: tenacity.RetryCallState) -> None:
    if rule.on_wait is not None:
        reason = f"{_failure(state).what} (retry {state.attempt_number} of {rule.config.max_retries})"
        rule.on_wait(state.upcoming_sleep, reason)


def _count(error: PierreError, attempts: int) -> None:
    """Say in the message how often it was tried."""
    if attempts > 1:
        error.what = f"{error.what.rstrip('.')}, after {attempts} attempts."
        error.args = (f"{error.what} {error.fix}".strip(),)
