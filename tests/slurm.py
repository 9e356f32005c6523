"""A real Slurm of one node on this machine, without accounting, as long as a test wants it."""

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

DAEMONS = ("munged", "slurmctld", "slurmd")
SBIN = f"{os.environ['PATH']}{os.pathsep}/usr/sbin{os.pathsep}/usr/local/sbin"


def absent():
    """Why there can be no Slurm here; "" where there can."""
    if os.geteuid():
        return "Slurm's daemons are started as root"
    lacking = [name for name in DAEMONS if not shutil.which(name, path=SBIN)]
    return f"{lacking[0]} is not installed (Debian: slurm-wlm, munge)" if lacking else ""


def until(true, seconds=120.0, what="it"):
    """What `true()` returns, once it is true."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, f"{what} took more than {seconds:g} s"
        time.sleep(0.1)
    return found


class OneNode:
    """The daemons of a cluster; `environment` is that of its users."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.started = folder, []
        for name in ("spool", "state"):
            (folder / name).mkdir(parents=True)
        (folder / "slurm.conf").write_text(self.configuration(), encoding="utf-8")
        self.environment = {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": SBIN}

    def configuration(self):
        host, (control, node) = socket.gethostname(), free_ports(2)
        lines = {
            "ClusterName": "one",
            "SlurmctldHost": f"{host}(127.0.0.1)",
            "SlurmctldPort": control,
            "SlurmdPort": node,
            "SlurmUser": "root",
            "AuthType": "auth/munge",
            "AuthInfo": f"socket={self.folder}/munge.socket",
            "CredType": "cred/munge",
            "ProctrackType": "proctrack/pgid",
            "TaskPlugin": "task/none",
            "MpiDefault": "none",
            "KillWait": 5,
            "ReturnToService": 2,
            "SlurmctldPidFile": f"{self.folder}/slurmctld.pid",
            "SlurmdPidFile": f"{self.folder}/slurmd.pid",
            "SlurmctldLogFile": f"{self.folder}/slurmctld.log",
            "SlurmdLogFile": f"{self.folder}/slurmd.log",
            "SlurmdSpoolDir": f"{self.folder}/spool",
            "StateSaveLocation": f"{self.folder}/state",
            "SelectType": "select/cons_tres",
            "SelectTypeParameters": "CR_Core",
            "SchedulerType": "sched/builtin",
            "SchedulerParameters": "sched_interval=1,batch_sched_delay=0",
        }
        text = "".join(f"{key}={value}\n" for key, value in lines.items())
        cores = os.cpu_count()
        return f"{text}NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} State=UNKNOWN\n" + (
            "PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP\n"
        )

    def begin(self):
        """Start the daemons; AssertionError where they give no idle node."""
        key, socket_ = self.folder / "munge.key", self.folder / "munge.socket"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        self.folder.chmod(0o755)
        options = [f"--{name}-file={self.folder}/munged.{name}" for name in ("log", "pid", "seed")]
        self.start("munged", "--force", f"--key-file={key}", f"--socket={socket_}", *options)
        self.start("slurmctld", "-D")
        self.start("slurmd", "-D")
        until(lambda: "idle" in self.tell("sinfo", "--noheader", "--format=%T"), what="a node")

    def start(self, daemon, *arguments):
        command = [shutil.which(daemon, path=SBIN), *arguments]
        if daemon == "munged":
            command.insert(1, "--foreground")
        with (self.folder / f"{daemon}.out").open("ab") as out:
            env = {**os.environ, **self.environment}
            self.started.append(
                subprocess.Popen(command, env=env, stdout=out, stderr=out, start_new_session=True)
            )

    def kill_control(self):
        """As a machine that goes down would; it has written what it knows by now."""
        now, state = time.time(), self.folder / "state" / "job_state"
        until(lambda: state.is_file() and state.stat().st_mtime > now, what="its state")
        for process in self.started:
            if Path(process.args[0]).name == "slurmctld":
                process.kill()
                process.wait()

    def tell(self, *command):
        """What a command of Slurm's prints."""
        env = {**os.environ, **self.environment}
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        return done.stdout

    def end(self):
        """Cancel all jobs and stop the daemons."""
        self.tell("scancel", "--user=root")
        with suppress(AssertionError):
            until(lambda: not self.tell("squeue", "--noheader"), 15)
        for process in reversed(self.started):
            process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()


def free_ports(count):
    """Numbers of ports that nobody listens at."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    found = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return found
