"""The command line, pierre-data."""

from __future__ import annotations

import os
import sys
import warnings
from argparse import ArgumentParser, BooleanOptionalAction
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

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
    for name, (run, arguments) in _COMMANDS.items():
        command = commands.add_parser(name, help=run.__doc__, description=run.__doc__, allow_abbrev=False)
        command.set_defaults(run=run)
        for flags, options in arguments.items():
            command.add_argument(*flags.split(), **options)
    return parser


def _switch(default: bool, text: str) -> dict[str, Any]:
    return {"action": BooleanOptionalAction, "default": default, "help": text}


_PROVIDER = {"provider": {"help": "Provider, as pierre-data providers lists it."}}
_ROWS: dict[str, Any] = {
    "--out": {"type": Path, "required": True, "help": "Parquet file to write."},
    "--after": {"metavar": "DAY", "help": "From this day on, such as 2026-01-01."},
    "--before": {"metavar": "DAY", "help": "Up to, without, this day."},
}
_DEMO_OUT = "Folder for the picture and the Parquet file (default: %(default)s)."
_SEED = "The same seed gives the same rows (default: %(default)s)."
#: Command -> what it runs, whose docstring is its help, and the arguments it is called with by name.
_COMMANDS: dict[str, tuple[Callable[..., None], dict[str, dict[str, Any]]]] = {
    "demo": (data.write_demo, {"--out": {"type": Path, "default": Path("pierre-demo"), "help": _DEMO_OUT}}),
    "fetch": (data.write_activities, {
        **_ROWS,
        "--provider -p": {"action": "append", "help": "Provider, best first; repeat it."},
        "--sport": {"help": "A family such as run, or =run for that sport alone."},
        "--dedupe": _switch(True, "One row per real workout."),
    }),
    "synth": (data.write_synthetic, {
        **_ROWS,
        "--seed": {"type": int, "default": 1, "help": _SEED},
        "--scenario": {"default": "improving-runner", "help": "Kind of athlete (default: %(default)s)."},
    }),
    "new-provider": (data.write_provider, {
        "name": {"help": "Name of the provider, such as acme."},
        "--folder": {"type": Path, "default": Path(), "help": "Where the package folder is made."},
    }),
    "providers": (accounts.list_providers, {}),
    "status": (accounts.print_status, {"--json": {"action": "store_true", "help": "As JSON, for programs."}}),
    "connect": (accounts.connect_account, {
        **_PROVIDER,
        "--browser": _switch(True, "Open the consent page; otherwise only show its address."),
        "--again": _switch(False, "Ask for consent even if there is a token."),
    }),
    "disconnect": (accounts.disconnect_account, _PROVIDER),
    "export-token": (accounts.print_token, _PROVIDER),
    "import-token": (accounts.keep_token, {}),
    "doctor": (accounts.print_diagnosis, {
        "--share": _switch(False, "Make the answer safe to paste in a public issue."),
        "--online": _switch(False, "Also compare the clock with each provider's."),
    }),
}  # fmt: skip
