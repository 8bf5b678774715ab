"""Keys: nobody breaks out of a segment, and a prefix covers its own only."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pierre_data.cache import CacheTtl, MemoryStore
from pierre_data.cache.namespace import UNLIMITED, CacheNamespace
from pierre_data.errors import QueryError

# Any text, lone surrogates too, and often the characters that separate, quote, match or end something.
nasty = st.text(st.one_of(st.sampled_from(":%/'\"*?[]\\.\0 ;aé\ud800"), st.characters(codec=None)), min_size=1)
owners = st.tuples(nasty, nasty, nasty, nasty, st.one_of(st.just(""), nasty))


def key(tenant: str, user: str, provider: str, resource: str | None = None, qualifier: str = "") -> str:
    owner = (tenant, user, provider)
    return CacheNamespace(MemoryStore(), owner, CacheTtl(), UNLIMITED, lambda: 0.0, 0).key(resource, qualifier)


@given(owners, owners)
@example(("a", "b", "c", "d", "e:f"), ("a", "b", "c", "d:e", "f"))
@example(("a", "b", "c", "d", ""), ("a", "b", "c", "d:", ""))
@example(("a:user:b", "c", "p", "r", ""), ("a", "b:user:c", "p", "r", ""))
@example(("%3A", "b", "c", "d", ""), (":", "b", "c", "d", ""))
def test_different_owners_have_different_keys(one: tuple[str, ...], two: tuple[str, ...]) -> None:
    assert (key(*one) == key(*two)) == (one == two)


@given(owners)
def test_keys_are_plain_text(parts: tuple[str, ...]) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_.~%:-]+", key(*parts))


@given(owners, owners, st.integers(3, 4))
@example(("a", "u", "p", "r", ""), ("a", "u", "pp", "r", ""), 3)
@example(("a", "u", "p", "r", ""), ("a", "u", "p", "rr", "q"), 4)
def test_a_prefix_covers_exactly_its_own(one: tuple[str, ...], two: tuple[str, ...], depth: int) -> None:
    start = f"{key(*one[:depth])}:"
    assert f"{key(*one)}:".startswith(start)
    assert f"{key(*two)}:".startswith(start) == (one[:depth] == two[:depth])


@pytest.mark.parametrize("empty", range(4))
def test_an_empty_segment_is_refused(empty: int) -> None:
    parts = ["t", "u", "p", "r"]
    parts[empty] = ""
    with pytest.raises(QueryError, match="is empty"):
        key(*parts)


def test_the_form_of_the_seed() -> None:
    assert (
        key("t", "u", "strava", "activity_list", "2026-01") == "tenant:t:user:u:provider:strava:activity_list:2026-01"
    )
    assert key("t", "u", "strava") == "tenant:t:user:u:provider:strava"
