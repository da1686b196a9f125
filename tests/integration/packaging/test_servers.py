"""Private servers that are started by hand."""

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
def test_a_signal_stops_servers_that_were_started_in_the_background(number, started):
    with subprocess.Popen(
        [sys.executable, "-m", "tests.servers"],
        cwd=settings.BASE_DIR,
        stdout=subprocess.PIPE,
        text=True,
        # Shells do the same for commands that end in "&".
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    ) as process:
        told = [process.stdout.readline() for _ in range(started)]
        process.send_signal(number)
        assert process.wait(timeout=60) == 0

    ports = [urlsplit(line.partition("=")[2]).port for line in told if "=" in line]
    assert ports
    for port in ports:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=5)
