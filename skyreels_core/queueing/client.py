"""ComfyUI's HTTP API and its websocket, as far as a batch needs them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import uuid4

import requests
import websocket

from ..errors import InputError

CONNECT, ANSWER = 10, 60  # seconds
GATEWAY_ERRORS = (502, 503, 504)  # a proxy's answer while the server behind it is away
LOOPBACK = ("localhost", "127.0.0.1", "::1")
CHUNK = 1 << 20  # bytes

Prompt = dict[str, dict[str, Any]]  # a workflow in API format, by node id


class Unreachable(Exception):
    """No answer: the server is away, or the way to it. It may come back."""


class Refused(Exception):
    """An answer that is an error, as the server gave it."""

    def __init__(self, status: int, answer: Any):
        super().__init__(f"the server answered {status}: {' '.join(str(answer).split())[:200]}")
        self.status, self.answer = status, answer


@dataclass(frozen=True)
class File:
    """A file in one of the server's folders."""

    filename: str
    subfolder: str = ""
    type: str = "output"  # or "temp", "input"


class Client:
    """One client of one server. Every call raises Unreachable or Refused."""

    def __init__(self, address: str):
        self.url = base_url(address)
        self.id = uuid4().hex
        self.session = requests.Session()
        # a proxy of the environment cannot reach this machine's own ports
        self.session.trust_env = urlsplit(self.url).hostname not in LOOPBACK

    def version(self) -> str:
        return self.ask("GET", "/system_stats")["system"]["comfyui_version"]

    def node_info(self, class_type: str) -> dict[str, Any] | None:
        """What the server tells about a class of nodes; None for one it does not have."""
        return self.ask("GET", f"/object_info/{quote(class_type, safe='')}").get(class_type)

    def queue(self, prompt: Prompt, prompt_id: str | None = None) -> dict[str, Any]:
        """The server's answer: `prompt_id`, and `node_errors` of the outputs that it left out."""
        order = {"prompt": prompt, "client_id": self.id, "prompt_id": prompt_id or str(uuid4())}
        return self.ask("POST", "/prompt", json=order)

    def queued(self) -> tuple[set[str], set[str]]:
        """Ids of the prompts that run, and of those that wait."""
        answer = self.ask("GET", "/queue")
        running, pending = ({item[1] for item in answer[f"queue_{kind}"]} for kind in ("running", "pending"))
        return running, pending

    def history(self, prompt_id: str) -> dict[str, Any] | None:
        """`outputs` by node and `status` of a prompt that has ended."""
        return self.ask("GET", f"/history/{prompt_id}").get(prompt_id)

    def drop(self, prompt_ids: set[str]) -> None:
        """Take prompts out of the queue, running or not. Those of others stay."""
        self.ask("POST", "/queue", json={"delete": sorted(prompt_ids)})
        for prompt_id in self.queued()[0] & prompt_ids:
            self.ask("POST", "/interrupt", json={"prompt_id": prompt_id})

    def size(self, file: File) -> int | None:
        """Bytes of a file of the server; None where there is no such file."""
        try:
            with self.call("HEAD", "/view", params=vars(file)) as response:
                return int(response.headers.get("Content-Length", 0))
        except Refused:
            return None

    def upload(self, path: Path, file: File) -> None:
        form = {"subfolder": file.subfolder, "type": file.type, "overwrite": "true"}
        with path.open("rb") as content:
            self.ask("POST", "/upload/image", data=form, files={"image": (file.filename, content)})

    def download(self, file: File) -> Iterator[bytes]:
        with self.call("GET", "/view", params=vars(file), stream=True) as response:
            missing = int(response.headers.get("Content-Length", 0))
            with reaching():
                for chunk in response.iter_content(CHUNK):
                    missing -= len(chunk)
                    yield chunk
        if missing > 0:
            raise Unreachable(f"{file.filename} was truncated")

    def ask(self, method: str, path: str, **options: Any) -> Any:
        with self.call(method, path, **options) as response:
            if not response.content:
                return None
            try:
                return response.json()
            except requests.JSONDecodeError as error:
                raise Refused(response.status_code, response.text) from error

    @contextmanager
    def call(self, method: str, path: str, **options: Any) -> Iterator[requests.Response]:
        # a redirected POST would arrive as a GET
        options = {"timeout": (CONNECT, ANSWER), "allow_redirects": False, **options}
        with reaching():
            response = self.session.request(method, self.url + path, **options)
        with response:
            if response.status_code in GATEWAY_ERRORS:
                raise Unreachable(f"{self.url} answered {response.status_code}")
            if response.status_code >= 300:
                raise Refused(response.status_code, answer_of(response))
            yield response

    @contextmanager
    def listen(self) -> Iterator[Socket]:
        """The server's messages to this client."""
        address = self.url.replace("http", "ws", 1) + f"/ws?clientId={self.id}"
        try:
            connection = websocket.create_connection(address, timeout=CONNECT, suppress_origin=True)
        except websocket.WebSocketBadStatusException as error:
            if error.status_code in GATEWAY_ERRORS:
                raise Unreachable(str(error)) from error
            raise Refused(error.status_code, "no websocket at /ws") from error
        except (websocket.WebSocketException, OSError) as error:
            raise Unreachable(str(error)) from error
        try:
            yield Socket(connection)
        finally:
            connection.close(timeout=1)


class Socket:
    def __init__(self, connection: websocket.WebSocket):
        self.connection = connection

    def event(self, seconds: float) -> dict[str, Any] | None:
        """The next message, None if none comes in time; a picture of a preview is an empty one."""
        self.connection.settimeout(seconds)
        try:
            message = self.connection.recv()
        except websocket.WebSocketTimeoutException:
            return None
        except (websocket.WebSocketException, OSError) as error:
            raise Unreachable(str(error)) from error
        return json.loads(message) if message and isinstance(message, str) else {}


@contextmanager
def reaching() -> Iterator[None]:
    try:
        yield
    except (requests.RequestException, ConnectionError) as error:
        raise Unreachable(str(error)) from error


def answer_of(response: requests.Response) -> Any:
    if response.is_redirect:
        return f"it has moved to {response.headers['Location']}"
    try:
        return response.json()
    except requests.JSONDecodeError:
        return response.text


def base_url(address: str) -> str:
    """`http://host:port` of an address; InputError if it is none."""
    url = address if "://" in address else f"http://{address}"
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise InputError(f"{address} is not the address of a server; give one such as http://127.0.0.1:8188.")
    return url.rstrip("/")
