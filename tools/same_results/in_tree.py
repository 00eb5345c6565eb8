"""Runs in a process that imports one tree: its commands, or what its parser makes of them.

python in_tree.py REQUEST RESPONSE, both JSON files. Imports nothing of the tools, whose folder it takes off the path.
"""

import argparse
import contextlib
import importlib
import io
import json
import sys
from pathlib import Path


class Parsed(BaseException):
    """Leaves a command once its words are parsed, past all that catches errors."""

    def __init__(self, parser):
        self.parser = parser


def leave_when_parsed():
    parse_args = argparse.ArgumentParser.parse_args

    def parse(self, args=None, namespace=None):
        parse_args(self, args, namespace)
        raise Parsed(self)

    argparse.ArgumentParser.parse_args = parse


def run(main, words):
    output, errors, options = io.StringIO(), io.StringIO(), {}
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        try:
            code = main(words)
        except Parsed as parsed:
            code, options = 0, options_of(parsed.parser)
        except SystemExit as left:  # --help and --version
            code = left.code or 0
    return {"code": code, "output": output.getvalue(), "errors": errors.getvalue(), "options": options}


def options_of(parser):
    """By command: of each option what it takes and what it is without being given."""
    (commands,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return {
        command: {name: described(action) for action in found._actions for name in names(action)}
        for command, found in commands.choices.items()
    }


def names(action):
    return action.option_strings or [action.dest]


def described(action):
    choices = None if action.choices is None else [str(choice) for choice in action.choices]
    kind = type(action).__name__.strip("_")
    return f"{kind} default={action.default} const={action.const} nargs={action.nargs} choices={choices} " + (
        f"required={action.required}"
    )


def main():
    request_path, response_path = sys.argv[1:]
    request = json.loads(Path(request_path).read_text(encoding="utf-8"))
    sys.path[:] = [place for place in sys.path if Path(place or ".").resolve() != Path(__file__).parent]
    module, _, function = request["entry"].partition(":")
    entry = importlib.import_module(module)
    if not Path(entry.__file__ or "").is_relative_to(request["tree"]):
        sys.exit(f"{module} was imported from {entry.__file__} instead of {request['tree']}.")
    if request["parse"]:
        leave_when_parsed()
    found = [run(getattr(entry, function), words) for words in request["commands"]]
    Path(response_path).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
