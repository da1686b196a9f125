"""A short selection of the scenarios at small scale; `make chaos` runs all of them."""

import json
import subprocess
import sys

import pytest
from django.conf import settings

from tests.chaos.__main__ import MISSING

#: The scenarios of one line run one after the other on the same servers.
SELECTION = (
    "everything_at_once,node_died",
    "process_died,died_before_the_push,died_before_acknowledging",
    "frozen,frozen_with_reserves",
    "poison_kills",
    "deploys,misbehaves",
    "redis_stopped,redis_full,fuzzed_messages",
    "replies_dropped,database_away",
    "database_crashed,database_out_of_connections,clocks_of_workers",
    "sentinel_failover,beats_killed",
    "firewall_forgets",
    "database_frozen,database_pool_crashed,databases_in_other_zones",
    "keys_deleted,keys_evicted,keys_overwritten",
)


@pytest.mark.parametrize("scenarios", SELECTION)
def test_each_scenario_keeps_its_promises(scenarios):
    """Each line of scenarios runs in its own process, with its own servers."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.chaos", "--json", "--scenarios", scenarios],
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
    )
    if done.returncode == MISSING and not settings.CI:
        pytest.skip(done.stderr.strip())
    assert done.stdout, done.stderr

    reports = json.loads(done.stdout.splitlines()[-1])

    assert {
        name: report["complaints"]
        for name, report in reports.items()
        if report["complaints"]
    } == {}, done.stderr
