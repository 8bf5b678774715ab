"""The public names are a tested list, each with a docstring."""

import pierre_data as pierre


def test_public_names_are_the_list() -> None:
    assert sorted(pierre.__all__) == pierre.__all__ or set(pierre.__all__) == set(dir(pierre))
    for name in pierre.__all__:
        thing = getattr(pierre, name)
        assert name.startswith("__") or (thing.__doc__ or "").strip(), f"{name} has no docstring"


def test_no_function_shares_a_submodules_name() -> None:
    from pathlib import Path

    rooms = {p.stem for p in Path(pierre.__file__).parent.iterdir() if p.suffix == ".py" or p.is_dir()}
    functions = {n for n in pierre.__all__ if callable(getattr(pierre, n))}
    assert not rooms & functions


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(pierre, "no_such_thing")
