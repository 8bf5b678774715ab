"""The command line: pierre-data demo | providers | status | fetch | synth."""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import pierre_data as pierre

if TYPE_CHECKING:
    import pandas as pd

app = typer.Typer(
    help="Any set of fitness providers as one deduplicated table.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Names = Annotated[list[str] | None, typer.Option("--provider", "-p", help="Provider, best first; repeat it.")]
After = Annotated[str | None, typer.Option(help="From this day on, such as 2026-01-01.")]
Before = Annotated[str | None, typer.Option(help="Up to, without, this day.")]

_COLUMNS = ["start_time", "sport", "distance_m", "moving_s", "average_heart_rate_bpm", "n_sources", "sources"]


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the picture and the Parquet file.")] = Path("pierre-demo"),
) -> None:
    """Show the main job, offline: two synthetic providers, one deduplicated table, a picture, a Parquet file."""
    from pierre_data.plots import weekly_hours

    client = pierre.Client(["synthetic-watch", "synthetic-phone"], cache="memory")
    rows = client.activities("2026-01-01", "2026-07-01", dedupe=False)
    merged = client.activities("2026-01-01", "2026-07-01")
    typer.echo(
        f"Two synthetic providers recorded {len(rows)} activities in half a year; {len(merged)} real workouts remain.\n"
    )
    typer.echo(_table(merged.head(8)))
    out = _folder(out)
    picture = out / "weekly-hours.png"
    weekly_hours(merged).savefig(picture, dpi=150)
    file = pierre.to_parquet(merged, out / "activities.parquet")
    typer.echo(f"\nPicture: {picture}\nParquet: {file} ({file.stat().st_size / 1000:.0f} kB)\n\nTry next:")
    typer.echo("  pierre-data providers                                  what can be connected, and how")
    typer.echo("  pierre-data synth --seed 7 --out year.parquet          a data set anyone can make again")
    typer.echo(f"  python -c \"import pierre_data as p; print(p.read_parquet('{file}').dtypes)\"")


@app.command()
def providers() -> None:
    """List the providers, what they offer, and what they need."""
    from pierre_data.client import provider_status

    registry = pierre.ProviderRegistry()
    for row in provider_status(registry).astype(str).to_dict("records"):
        typer.echo(f"{row['provider']:<18} {row['status']:<13} {row['display_name']}")
        if row["status"] == "broken":
            typer.echo(f"{'':<18} {row['detail']}")
            continue
        typer.echo(f"{'':<18} offers {row['offers'] or 'nothing'}")
        needs = f"needs {row['needs']}. " if row["needs"] else ""
        if needs or row["detail"]:
            typer.echo(f"{'':<18} {needs}{row['detail']}")
        for name, option in registry[row["provider"]].options.items():
            typer.echo(f"{'':<18} option {name} = {option.default!r}: {option.meaning}")


@app.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False) -> None:
    """Say which providers are connected."""
    from pierre_data.client import provider_status

    frame = provider_status(pierre.ProviderRegistry())
    if as_json:
        states = frame.set_index("provider")[["connected", "status"]].to_dict("index")
        typer.echo(json.dumps({"success": True, "result": {"providers": states}}, indent=2))
        return
    for name, state in zip(frame["provider"], frame["status"], strict=True):
        typer.echo(f"{name:<18} {state}")


@app.command()
def fetch(
    out: Annotated[Path, typer.Option(help="Parquet file to write.")],
    provider: Names = None,
    after: After = None,
    before: Before = None,
    sport: Annotated[str | None, typer.Option(help="A family such as run, or =run for that sport alone.")] = None,
    dedupe: Annotated[bool, typer.Option(help="One row per real workout.")] = True,
) -> None:
    """Fetch activities and write them to a Parquet file."""
    client = pierre.Client(provider)
    frame = client.activities(after, before, sport=sport, dedupe=dedupe)
    file = pierre.to_parquet(frame, out)
    typer.echo(f"{len(frame)} activities from {', '.join(client.providers)}: {file}")


@app.command()
def synth(
    out: Annotated[Path, typer.Option(help="Parquet file to write.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same rows.")] = 1,
    scenario: Annotated[str, typer.Option(help="Kind of athlete.")] = "improving-runner",
    after: After = None,
    before: Before = None,
) -> None:
    """Write a synthetic data set that anyone can make again."""
    client = pierre.Client([pierre.provider("synthetic", seed=seed, scenario=scenario)], cache="memory")
    frame = client.activities(after, before)
    file = pierre.to_parquet(frame, out)
    typer.echo(f"{len(frame)} synthetic activities (seed {seed}, {scenario}): {file}")


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


def _folder(out: Path) -> Path:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise pierre.StorageError(
            f"{out} cannot be made: {error.strerror}.", "Name another folder with --out."
        ) from error
    return out


def _table(frame: pd.DataFrame) -> str:
    import pandas as pd

    with pd.option_context("display.width", 160, "display.max_columns", 20, "display.max_colwidth", 60):
        return frame[_COLUMNS].to_string(index=False, float_format=lambda x: f"{x:.0f}")
