"""How many CPUs this process may use: the default number of worker processes."""

import math
import os
from collections.abc import Iterator
from pathlib import Path


def allowed_cpus(root: Path = Path("/")) -> int:
    """
    Return how many CPUs are allowed, and not how many the machine has.

    By the affinity of this process, and by the quota of its control groups, rounded up:
    a container with one and a half CPUs gets 2. `root` is where /proc and /sys are.
    """
    quotas = [math.ceil(quota) for quota in _quotas(root)]
    return max(1, min([_usable_cpus(), *quotas]))


def _usable_cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quotas(root: Path) -> Iterator[float]:
    """Yield the quota, in CPUs, of each control group that this process is in."""
    for line in _read(root / "proc/self/cgroup").splitlines():
        _number, controllers, path = line.split(":", 2)
        if controllers == "":
            base, read = root / "sys/fs/cgroup", _quota_of_version_2
        elif "cpu" in controllers.split(","):
            base, read = root / "sys/fs/cgroup/cpu", _quota_of_version_1
        else:
            continue
        # In a container, the path may be that of the host, which is not there. The
        # base is the container's own group then.
        group = base / path.strip("/")
        for each in (group, *group.parents):
            if (quota := read(each)) is not None:
                yield quota
            if each == base:
                break


def _quota_of_version_2(group: Path) -> float | None:
    return _ratio(*_read(group / "cpu.max").split())


def _quota_of_version_1(group: Path) -> float | None:
    quota = _read(group / "cpu.cfs_quota_us").strip()
    return _ratio(quota, _read(group / "cpu.cfs_period_us").strip())


def _ratio(quota: str = "", period: str = "") -> float | None:
    """Return CPUs; None without a quota, which is "max" or -1."""
    if not (quota.isdecimal() and period.isdecimal() and int(period)):
        return None
    return int(quota) / int(period)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        # This system has no control groups, or not of this version.
        return ""
