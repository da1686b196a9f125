"""Count the CPUs that this process may use: the default number of worker processes."""

import math
import os
from collections.abc import Iterator
from pathlib import Path


def allowed_cpus(root: Path = Path("/")) -> int:
    """
    Return the number of CPUs that this process may use.

    The affinity of the process and the quotas of its control groups, rounded up, limit
    this number. `root` is the directory that contains proc and sys.
    """
    if hasattr(os, "sched_getaffinity"):
        usable = len(os.sched_getaffinity(0))
    else:
        usable = os.cpu_count() or 1
    quotas = [math.ceil(quota) for quota in _quotas(root)]
    return max(1, min([usable, *quotas]))


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
        # In a container, this may be a path of the host; `base` then has the quota.
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
    """Return a quota in CPUs; None if there is no quota, as "max" or -1 says."""
    if not (quota.isdecimal() and period.isdecimal() and int(period)):
        return None
    return int(quota) / int(period)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        # The system has no control groups of this version, or the group has no quota.
        return ""
