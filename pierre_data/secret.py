"""A text that must never be seen."""

from typing import NoReturn


class Secret:
    """A secret text; every way of showing it gives ``'***'``.

    Examples
    --------
    >>> token = Secret("abc")
    >>> f"{token} {token!r} {token:>5}"
    '*** Secret(***)   ***'
    >>> token.reveal()
    'abc'
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text; only what signs a request or stores a token may call this."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(("Secret", self._text))

    def __repr__(self) -> str:
        return "Secret(***)"

    def __str__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return format("***", spec)

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled: a pickle would hold the text in clear."""
        raise TypeError("A Secret cannot be pickled or copied to another process.")

    def __copy__(self) -> "Secret":
        return self

    def __deepcopy__(self, memo: object) -> "Secret":
        return self
