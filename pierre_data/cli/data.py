"""Commands that make files: demo, fetch, synth, new-provider."""

from __future__ import annotations

from pathlib import Path

import pierre_data as pierre

_COLUMNS = ["start_time", "sport", "distance_m", "moving_s", "average_heart_rate_bpm", "n_sources", "sources"]


def write_demo(out: Path) -> None:
    """Show the main job, offline: two synthetic providers, one deduplicated table, a picture, a Parquet file."""
    import pandas as pd

    from pierre_data.plots import weekly_hours

    client = pierre.Client(["synthetic-watch", "synthetic-phone"], cache="memory")
    rows = client.activities("2026-01-01", "2026-07-01", dedupe=False)
    merged = client.activities("2026-01-01", "2026-07-01")
    found = f"{len(rows)} activities in half a year; {len(merged)} real workouts remain."
    print(f"Two synthetic providers recorded {found}\n")
    with pd.option_context("display.width", 160, "display.max_columns", 20, "display.max_colwidth", 60):
        print(merged.head(8)[_COLUMNS].to_string(index=False, float_format=lambda x: f"{x:.0f}"))
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        what = f"{out} cannot be made: {error.strerror}."
        raise pierre.StorageError(what, "Name another folder with --out.") from error
    picture = out / "weekly-hours.png"
    weekly_hours(merged).savefig(picture, dpi=150)
    file = pierre.to_parquet(merged, out / "activities.parquet")
    print(f"\nPicture: {picture}\nParquet: {file} ({file.stat().st_size / 1000:.0f} kB)\n\nTry next:")
    print("  pierre-data providers                                  what can be connected, and how")
    print("  pierre-data synth --seed 7 --out year.parquet          a data set anyone can make again")
    print(f"  python -c \"import pierre_data as p; print(p.read_parquet('{file}').dtypes)\"")


def write_activities(
    out: Path, provider: list[str] | None, after: str | None, before: str | None, sport: str | None, dedupe: bool
) -> None:
    """Fetch activities and write them to a Parquet file."""
    client = pierre.Client(provider)
    frame = client.activities(after, before, sport=sport, dedupe=dedupe)
    file = pierre.to_parquet(frame, out)
    print(f"{len(frame)} activities from {', '.join(client.providers)}: {file}")


def write_synthetic(out: Path, seed: int, scenario: str, after: str | None, before: str | None) -> None:
    """Write a synthetic data set that anyone can make again."""
    client = pierre.Client([pierre.provider("synthetic", seed=seed, scenario=scenario)], cache="memory")
    frame = client.activities(after, before)
    file = pierre.to_parquet(frame, out)
    print(f"{len(frame)} synthetic activities (seed {seed}, {scenario}): {file}")


def write_provider(name: str, folder: Path) -> None:
    """Write a provider package of your own: a module, payloads, a test; it installs and passes its test at once."""
    from pierre_data.testing import write_package

    files = write_package(name, folder)
    root = files[0].parent
    for file in files:
        print(f"  {file}")
    print(f"\nTry next:\n  pip install --no-build-isolation --no-deps ./{root}\n  python -m pytest {root}")
    print('Its test needs pytest and hatchling: pip install "pierre-data[test]"')
