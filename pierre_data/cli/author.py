"""Commands for authors of providers: new-provider."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def new_provider(
    name: Annotated[str, typer.Argument(help="Name of the provider, such as acme.")],
    folder: Annotated[Path, typer.Option(help="Where the package folder is made.")] = Path(),
) -> None:
    """Write a provider package of your own: a module, payloads, a test; it installs and passes its test at once."""
    from pierre_data.scaffold import write_package

    files = write_package(name, folder)
    root = files[0].parent
    for file in files:
        typer.echo(f"  {file}")
    typer.echo(f"\nTry next:\n  pip install --no-build-isolation --no-deps ./{root}\n  python -m pytest {root}")
