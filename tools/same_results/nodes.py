"""Nodes as a host describes them: ids, sockets, the order of fields, what they take and start from."""

from __future__ import annotations

import json
from typing import Any

from .context import Context
from .findings import Findings

TEXTS = ("tooltip", "display_name", "placeholder")  # may be reworded


def described(context: Context) -> Findings:
    """Every node's inputs and outputs in their order; more of them at the end are additions."""
    found: Findings = {}
    for node_id, node in context.open_host().nodes().items():
        kinds = node["input_order"]
        required, optional = (kinds.get(kind, []) for kind in ("required", "optional"))
        found[f"{node_id}: inputs"] = [*required, *optional]
        found[f"{node_id}: needed inputs"] = json.dumps(required)
        found[f"{node_id}: outputs"] = [
            f"{name} {kind} {is_list}"
            for name, kind, is_list in zip(
                node["output_name"], node["output"], node["output_is_list"], strict=True
            )
        ]
        found[f"{node_id}: hidden, saves"] = json.dumps([kinds.get("hidden", []), node["output_node"]])
        for kind in ("required", "optional"):
            for name, spec in node["input"].get(kind, {}).items():
                found |= of_input(f"{node_id}.{name}", spec)
    return found


def of_input(name: str, spec: list[Any]) -> Findings:
    kind, options = spec[0], dict(spec[1]) if len(spec) > 1 else {}
    choices = kind if isinstance(kind, list) else options.pop("options", None)
    told = {key: value for key, value in options.items() if key not in TEXTS}
    found: Findings = {
        name: f"{'COMBO' if isinstance(kind, list) else kind} {json.dumps(told, sort_keys=True)}"
    }
    return found if choices is None else found | {f"{name}: choices": [str(choice) for choice in choices]}
