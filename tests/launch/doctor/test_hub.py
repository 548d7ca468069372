"""What the doctor says of the hub, asked of servers on this machine."""

import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

CODE = "from rm_train.launch.doctor.hub import hub; findings = [hub()]"


@pytest.fixture
def hub(found):
    """Ask an endpoint, without the proxies of this machine."""

    def hub(**variables):
        clear = dict.fromkeys(("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_ENDPOINT"), "")
        return found(CODE, **clear | {"NO_PROXY": "127.0.0.1"} | variables)["Hugging Face hub"]

    return hub


@pytest.fixture
def answering():
    """Serve a status to every HEAD request; return the address."""
    servers = []

    def answering(status):
        class Answer(BaseHTTPRequestHandler):
            def do_HEAD(self):
                self.send_response(status)
                self.end_headers()

        servers.append(HTTPServer(("127.0.0.1", 0), Answer))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}"

    yield answering
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_mirror_that_answers_is_fine(hub, answering):
    mirror = answering(200)
    finding = hub(HF_ENDPOINT=mirror)
    assert (finding["state"], finding["what"]) == ("ok", f"{mirror} (HF_ENDPOINT) answers")


def test_one_that_refuses_is_a_warning(hub, answering):
    finding = hub(HF_ENDPOINT=answering(403))
    assert finding["state"] == "warning" and finding["what"].endswith("answers with status 403")


def test_one_that_does_not_answer_is_a_warning_with_the_way_out(hub):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        finding = hub(HF_ENDPOINT=f"http://127.0.0.1:{closed.getsockname()[1]}")
    assert finding["state"] == "warning" and "does not answer" in finding["what"]
    assert finding["fix"].startswith("set HF_HUB_OFFLINE=1 and give folders") and "HF_ENDPOINT=…" in finding["fix"]


def test_an_endpoint_or_proxy_that_is_no_address_is_a_warning(hub):
    assert hub(HF_ENDPOINT="http://[1")["state"] == "warning"
    assert hub(HF_ENDPOINT="http://127.0.0.1:1", ALL_PROXY="abc://x", NO_PROXY="")["state"] == "warning"


@pytest.mark.parametrize("variable", ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
def test_offline_is_said_and_nothing_is_asked(hub, variable):
    finding = hub(**{variable: "1"}, HF_ENDPOINT="http://127.0.0.1:1")
    assert finding["state"] == "ok" and finding["what"].startswith(f"not asked, as {variable} says")
