"""Whether two versions of the code compute the same: frames, latents, nodes, options, files of older versions.

Before a change that must not alter a single number, keep the version before it in a folder of its own, and compare:

    git worktree add --detach ../before COMMIT
    python -m tools.same_results ../before --host ~/ComfyUI --host-python ~/ComfyUI/.venv/bin/python

Run it from the changed tree, in an environment with the package's dependencies. Without `--host` the probes that need
a ComfyUI are left out; COMFYUI_PATH and COMFYUI_PYTHON name it too. `--only commands nodes` runs some probes, `--list`
says what each compares, `--cache FOLDER` is where results of the old tree are kept: a second run computes those of the
new tree alone. A tree with changes that are not committed is computed every time.

Both trees run on this machine with one thread, and what they made is compared number by number. A row of the table is
one result: *equal*, *added* (allowed), *refused* (allowed where a probe asks for what may be refused), *differs* or
*missing*. Exit code 1: something differs, is missing, or failed.

Internal modules may move, so a tree is driven through what stays: the command of its project file, ComfyUI's API, and
files. Two helpers of its own tests are taken where they are: `humo_files.py` from both trees, and `families.py` from
the old one.
"""
