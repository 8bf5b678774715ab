"""Commands about data: demo, fetch, synth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import pierre_data as pierre

if TYPE_CHECKING:
    import pandas as pd

Names = Annotated[list[str] | None, typer.Option("--provider", "-p", help="Provider, best first; repeat it.")]
After = Annotated[str | None, typer.Option(help="From this day on, such as 2026-01-01.")]
Before = Annotated[str | None, typer.Option(help="Up to, without, this day.")]

_COLUMNS = ["start_time", "sport", "distance_m", "moving_s", "average_heart_rate_bpm", "n_sources", "sources"]


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
