"""Print every benchmark: python -m tests.benchmarks [name ...]."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import tests.benchmarks as here


def main() -> None:
    """Run the named benchmarks, or all."""
    names = sys.argv[1:] or sorted(
        m.name.removeprefix("bench_") for m in pkgutil.iter_modules(here.__path__) if m.name.startswith("bench_")
    )
    for name in names:
        module = importlib.import_module(f"tests.benchmarks.bench_{name}")
        print(f"\n{(module.__doc__ or name).splitlines()[0]}")
        for label, value, unit in module.run():
            print(f"  {label:<75} {value:>10.3f} {unit}", flush=True)


if __name__ == "__main__":
    main()
