"""What went wrong with a job, in the server's words and with the node's name."""

from __future__ import annotations

from typing import Any

from .client import Refused
from .workflow import Workflow

LONGEST = 600  # characters


def refusal(workflow: Workflow, error: Refused) -> list[str]:
    """Of a prompt that was not queued."""
    answer = error.answer if isinstance(error.answer, dict) else {}
    if problems := left_out(workflow, answer):
        return problems
    if isinstance(reason := answer.get("error"), dict):
        node = (reason.get("extra_info") or {}).get("node_id")
        return [f"Node {workflow.describe(node)}: {joined(reason)}" if node else joined(reason)]
    if error.status == 413:
        return ["A file is larger than the server takes; start it with a larger --max-upload-size (MB)."]
    return [f"It was refused: {error}."]


def left_out(workflow: Workflow, answer: dict[str, Any]) -> list[str]:
    """Of the nodes that do not pass the server's checks."""
    errors = answer.get("node_errors") or {}
    return [
        f"Node {workflow.describe(node)}: {joined(error)}"
        for node, entry in errors.items()
        for error in entry["errors"]
    ]


def ended_with(workflow: Workflow, entry: dict[str, Any]) -> list[str]:
    """Of a prompt that ran; none if it was completed."""
    status = entry.get("status") or {}
    if status.get("status_str") != "error":
        return []
    messages = dict(status["messages"])
    if error := messages.get("execution_error"):
        return [f"Node {workflow.describe(error['node_id'])}: {brief(error['exception_message'])}"]
    if error := messages.get("execution_interrupted"):
        return [f"It was interrupted on the server at node {workflow.describe(error['node_id'])}."]
    return ["The server ended this job without a reason."]


def of_files(error: OSError) -> str:
    return f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror or error}."


def joined(error: dict[str, Any]) -> str:
    """Message and details, without what one repeats of the other."""
    message, details = str(error.get("message", "")), str(error.get("details", ""))
    return brief(message if details in message else f"{message.rstrip('.')}: {details}")


def brief(text: str) -> str:
    return " ".join(text.split())[:LONGEST]
