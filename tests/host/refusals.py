"""What a node says when it stops a prompt."""

from __future__ import annotations

from collections.abc import Iterator

from host_server import HostServer

from skyreels_core.queueing.client import Prompt


def refusal(server: HostServer, prompt: Prompt) -> str:
    """The sentence that a prompt ends with; nothing but an InputError may be raised."""
    before = len(server.log)
    ended = server.run(prompt)
    kind, message = ended["status"]["messages"][-1]
    assert kind == "execution_error", "the prompt ran"
    assert message["exception_type"].endswith("InputError"), message["exception_message"]
    assert all(name.endswith("InputError") for name in raised(server.log[before:]))
    return message["exception_message"]


def raised(log: str) -> Iterator[str]:
    """The exceptions of a log's tracebacks; of a chain the last."""
    for block in log.split("Traceback (most recent call last):")[1:]:
        if "direct cause of the following" not in block and "During handling of the above" not in block:
            ending = next(line for line in block.splitlines()[1:] if line and not line[0].isspace())
            yield ending.split(":")[0]
