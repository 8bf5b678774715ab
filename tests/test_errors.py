"""The tree is as drawn, and errors keep what they carry."""

import copy
import pickle

import pytest

from pierre_data import errors
from pierre_data.errors import ApiError, PierreError, ProviderErrors, QueryError, RateLimited, SchemaError


def drawn() -> str:
    lines: list[str] = []

    def branch(kind: type, indent: str, name: str) -> None:
        lines.append(name)
        below = [k for k in kind.__subclasses__() if k.__module__ == errors.__name__]
        for at, sub in enumerate(below):
            last = at == len(below) - 1
            others = [b.__name__ for b in sub.__bases__ if b is not kind]
            label = f"{sub.__name__} ({', '.join(others)})" if others else sub.__name__
            branch(sub, indent + ("    " if last else "|   "), f"{indent}{'`-- ' if last else '|-- '}{label}")

    branch(PierreError, "", "PierreError")
    for kind in (ProviderErrors, *UserWarning.__subclasses__()):
        if kind.__module__ == errors.__name__:
            base = "ExceptionGroup" if kind is ProviderErrors else "UserWarning"
            lines.append(f"{kind.__name__} ({base})")
    return "\n".join(f"    {line}" for line in lines)


def test_the_tree_is_as_drawn() -> None:
    assert drawn() in (errors.__doc__ or "")


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))])
def test_errors_survive_copies_and_processes(again: object) -> None:
    error = ApiError("It broke.", "Mend it.", status=502, body="bad gateway", provider="acme", retry_after=3.0)
    twin = again(error)  # type: ignore[operator]
    assert (str(twin), twin.status, twin.body) == ("It broke. Mend it.", 502, "bad gateway")
    assert (twin.provider, twin.retry_after, twin.fix) == ("acme", 3.0, "Mend it.")


def test_builtin_bases() -> None:
    assert issubclass(QueryError, ValueError)
    assert issubclass(SchemaError, ValueError)
    assert issubclass(errors.ProviderNotFound, LookupError)
    assert RateLimited("Wait.").retryable
    assert not PierreError("No.").retryable
    assert ApiError("x", retryable=True).retryable


def test_groups_split_into_groups() -> None:
    group = ProviderErrors("two", [QueryError("a"), ApiError("b")])
    part = group.subgroup(ApiError)
    assert isinstance(part, ProviderErrors)
    assert len(part.exceptions) == 1
