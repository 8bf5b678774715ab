"""The door to the network: one client per provider and user, safe to use from several threads."""

import copy
import re
import ssl
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Self, TypeAlias, cast

import tenacity

from pierre_data.errors import Cancelled, ConfigurationError, NetworkError, PierreError
from pierre_data.http.deadline import within
from pierre_data.http.error_mapping import Faults, fault_of
from pierre_data.http.exchange import exchange, readable_json, transport_for
from pierre_data.http.origin import origin, redirected, trusted_url
from pierre_data.http.redaction import WIRE_LOG, WIRE_LOGGERS, scrub, secrets_of
from pierre_data.http.resilience import DEFAULT_RESILIENCE, ResilienceConfig
from pierre_data.spi.messages import Request, Response

Sign: TypeAlias = Callable[[Request], Request]
OnWait: TypeAlias = Callable[[float, str], None]

_MAX_WAIT_S = 60.0


class HttpClient:
    """Sends requests of one provider: signed, repeated where that helps, with one deadline over all of it.

    Paths are appended to `base_url`, the only origin that ever gets a token: https, or http on loopback (else
    ConfigurationError).  `sign` takes a request and returns it with credentials.  `faults` is the vendor's own reading
    of a response, an error, or None to let the status decide; it is asked when the status is no success or the body
    is an object, since some report errors with 200.  When `cancel` is set, requests and pauses end at once.
    `offline` refuses before any socket is opened; `tls` is a company's own certificates.

    Examples
    --------
    >>> from pierre_data.spi import Request
    >>> client = HttpClient(base_url="https://api.acme.example/v3", provider="acme", offline=True)
    >>> client.send(Request("/athlete"))
    Traceback (most recent call last):
    pierre_data.errors.NetworkError: api.acme.example/v3/athlete was not asked: offline. Unset PIERRE_OFFLINE ...
    """

    def __init__(
        self,
        config: ResilienceConfig = DEFAULT_RESILIENCE,
        *,
        base_url: str,
        provider: str,
        sign: Sign | None = None,
        faults: Faults | None = None,
        cancel: threading.Event | None = None,
        offline: bool = False,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        base = self._base = trusted_url(base_url)
        self._config, self._provider, self._offline = config, provider, offline
        self._root = str(base.copy_with(query=None, fragment=None)).removesuffix("/")
        self._sign, self._faults, self._cancel = sign, faults, cancel
        self._on_wait: OnWait | None = None
        self._max_wait_s = _MAX_WAIT_S
        for logger in WIRE_LOGGERS:
            logger.addFilter(WIRE_LOG)
        self._transport = transport_for(base, tls)
        self._closed = threading.Event()

    def send(self, request: Request, *, retry: bool | None = None, expect_json: bool = False) -> Response:
        """Send a request and return its complete response, status 200-299.

        `retry` says whether it may be sent again, by default as the request does; `expect_json` refuses web pages and
        cut JSON.  Raises by the status of the last response, or as `faults` says: AuthenticationFailed, AccessDenied,
        NotFound, ProviderRetired, RateLimited, QuotaExceeded, ApiError.  Timeout and NetworkError where no complete
        response came, PayloadError for a body that is too large, a bomb or a web page, Cancelled, and
        ConfigurationError for a request that cannot be sent.
        """
        outcome = self._outcome(request, request.repeatable if retry is None else retry, expect_json)
        # A fresh traceback: no frame that held the signed request is left for a debugger-like traceback to show.
        if isinstance(outcome, PierreError):
            raise outcome.with_traceback(None)
        return outcome

    def with_options(
        self, cancel: threading.Event | None, on_wait: OnWait | None = None, max_wait_s: float | None = None
    ) -> "HttpClient":
        """The same client, pool and token for one question that has its own cancel, progress and patience.

        `on_wait` is called with seconds and reason before each pause; a vendor that asks for a longer wait than
        `max_wait_s` (60 s at first) is an error.  Closing either closes both.
        """
        other = copy.copy(self)
        other._cancel, other._on_wait = cancel, on_wait
        other._max_wait_s = self._max_wait_s if max_wait_s is None else max_wait_s
        return other

    def close(self) -> None:
        """Close the connections; may be called twice."""
        self._closed.set()
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"HttpClient({self._provider!r}, {self._base.host!r})"

    def _outcome(self, request: Request, retry: bool, expect_json: bool) -> Response | PierreError:
        """Sign a request, if it goes home; elsewhere nobody gets credentials.  Then send it within the budget."""
        config, root = self._config, self._root
        budget_s = config.deadline_s or (config.max_retries + 1) * config.timeout_s + self._max_wait_s
        try:
            if self._closed.is_set():
                raise ConfigurationError("The HTTP client is closed.", "Make a new one.", provider=self._provider)
            # Whatever a path starts with, it is below the root; only what is absolute has to be looked at.
            away = re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", request.path) is not None
            path = request.path if away else f"{root}/{request.path.removeprefix('/')}"
            home = not away or origin(trusted_url(path)) == origin(self._base)
            request = replace(request, path=path)
            if self._offline:
                what = f"{request.place} was not asked: offline."
                raise NetworkError(what, "Unset PIERRE_OFFLINE to use the network.", provider=self._provider)
            if self._sign is not None and home:
                request = self._sign(request)
                if request.path != path:
                    raise ConfigurationError("Signing changed the address of a request.", "Report this as a bug.")
            with within(budget_s, self._cancel):
                if not retry:
                    return self._once(request, expect_json)
                return self._repeated(request, expect_json, budget_s)
        except PierreError as error:
            return scrub(error, secrets_of(request))

    def _repeated(self, request: Request, expect_json: bool, budget_s: float) -> Response:
        """Send it until it succeeds or another attempt makes no sense; no wait begins that outlasts the budget."""
        config, longest = self._config, self._max_wait_s
        tries = tenacity.Retrying(
            retry=tenacity.retry_if_exception(lambda error: config.repeats(error, longest)),
            wait=lambda state: config.wait_s(_failure(state), state.attempt_number),
            stop=tenacity.stop_after_attempt(config.max_retries + 1) | tenacity.stop_before_delay(budget_s),
            before_sleep=self._announce if self._on_wait is not None else None,
            sleep=self._pause,
            reraise=True,
        )
        try:
            return tries(self._once, request, expect_json)
        except PierreError as error:
            attempts = tries.statistics["attempt_number"]
            if attempts > 1:
                error.what = f"{error.what.rstrip('.')}, after {attempts} attempts."
                error.args = (f"{error.what} {error.fix}".strip(),)
            raise

    def _once(self, request: Request, expect_json: bool) -> Response:
        response = exchange(request, self._transport, self._config, self._provider)
        for followed in range(4):
            if response.status not in (301, 302, 303, 307, 308):
                break
            request = redirected(request, response, self._provider, followed)
            response = exchange(request, self._transport, self._config, self._provider)
        if not 200 <= response.status < 300 or (self._faults is not None and response.body[:64].lstrip()[:1] == b"{"):
            error = fault_of(request, response, provider=self._provider, faults=self._faults)
            if error is not None:
                raise error
        if expect_json:
            readable_json(request, response, self._provider)
        return response

    def _announce(self, state: tenacity.RetryCallState) -> None:
        if self._on_wait is not None:
            reason = f"{_failure(state).what} (retry {state.attempt_number} of {self._config.max_retries})"
            self._on_wait(state.upcoming_sleep, reason)

    def _pause(self, seconds: float) -> None:
        if (self._cancel or threading.Event()).wait(seconds):
            raise Cancelled("The wait was cancelled.", "Run it again later.", provider=self._provider)


def _failure(state: tenacity.RetryCallState) -> PierreError:
    """The error of the last attempt: `ResilienceConfig.repeats` lets only ours through."""
    return cast("PierreError", cast("tenacity.Future", state.outcome).exception())
