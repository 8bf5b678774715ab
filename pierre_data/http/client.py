"""The door to the network: one client per provider and user, safe to use from several threads."""

import copy
import random
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self, TypeAlias

from pierre_data.errors import Cancelled, ConfigurationError, NetworkError, PierreError
from pierre_data.http.deadline import within
from pierre_data.http.exchange import Exchange, transport_for
from pierre_data.http.origin import origin, resolve, trusted_url
from pierre_data.http.redaction import guard_logs, scrub, secrets_of
from pierre_data.http.redirects import with_redirects
from pierre_data.http.resilience import ResilienceConfig
from pierre_data.http.retry import RetryRule, Step, with_retry
from pierre_data.http.verdict import Faults, fault_of, readable_json
from pierre_data.spi.messages import Request, Response

Layer: TypeAlias = Callable[[Step], Step]
Sign: TypeAlias = Callable[[Request], Request]
OnWait: TypeAlias = Callable[[float, str], None]

_DEFAULTS = ResilienceConfig()


class HttpClient:
    """Sends requests of one provider: Sign > Retry > layers > HTTP, with one deadline over all of it.

    Parameters
    ----------
    config : ResilienceConfig, optional
        Retries, times and sizes.
    base_url : str
        Where paths are appended, and the only origin that ever gets a token: https, or http on loopback.
    provider : str
        Registry name, for messages.
    sign : callable, optional
        Takes a request and returns it with credentials; called once per `send`, only for the base URL's origin.
    faults : callable, optional
        The vendor's own reading of an answer: an error, or None to let the status decide.
    layers : sequence of callables, optional
        Steps between Retry and HTTP, outermost first; each sees every single attempt, whatever its status.
    on_wait : callable, optional
        Called with seconds and reason before each pause.
    cancel : threading.Event, optional
        When set, requests and pauses of this client end at once.
    max_wait_s : float
        Longest wait a vendor may ask for; longer ones are raised, not slept through.
    offline : bool
        Refuse before any socket is opened.
    tls : ssl.SSLContext, optional
        Instead of the process-wide context (a company's own certificates).
    now, sleep, chance : callables, optional
        Clock (seconds since 1970 UTC), pause and jitter.

    Raises
    ------
    ConfigurationError
        `base_url` is not https (or loopback), no URL, or carries a password.

    Examples
    --------
    >>> client = HttpClient(base_url="https://api.acme.example/v3", provider="acme", offline=True)
    >>> client.send(Request("/athlete"))
    Traceback (most recent call last):
    pierre_data.errors.NetworkError: api.acme.example/v3/athlete was not asked: offline. Unset PIERRE_OFFLINE ...
    """

    def __init__(
        self,
        config: ResilienceConfig = _DEFAULTS,
        *,
        base_url: str,
        provider: str,
        sign: Sign | None = None,
        faults: Faults | None = None,
        layers: Sequence[Layer] = (),
        on_wait: OnWait | None = None,
        cancel: threading.Event | None = None,
        max_wait_s: float = 60.0,
        offline: bool = False,
        tls: ssl.SSLContext | None = None,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._config, self._provider, self._offline = config, provider, offline
        self._base = trusted_url(base_url)
        self._sign, self._faults, self._layers = sign, faults, tuple(layers)
        self._on_wait, self._cancel, self._max_wait_s = on_wait, cancel, max_wait_s
        self._now, self._sleep, self._chance = now, sleep, chance
        guard_logs()
        self._transport = transport_for(self._base, tls)
        self._closed = threading.Event()

    def send(self, request: Request, *, retry: bool | None = None, expect_json: bool = False) -> Response:
        """Send a request and return its complete, successful answer.

        Parameters
        ----------
        request : Request
            A path below the base URL, or an absolute URL (unsigned when it leads to another origin).
        retry : bool, optional
            Whether it may be sent again; by default GET and HEAD may.
        expect_json : bool
            Refuse web pages and cut JSON, and drop a byte order mark.

        Returns
        -------
        Response
            Status 200-299.

        Raises
        ------
        AuthenticationFailed, AccessDenied, NotFound, ProviderRetired, RateLimited, QuotaExceeded, ApiError
            By the status of the last answer, or as `faults` says.
        Timeout, NetworkError
            No complete answer came.
        PayloadError
            The body is too large, a bomb, or a web page where JSON was expected.
        Cancelled
            `cancel` was set.
        ConfigurationError
            The request cannot be sent, goes to an address that is not https, or the client is closed.
        """
        outcome = self._outcome(request, request.repeatable if retry is None else retry, expect_json)
        # A fresh traceback: no frame that held the signed request is left for a debugger-like traceback to show.
        if isinstance(outcome, PierreError):
            raise outcome.with_traceback(None)
        return outcome

    def with_options(
        self, cancel: threading.Event | None, on_wait: OnWait | None = None, max_wait_s: float | None = None
    ) -> "HttpClient":
        """The same client, pool and token for one call that has its own cancel, progress and patience.

        Parameters
        ----------
        cancel, on_wait, max_wait_s
            As for the class; an omitted `max_wait_s` is kept.

        Returns
        -------
        HttpClient
            Shares the connections of this one; closing either closes both.
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

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"HttpClient({self._provider!r}, {self._base.host!r})"

    def _outcome(self, request: Request, retry: bool, expect_json: bool) -> Response | PierreError:
        secrets = secrets_of(request)
        try:
            request = self._addressed(request)
            request = self._signed(request)
            secrets += secrets_of(request)
            with within(self._config.budget_s(self._max_wait_s), self._cancel):
                return self._chain(retry, expect_json, secrets)(request)
        except PierreError as error:
            return scrub(error, secrets)

    def _chain(self, retry: bool, expect_json: bool, secrets: Sequence[str]) -> Step:
        step: Step = Exchange(self._transport, self._config, self._provider)
        for layer in reversed(self._layers):
            step = layer(step)
        step = self._judged(with_redirects(step, self._provider), expect_json, secrets)
        if not retry:
            return step
        rule = RetryRule(self._config, self._pause, self._max_wait_s, self._on_wait, self._chance)
        return with_retry(step, rule)

    def _judged(self, step: Step, expect_json: bool, secrets: Sequence[str]) -> Step:
        def send(request: Request) -> Response:
            response = step(request)
            error = fault_of(
                request,
                response,
                provider=self._provider,
                now=self._now(),
                faults=self._faults,
                secrets=secrets,
            )
            if error is not None:
                raise error
            if expect_json:
                return replace(response, body=readable_json(request, response, provider=self._provider))
            return response

        return send

    def _addressed(self, request: Request) -> Request:
        if self._closed.is_set():
            raise ConfigurationError("The HTTP client is closed.", "Make a new one.", provider=self._provider)
        request = replace(request, path=str(resolve(self._base, request.path)))
        if self._offline:
            what = f"{request.place} was not asked: offline."
            raise NetworkError(what, "Unset PIERRE_OFFLINE to use the network.", provider=self._provider)
        return request

    def _signed(self, request: Request) -> Request:
        """The request with credentials, if it goes home; elsewhere nobody gets them."""
        if self._sign is None or origin(trusted_url(request.path)) != origin(self._base):
            return request
        signed = self._sign(request)
        if origin(trusted_url(signed.path)) != origin(self._base):
            raise ConfigurationError("Signing changed the address of a request.", "Report this as a bug.")
        return signed

    def _pause(self, seconds: float) -> None:
        if self._sleep is not None:
            self._sleep(seconds)
        elif self._cancel is None:
            time.sleep(seconds)
        elif self._cancel.wait(seconds):
            raise Cancelled("The wait was cancelled.", "Run it again later.", provider=self._provider)
