"""Add up what folders take on the disk; run as a program of its own, so that it holds up nobody.

stdin: `{"prefixes": [path, …], "caches": [path, …], "others": [path, …]}`. stdout, a line each:
`{"prefix", "size", "own"}`, and at the end `{"used", "caches": {path: {"size", "own"}}}`. `size` counts every file
once; `own` is what deleting it would free: the files whose every link lies in it. `used` counts what prefixes and
caches share once, without the others. Allocated bytes, as `du` tells them. Only the standard library.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys


def measure(folder: str, seen: set[int]) -> tuple[int, int, int]:
    """Give (size, own) of a folder, and add what it takes first to `seen`; it gives the bytes nobody took before."""
    size = own = new = 0
    links: dict[int, tuple[int, int, int]] = {}
    waiting = [folder]
    while waiting:
        try:
            entries = os.scandir(waiting.pop())
        except OSError:
            continue
        with entries:
            for entry in entries:
                try:
                    status = entry.stat(follow_symlinks=False)
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                except OSError:
                    continue
                taken = getattr(status, "st_blocks", 0) * 512 or status.st_size
                if status.st_nlink < 2 or entry.is_dir(follow_symlinks=False):
                    size, own, new = size + taken, own + taken, new + taken
                    continue
                key = (status.st_dev << 64) | status.st_ino
                known = links.get(key)
                links[key] = (1 if known is None else known[0] + 1, status.st_nlink, taken)
    for key, (count, total, taken) in links.items():
        size += taken
        own += taken if count >= total else 0
        if key not in seen:
            seen.add(key)
            new += taken
    return size, own, new


def main() -> None:
    """Measure what stdin names."""
    with contextlib.suppress(OSError):
        os.nice(10)
    wanted = json.load(sys.stdin)
    seen: set[int] = set()
    used = 0
    for prefix in wanted["prefixes"]:
        size, own, new = measure(prefix, seen)
        used += new
        tell({"prefix": prefix, "size": size, "own": own})
    caches = {}
    for folder in wanted["caches"]:
        size, own, new = measure(folder, seen)
        used += new
        caches[folder] = {"size": size, "own": own}
    for prefix in wanted["others"]:
        size, own, _new = measure(prefix, set())
        tell({"prefix": prefix, "size": size, "own": own})
    tell({"used": used, "caches": caches})


def tell(value: dict[str, object]) -> None:
    """Write a line."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
