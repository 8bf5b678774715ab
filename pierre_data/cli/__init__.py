"""The command line, pierre-data."""

from __future__ import annotations

import os
import sys
import warnings
from argparse import ArgumentParser, BooleanOptionalAction
from collections.abc import Callable, Sequence
from pathlib import Path

import pierre_data as pierre
from pierre_data.cli import accounts, data


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; errors are one line on stderr and exit status 1, a wrong usage is 2."""
    parser = _parser()
    options = vars(parser.parse_args(arguments))
    run = options.pop("run", None)
    if run is None:
        parser.print_help()
        sys.exit(2)
    warnings.showwarning = lambda message, *_, **__: print(f"Note: {message}", file=sys.stderr)
    try:
        run(**options)
        sys.stdout.flush()
    except (pierre.PierreError, pierre.ProviderErrors) as error:
        for one in error.exceptions if isinstance(error, pierre.ProviderErrors) else [error]:
            print(f"Error: {one}", file=sys.stderr)
        sys.exit(1)
    except EOFError:
        print("Aborted.", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # Who reads has gone, as `head` does; what is flushed at the end must go nowhere either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _parser() -> ArgumentParser:
    about = "Any set of fitness providers as one deduplicated table."
    parser = ArgumentParser("pierre-data", description=about, allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"pierre-data {pierre.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    def command(name: str, run: Callable[..., None]) -> ArgumentParser:
        """Add a command: its help is the docstring of what it runs, which is called with its arguments by name."""
        added = commands.add_parser(name, help=run.__doc__, description=run.__doc__, allow_abbrev=False)
        added.set_defaults(run=run)
        return added

    _add_data(command)
    _add_accounts(command)
    return parser


def _switch(parser: ArgumentParser, name: str, default: bool, text: str) -> None:
    parser.add_argument(f"--{name}", action=BooleanOptionalAction, default=default, help=text)


def _add_data(command: Callable[[str, Callable[..., None]], ArgumentParser]) -> None:
    text = "Folder for the picture and the Parquet file (default: %(default)s)."
    command("demo", data.write_demo).add_argument("--out", type=Path, default=Path("pierre-demo"), help=text)
    fetch, synth = command("fetch", data.write_activities), command("synth", data.write_synthetic)
    for parser in (fetch, synth):
        parser.add_argument("--out", type=Path, required=True, help="Parquet file to write.")
        parser.add_argument("--after", metavar="DAY", help="From this day on, such as 2026-01-01.")
        parser.add_argument("--before", metavar="DAY", help="Up to, without, this day.")
    fetch.add_argument("--provider", "-p", action="append", help="Provider, best first; repeat it.")
    fetch.add_argument("--sport", help="A family such as run, or =run for that sport alone.")
    _switch(fetch, "dedupe", True, "One row per real workout.")
    synth.add_argument("--seed", type=int, default=1, help="The same seed gives the same rows (default: %(default)s).")
    synth.add_argument("--scenario", default="improving-runner", help="Kind of athlete (default: %(default)s).")
    author = command("new-provider", data.write_provider)
    author.add_argument("name", help="Name of the provider, such as acme.")
    author.add_argument("--folder", type=Path, default=Path(), help="Where the package folder is made.")


def _add_accounts(command: Callable[[str, Callable[..., None]], ArgumentParser]) -> None:
    command("providers", accounts.list_providers)
    status = command("status", accounts.print_status)
    status.add_argument("--json", action="store_true", help="As JSON, for programs.")
    connect = command("connect", accounts.connect_account)
    disconnect = command("disconnect", accounts.disconnect_account)
    export = command("export-token", accounts.print_token)
    for parser in (connect, disconnect, export):
        parser.add_argument("provider", help="Provider, as pierre-data providers lists it.")
    _switch(connect, "browser", True, "Open the consent page; otherwise only show its address.")
    _switch(connect, "again", False, "Ask for consent even if there is a token.")
    command("import-token", accounts.keep_token)
    doctor = command("doctor", accounts.print_diagnosis)
    _switch(doctor, "share", False, "Make the answer safe to paste in a public issue.")
    _switch(doctor, "online", False, "Also compare the clock with each provider's.")
