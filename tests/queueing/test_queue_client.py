"""What the client makes of answers, against a real server that gives the awkward ones."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from test_queue_values import WORKFLOW

from skyreels_core.cli import REFUSED, main
from skyreels_core.errors import InputError
from skyreels_core.queueing.batch import Batch, Ticket
from skyreels_core.queueing.client import Client, File, Refused, Unreachable, base_url
from skyreels_core.queueing.fetching import fetch, outputs
from skyreels_core.queueing.jobs import Job, JobFactory
from skyreels_core.queueing.problems import refusal

VERSION = {"system": {"comfyui_version": "0.33.0"}}


class Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = self.path.partition("?")[0]
        self.server.asked.append((self.command, self.path))
        status, content, headers = self.server.answers.get(path, (404, b"", {}))
        if status is None:
            self.close_connection = True
            return
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in ({"Content-Length": len(body), "Connection": "close"} | headers).items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body if self.command != "HEAD" else b"")
        self.close_connection = True

    do_POST = do_HEAD = do_GET

    def log_message(self, *words):
        pass


@pytest.fixture
def serve():
    """Start a server with an answer for each path: status (None: none at all), content, headers."""
    servers = []

    def start(answers):
        server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        server.asked = []
        server.answers = {path: (*answer, {})[:3] for path, answer in answers.items()}
        threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
        servers.append(server)
        server.url = f"http://127.0.0.1:{server.server_port}"
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("127.0.0.1:8188", "http://127.0.0.1:8188"),
        ("http://box:8188/", "http://box:8188"),
        ("https://pod-8188.example/comfy/", "https://pod-8188.example/comfy"),
        ("[::1]:8188", "http://[::1]:8188"),
    ],
)
def test_an_address_may_be_short(address, url):
    assert base_url(address) == url


@pytest.mark.parametrize("address", ["", "ftp://box", "http://", "box:port", "http://box:99999"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(InputError, match="not the address of a server"):
        base_url(address)


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(serve, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert Client(serve({"/system_stats": (200, VERSION)}).url).version() == "0.33.0"


@pytest.mark.parametrize("status", [None, 502, 503, 504])
def test_a_server_behind_a_proxy_that_is_away_may_come_back(serve, status):
    with pytest.raises(Unreachable):
        Client(serve({"/system_stats": (status, b"")}).url).version()


AWKWARD = {
    "a web page": ((200, b"<html>"), "answers, but is not ComfyUI"),
    "another server": ((200, {"system": {}}), "answers, but is not ComfyUI"),
    "a list": ((200, []), "answers, but is not ComfyUI"),
    "a locked door": ((401, b"who are you"), "answered 401: who are you"),
    "another place": ((301, b"", {"Location": "https://box/"}), "it has moved to https://box/"),
    "a crash": ((500, b"oh"), "answered 500: oh"),
    "silence": ((None, b""), "No ComfyUI answers at http://127.0.0.1"),
}


@pytest.mark.parametrize("case", AWKWARD)
def test_a_server_that_is_no_comfyui_is_said_in_a_sentence(serve, tmp_path, capsys, case):
    answer, sentence = AWKWARD[case]
    url = serve({"/system_stats": answer}).url
    assert main(["queue", "--server", url, "--workflow", str(tmp_path / "none.json")]) == REFUSED
    shown = capsys.readouterr()
    assert sentence in shown.err and len(shown.err.splitlines()) == 1


def entry_of(**kinds):
    return {"outputs": {"7": kinds}, "status": {"status_str": "success"}}


def item(filename, type="output"):
    return {"filename": filename, "subfolder": "a/b", "type": type}


def test_files_of_every_kind_are_outputs_and_nothing_else_is():
    entry = entry_of(
        images=[item("a.png"), item("p.png", "temp")], animated=[True], text=["a.png"],
        gifs=[{**item("b.mp4"), "frame_rate": 25.0}], audio=[item("c.flac")], again=[item("a.png")],
    )  # fmt: skip
    assert [file.filename for file in outputs(entry)] == ["a.png", "b.mp4", "c.flac"]
    previews = entry_of(images=[item("p.png", "temp")])
    assert outputs(previews) == [File("p.png", "a/b", "temp")]


def test_a_file_lands_in_the_folder_whatever_the_server_calls_it(serve, tmp_path):
    server = serve({"/view": (200, b"picture")})
    (path,) = fetch(Client(server.url), entry_of(images=[item("../../x&y?.png")]), tmp_path / ".")
    assert path == tmp_path / "_.._x&y_.png" and path.read_bytes() == b"picture"
    assert server.asked == [("GET", "/view?filename=..%2F..%2Fx%26y%3F.png&subfolder=a%2Fb&type=output")]


def test_a_file_that_is_cut_short_leaves_nothing(serve, tmp_path):
    server = serve({"/view": (200, b"half", {"Content-Length": 8})})
    with pytest.raises(Unreachable):
        fetch(Client(server.url), entry_of(images=[item("a.png")]), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_the_server_has_lost_leaves_nothing(serve, tmp_path):
    with pytest.raises(Refused):
        fetch(Client(serve({}).url), entry_of(images=[item("a.png")]), tmp_path)
    assert list(tmp_path.iterdir()) == []


class Ends(list):
    def ended(self, job, files, problems):
        self.append((job.label, problems))


@pytest.fixture
def upload_job(tmp_path):
    (tmp_path / "face.png").write_bytes(b"face")
    (job,) = JobFactory(WORKFLOW, lambda file: None).jobs("talk", [f"1.image={tmp_path / 'face.png'}"], None)
    return job


def batch_of(server, job, folder):
    batch = Batch(Client(server.url), [job], folder, 1, Ends())
    return batch, next(iter(batch.open.values()))


def test_what_is_on_the_server_is_not_uploaded_again(serve, upload_job, tmp_path):
    server = serve({"/view": (200, b"face"), "/prompt": (200, {"prompt_id": "1", "node_errors": {}})})
    batch, ticket = batch_of(server, upload_job, tmp_path)
    batch.queue(ticket)
    assert [command for command, path in server.asked] == ["HEAD", "POST"] and not ticket.over


def test_a_file_too_large_for_the_server_ends_its_job(serve, upload_job, tmp_path):
    batch, ticket = batch_of(serve({"/upload/image": (413, b"too large")}), upload_job, tmp_path)
    batch.queue(ticket)
    ((_, (problem,)),) = batch.watcher
    assert "--max-upload-size" in problem and batch.failed == [upload_job] and not batch.open


def test_an_upload_that_breaks_the_connection_is_not_tried_for_ever(serve, upload_job, tmp_path):
    batch, ticket = batch_of(serve({"/upload/image": (None, b"")}), upload_job, tmp_path)
    for _ in range(2):
        with pytest.raises(Unreachable):
            batch.queue(ticket)
    batch.queue(ticket)
    ((_, (problem,)),) = batch.watcher
    assert "The connection broke 3 times during this job" in problem


def test_a_local_file_that_has_gone_ends_its_job(serve, upload_job, tmp_path):
    (tmp_path / "face.png").unlink()
    batch, ticket = batch_of(serve({}), upload_job, tmp_path)
    batch.queue(ticket)
    ((_, (problem,)),) = batch.watcher
    assert "face.png: No such file" in problem


def test_a_job_that_stops_the_server_twice_is_not_queued_again(serve, tmp_path):
    server = serve({"/prompt": (200, {"node_errors": {}})})
    job = Job("talk", None, WORKFLOW, {})
    batch, ticket = batch_of(server, job, tmp_path)
    for _ in range(2):
        ticket.running = True
        batch.queue_again(ticket)
    assert batch.watcher == [
        ("talk", ["The server stopped twice while it ran this job; it is not queued again."])
    ]
    assert server.asked == [("POST", "/prompt")]


def test_a_job_that_only_waited_is_queued_again_however_often_the_server_stops(serve, tmp_path):
    server = serve({"/prompt": (200, {"node_errors": {}})})
    batch, ticket = batch_of(server, Job("talk", None, WORKFLOW, {}), tmp_path)
    for _ in range(5):
        batch.queue_again(ticket)
    assert len(server.asked) == 5 and batch.watcher == [] and isinstance(ticket, Ticket)


def test_the_servers_own_words_are_kept():
    errors = {"2": {"errors": [{"message": "Value not in list", "details": "size: 'x' not in [...]"}]}}
    assert refusal(WORKFLOW, Refused(400, {"error": {}, "node_errors": errors})) == [
        "Node 2 \"Words\" (CLIPTextEncode): Value not in list: size: 'x' not in [...]"
    ]
    empty = {"message": "Prompt has no outputs", "details": ""}
    assert refusal(WORKFLOW, Refused(400, {"error": empty, "node_errors": []})) == ["Prompt has no outputs"]
    (other,) = refusal(WORKFLOW, Refused(500, "<html> no\n</html>"))
    assert other == "It was refused: the server answered 500: <html> no </html>."


def test_the_command_starts_without_the_heavy_imports():
    program = (
        "import sys; import skyreels_core.cli.queue;"
        "print([name for name in ('torch', 'numpy', 'av', 'transformers') if name in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
