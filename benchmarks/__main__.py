"""Run all figures or the chosen ones, print one table, keep it in results.json; 1 if a limit is missed."""

from __future__ import annotations

import argparse
import os
import platform
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from . import environments, idle, lists, many, panel, start
from .figures import Figure, as_data, as_table

GROUPS: dict[str, Callable[[], Iterator[Figure]]] = {
    "start": start.measure,
    "idle": idle.measure,
    "many": many.measure,
    "panel": panel.measure,
    "environments": environments.measure,
    "lists": lists.measure,
}


def main() -> int:
    """Measure; what can't be measured counts as missed and does not stop the rest."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("groups", nargs="*", metavar="group", help=f"of {', '.join(GROUPS)}; default: all")
    chosen: list[str] = parser.parse_args().groups or list(GROUPS)
    if unknown := set(chosen) - GROUPS.keys():
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(GROUPS)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    figures: list[Figure] = []
    failures: list[str] = []
    for group in chosen:
        began = time.monotonic()
        try:
            for figure in GROUPS[group]():
                figures.append(figure)
        except RuntimeError as error:
            failures.append(f"{group} could not be measured: {error}")
        sys.stderr.write(f"{group}: {time.monotonic() - began:.0f} s\n")
    machine = {"python": sys.version.split()[0], "system": platform.platform(), "cores": os.cpu_count()}
    as_data(figures, machine, Path(__file__).with_name("results.json"))
    if figures:
        sys.stdout.write(as_table(figures) + "\n")
    sys.stdout.write("".join(failure + "\n" for failure in failures))
    return 0 if not failures and all(figure.kept for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
