"""The private servers that are started by hand."""

import signal
import socket
import subprocess
import sys
from urllib.parse import urlsplit

import pytest
from django.conf import settings

from tests.servers import SERVERS

pytestmark = pytest.mark.any_database


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("started", [len(SERVERS), 1])
def test_a_signal_ends_the_servers_that_a_script_has_started_behind_it(number, started):
    with subprocess.Popen(
        [sys.executable, "-m", "tests.servers"],
        cwd=settings.BASE_DIR,
        stdout=subprocess.PIPE,
        text=True,
        # As shells do for what ends in "&".
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    ) as process:
        told = [process.stdout.readline() for _ in range(started)]
        process.send_signal(number)
        assert process.wait(timeout=60) == 0

    ports = [urlsplit(line.partition("=")[2]).port for line in told if "=" in line]
    for port in ports:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=5)
