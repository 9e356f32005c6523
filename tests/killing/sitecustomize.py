"""Kills its whole process group at a change of files; every Python that is started loads this.

The environment says below which folder changes count (KILL_BELOW), where they are counted over all
processes (KILL_COUNT, a file of so many bytes), at which of them (KILL_AT) the group is killed, and
how many seconds after it (KILL_AFTER).
"""

import os
import signal
import sys
import threading

CHANGES = {"open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.symlink"}
BELOW, AT = os.environ["KILL_BELOW"] + os.sep, int(os.environ["KILL_AT"])
COUNT = os.open(os.environ["KILL_COUNT"], os.O_CREAT | os.O_APPEND | os.O_WRONLY)
AFTER = float(os.environ["KILL_AFTER"])


def kill():
    os.killpg(0, signal.SIGKILL)


def watch(event, arguments):
    if event not in CHANGES or not isinstance(arguments[0], str | os.PathLike):
        return
    if event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR):
        return
    path = os.path.abspath(arguments[0])
    if not path.startswith(BELOW) or "__pycache__" in path:
        return
    os.write(COUNT, b".")
    if os.fstat(COUNT).st_size == AT:
        if AFTER:
            threading.Timer(AFTER, kill).start()
        else:
            kill()


sys.addaudithook(watch)
