"""Every error and warning of pierre_data.

Each message is one sentence of what happened and one of what to do.  The tree::

    PierreError
    |-- ProviderNotFound (LookupError)
    |-- ProviderBroken
    |-- NoProvidersAvailable
    |-- UnsupportedFeature
    |-- ConfigurationError
    |-- AuthenticationFailed
    |   |-- TokenRefreshFailed
    |   |-- NotConnected
    |   `-- AccessDenied
    |-- ProviderRetired
    |-- RateLimited
    |   `-- QuotaExceeded
    |-- CircuitOpen
    |-- NetworkError
    |   `-- Timeout
    |-- Cancelled
    |-- ApiError
    |   `-- NotFound
    |-- PayloadError
    |-- SchemaError (ValueError)
    |-- QueryError (ValueError)
    `-- StorageError
    ProviderErrors (ExceptionGroup)
    PartialResultWarning (UserWarning)
    SyntheticDataNotice (UserWarning)
    StorageNotice (UserWarning)
    ConfigurationNotice (UserWarning)
"""

from __future__ import annotations

# This module imports nothing that runs: `import pierre_data` has a budget of 5 % of `import pandas`.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class PierreError(Exception):
    """Anything pierre_data raises on purpose.

    Parameters
    ----------
    what : str
        One sentence: what happened.
    fix : str, optional
        One sentence: what to do about it.
    provider : str, optional
        Registry name of the provider concerned.
    retryable : bool, optional
        Whether the same call may succeed later; the class decides when omitted.
    retry_after : float, optional
        Seconds to wait before trying again, when known.

    Examples
    --------
    >>> error = QueryError("after is not before before.", "Swap the two dates.")
    >>> str(error)
    'after is not before before. Swap the two dates.'
    >>> error.retryable
    False
    """

    retryable: bool = False

    def __init__(
        self,
        what: str,
        fix: str = "",
        *,
        provider: str | None = None,
        retryable: bool | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.what = what
        self.fix = fix
        self.provider = provider
        self.retry_after = retry_after
        if retryable is not None:
            self.retryable = retryable
        super().__init__(f"{what} {fix}".strip())

    def __reduce__(self) -> tuple[object, ...]:
        """Errors cross process borders with everything they carry."""
        return (_rebuild, (type(self), self.args, self.__dict__))


def _rebuild(kind: type[PierreError], args: tuple[object, ...], state: dict[str, object]) -> PierreError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class ProviderNotFound(PierreError, LookupError):
    """No provider of that name exists in the registry."""


class ProviderBroken(PierreError):
    """The provider exists, but importing it failed, or its code raised what it may not; the cause is chained."""


class NoProvidersAvailable(PierreError):
    """No provider was named, or every one of them failed."""


class UnsupportedFeature(PierreError):
    """The provider does not offer what was asked."""


class ConfigurationError(PierreError):
    """A setting is missing or cannot be used."""


class AuthenticationFailed(PierreError):
    """The vendor refused the credentials."""


class TokenRefreshFailed(AuthenticationFailed):
    """The refresh token no longer works: the athlete must consent again."""


class NotConnected(AuthenticationFailed):
    """There is no token for this provider and user."""


class AccessDenied(AuthenticationFailed):
    """The token is good, but a scope is missing or the application is inactive."""


class ProviderRetired(PierreError):
    """The vendor switched this API off (HTTP 410)."""


class RateLimited(PierreError):
    """The vendor asks to wait; `retry_after` says how long."""

    retryable = True


class QuotaExceeded(RateLimited):
    """The long window (a day, a month) is used up."""


class CircuitOpen(PierreError):
    """The provider failed repeatedly and is left alone for a while."""

    retryable = True


class NetworkError(PierreError):
    """No usable answer came over the network."""

    retryable = True


class Timeout(NetworkError):
    """The total deadline of a request passed."""


class Cancelled(PierreError):
    """The user cancelled; whole periods that had arrived are kept."""

    retryable = True


class ApiError(PierreError):
    """The vendor answered with an error.

    Parameters
    ----------
    what, fix, provider, retryable, retry_after
        As in `PierreError`.
    status : int
        HTTP status of the answer.
    body : str
        The first part of the body, for people to read.
    """

    def __init__(self, what: str, fix: str = "", *, status: int = 0, body: str = "", **more: Any) -> None:
        super().__init__(what, fix, **more)
        self.status = status
        self.body = body


class NotFound(ApiError):
    """The vendor has no such object (HTTP 404)."""


class PayloadError(PierreError):
    """A page or a row cannot be read.

    Parameters
    ----------
    what, fix, provider, retryable, retry_after
        As in `PierreError`.
    path : str
        Path of the request, without its query.
    row : int, optional
        Position of the row in the page, from 0.
    field : str
        Wire name of the field.
    value : str
        Excerpt of the offending value.
    """

    def __init__(
        self,
        what: str,
        fix: str = "",
        *,
        path: str = "",
        row: int | None = None,
        field: str = "",
        value: str = "",
        **more: Any,
    ) -> None:
        super().__init__(what, fix, **more)
        self.path, self.row, self.field, self.value = path, row, field, value


class SchemaError(PierreError, ValueError):
    """A frame or a declaration does not fit its table."""


class QueryError(PierreError, ValueError):
    """The question itself makes no sense (dates, sports, keys)."""


class StorageError(PierreError):
    """The cache, the token store or an export target cannot be read or written."""


class ProviderErrors(ExceptionGroup[PierreError]):
    """Several providers failed in one call; each error is in `.exceptions`."""

    def derive(self, excs):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, D102
        return ProviderErrors(self.message, excs)


class PartialResultWarning(UserWarning):
    """Something is missing from a result; `client.last_report` says what."""


class SyntheticDataNotice(UserWarning):
    """Nothing is connected, so the rows are synthetic."""


class StorageNotice(UserWarning):
    """The cache or the token store cannot be used as set up; results are complete all the same."""


class ConfigurationNotice(UserWarning):
    """A setting names what does not exist; everything else works."""
