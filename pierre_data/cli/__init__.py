"""The command line, pierre-data."""

from __future__ import annotations

import sys
import warnings

import typer

import pierre_data as pierre
from pierre_data.cli import accounts, author, data

app = typer.Typer(
    help="Any set of fitness providers as one deduplicated table.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (
    data.demo,
    accounts.providers,
    accounts.connect,
    accounts.disconnect,
    accounts.status,
    data.fetch,
    data.synth,
    accounts.doctor,
    author.new_provider,
    accounts.export_token,
    accounts.import_token,
):
    app.command()(command)


def main() -> None:
    """Run the command line; errors are one line on stderr and exit status 1."""
    warnings.showwarning = _say
    try:
        app()
    except (pierre.PierreError, pierre.ProviderErrors) as error:
        lines = error.exceptions if isinstance(error, pierre.ProviderErrors) else [error]
        for line in lines:
            typer.echo(f"Error: {line}", err=True)
        sys.exit(1)


def _say(message: Warning | str, *_where: object, **_more: object) -> None:
    typer.echo(f"Note: {message}", err=True)
