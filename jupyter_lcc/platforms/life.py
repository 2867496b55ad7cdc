"""Tell one life of a machine from the next: what changes when it is stopped and started, and only then."""

from __future__ import annotations

from pathlib import Path

__all__ = ["machine_life"]


def machine_life(proc: Path = Path("/proc")) -> str:
    """Name this life of the machine; "" where it can't be told (then every life looks the same).

    The kernel's boot id tells a virtual machine's lives apart, the first process's begin a container's.
    """
    try:
        boot = (proc / "sys/kernel/random/boot_id").read_text("ascii").strip()
        begun = (proc / "1/stat").read_bytes().rpartition(b")")[2].split()[19].decode("ascii")
    except (OSError, IndexError, ValueError):
        return ""
    return f"{boot}/{begun}"
