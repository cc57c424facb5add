"""How many processors this process may really use: in a container fewer than the machine has. Imports no torch."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

from titans_cli import settings

_CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Cores:
    machine: int
    allowed: int  # by the affinity mask: taskset, cpusets
    quota: float | None  # processors' worth of time that the control group grants; None: no limit

    @property
    def usable(self) -> int:
        return max(1, min(self.allowed, math.ceil(self.quota) if self.quota else self.allowed))


def cores(root: Path = _CGROUP, membership: Path = Path("/proc/self/cgroup")) -> Cores:
    machine = os.cpu_count() or 1
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else machine
    return Cores(machine, allowed, _quota(root, membership))


def default_threads() -> int:
    """The setting `threads`, or the processors this process may use, at most 4: the model is small."""
    asked = settings.value("threads")
    return asked if isinstance(asked, int) else min(4, cores().usable)


def _quota(root: Path, membership: Path) -> float | None:
    """The tightest quota of the groups this process is in, from its own up to the root of what is mounted.

    Control groups, version 2: `cpu.max` holds "max 100000" or "150000 100000"; version 1 has a file for either number.
    """
    try:
        groups = [line.split(":", 2) for line in membership.read_text().splitlines()]
    except OSError:
        return None
    shares = []
    for _, controllers, path in (g for g in groups if len(g) == 3):
        if controllers in ("", "cpu", "cpu,cpuacct", "cpuacct,cpu"):
            base = root / controllers if controllers else root
            group = base / path.lstrip("/")
            shares += [share for folder in (group, *group.parents) if (share := _share(folder)) is not None]
    return min(shares, default=None)


def _share(folder: Path) -> float | None:
    for names in (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us")):
        try:
            quota, period = " ".join((folder / name).read_text() for name in names).split()
            return int(quota) / int(period) if int(quota) > 0 else None
        except (OSError, ValueError, ZeroDivisionError):
            continue
    return None
