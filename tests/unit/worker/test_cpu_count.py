"""The default number of worker processes."""

import os
import subprocess
import sys

import pytest
from django.conf import settings

from taskhub.management.cpu_count import allowed_cpus

ALL = len(os.sched_getaffinity(0))


@pytest.fixture
def machine(tmp_path):
    """Return a function that writes a kernel's files about control groups."""

    def machine(**files):
        for path, text in files.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text)
        return tmp_path

    return machine


V2 = {"proc/self/cgroup": "0::/web.slice/worker.service\n"}
HOST = "sys/fs/cgroup/web.slice"
V1 = {"proc/self/cgroup": "9:pids:/x\n4:cpu,cpuacct:/docker/af12\n1:name=systemd:/x\n"}


@pytest.mark.skipif(ALL < 2, reason="this machine has only one CPU")
@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, ALL),
        ({**V2, f"{HOST}/worker.service/cpu.max": "max 100000\n"}, ALL),
        ({**V2, f"{HOST}/worker.service/cpu.max": "50000 100000\n"}, 1),
        ({**V2, f"{HOST}/worker.service/cpu.max": "110000 100000\n"}, 2),
        ({**V2, f"{HOST}/cpu.max": "100000 100000\n"}, 1),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "1000 100000"}, 1),
        ({"proc/self/cgroup": "0::/../a\n", "sys/fs/cgroup/cpu.max": "9 100"}, 1),
        ({**V2, "sys/fs/cgroup/cpu.max": "900000 100000\n"}, ALL),
        (
            {
                **V1,
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "25000\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            1,
        ),
        (
            {
                **V1,
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            ALL,
        ),
    ],
)
def test_a_cpu_quota_is_rounded_up(machine, files, expected):
    assert allowed_cpus(machine(**files)) == expected


def test_the_help_shows_the_number_of_allowed_cpus():
    """The CPU affinity of the process allows one CPU."""
    told = subprocess.run(
        [sys.executable, "manage.py", "taskworker", "--help"],
        cwd=settings.BASE_DIR,
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}),
    )

    assert "this process may use, here 1)" in told.stdout
