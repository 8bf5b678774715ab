"""Write a provider package: one module, its payloads, its test, and the entry point that makes it found."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from string import Template

import pierre_data
from pierre_data.errors import ConfigurationError, StorageError
from pierre_data.registry import ProviderRegistry

#: Template -> where it goes in the package.
_FILES: Mapping[str, str] = {
    "pyproject.toml.txt": "pyproject.toml",
    "README.md.txt": "README.md",
    "module.py.txt": "$module/__init__.py",
    "test.py.txt": "tests/test_$stem.py",
    "workouts.json.txt": "tests/payloads/workouts.json",
    "workout.json.txt": "tests/payloads/workouts/103.json",
    "activities.csv.txt": "tests/payloads/activities.expected.csv",
    "activity.csv.txt": "tests/payloads/activities.single.expected.csv",
}


def write_package(name: str, folder: str | Path = ".") -> list[Path]:
    """Write the package of a new provider into ``<folder>/pierre-<name>``.

    It installs with ``pip install --no-build-isolation --no-deps`` and passes its own test at once, offline; its facts
    are examples to be replaced by the vendor's.

    Parameters
    ----------
    name : str
        Registry name: lower-case letters, digits and single hyphens, at most 40, a letter first.
    folder : str or Path
        Where the package's folder is made.

    Returns
    -------
    list of Path
        The files that were written.

    Raises
    ------
    ConfigurationError
        The name cannot be one or is taken, or the package's folder holds something already.
    StorageError
        The folder cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> [file.name for file in write_package("acme", tempfile.mkdtemp())][:3]
    ['pyproject.toml', 'README.md', '__init__.py']
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name) or len(name) > 40:
        raise ConfigurationError(
            f"{name!r} is no provider name.", "Use lower-case letters, digits and single hyphens, such as acme-band."
        )
    if name in ProviderRegistry():
        raise ConfigurationError(f"A provider {name!r} is installed already.", "Choose another name.")
    stem = name.replace("-", "_")
    facts = {
        "name": name,
        "stem": stem,
        "module": f"pierre_{stem}",
        "upper": stem.upper(),
        "title": " ".join(word.capitalize() for word in name.split("-")),
        "version": pierre_data.__version__,
    }
    package = Path(folder) / f"pierre-{name}"
    try:
        if package.exists() and (not package.is_dir() or any(package.iterdir())):
            raise ConfigurationError(f"{package} is there already.", "Choose another folder, or remove it first.")
        return [_write(package / Template(where).substitute(facts), text, facts) for text, where in _FILES.items()]
    except OSError as error:
        raise StorageError(f"{package} cannot be written: {error.strerror}.", "Choose another folder.") from error


def _write(file: Path, template: str, facts: Mapping[str, str]) -> Path:
    text = files("pierre_data.testing").joinpath("templates", template).read_text(encoding="utf-8")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(Template(text).substitute(facts), encoding="utf-8", newline="\n")
    return file
