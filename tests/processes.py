"""Real processes of the harness, with the outputs that users' terminals, logs and pipes give."""

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
ENCODINGS = ["ascii", "latin-1", "cp1252"]
SINKS = {  # as a shell would say it
    "closed": 'exec "$@" >&- 2>&-',
    "full": 'exec "$@" >/dev/full 2>/dev/full',
    "reader gone": '{ sleep 0.1; "$@"; echo $? >&3; } 2>&1 | true',
}


def environment(**more):
    """This one's variables, with the repository's code first, and `more`."""
    return {**os.environ, "PYTHONPATH": str(REPOSITORY), **more}


def run(module, *arguments, folder=None, **options):
    """`python -m module arguments` to its end; its two outputs are text."""
    command = [sys.executable, "-m", module, *arguments]
    env = environment(**options.pop("env", {}))
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
    return subprocess.run(command, cwd=folder, env=env, check=False, **options)


def status_into(sink, module, *arguments, folder=None, **env):
    """Exit status of a command whose stdout and stderr are a sink of SINKS."""
    command = ["bash", "-c", SINKS[sink], "bash", sys.executable, "-m", module, *arguments]
    told, tell = os.pipe()
    done = subprocess.run(
        ["bash", "-c", f'exec 3>&{tell}; exec "$@"', "bash", *command],
        cwd=folder,
        env=environment(**env),
        pass_fds=[tell],
        check=False,
    )
    os.close(tell)
    with os.fdopen(told) as stream:
        return int(stream.read() or done.returncode)
