"""A log is followed over a connection that breaks: what was missed is shown, and nothing twice."""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

from jobs_cluster import JobsCluster

COUNTS = "import time\nfor number in range(150):\n    print('line', number)\n    time.sleep(0.1)"


class Line:
    """A TCP proxy on loopback, whose connections can be cut."""

    def __init__(self, port: int) -> None:
        self._target, self._open = port, list[socket.socket]()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):  # closed
            while True:
                here, _ = self._server.accept()
                there = socket.create_connection(("127.0.0.1", self._target))
                self._open += [here, there]
                for one, other in ((here, there), (there, here)):
                    threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    def _pump(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
        with suppress(OSError):
            other.shutdown(socket.SHUT_WR)

    def cut(self) -> None:
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def close(self) -> None:
        self.cut()
        self._server.close()


@contextmanager
def line_to(cluster: JobsCluster) -> Iterator[Line]:
    port = urlsplit(cluster.dashboard).port
    assert port is not None
    line = Line(port)
    yield line
    line.close()


def test_a_cut_connection_is_opened_anew_where_it_broke(cluster: JobsCluster) -> None:
    name = cluster.any_job(COUNTS)
    with line_to(cluster) as line:
        following = cluster.start("jobs", "logs", "--follow", name, RAY_API_SERVER_ADDRESS=line.address)
        assert following.stdout is not None
        while (text := following.stdout.readline()) != "line 20\n":
            assert text, following.communicate()
        line.cut()
        rest = following.stdout.read()  # and not communicate(), which forgets what was read ahead
        _, err = following.communicate(timeout=300)
    assert following.returncode == 0, err
    assert re.findall(r"^line (\d+)$", rest, re.MULTILINE) == [str(number) for number in range(21, 150)]
