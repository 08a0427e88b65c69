# SPDX-License-Identifier: ISC
"""proc: scratch folders, free ports and child processes of a test.

Every process started here ends with the test: it is stopped by its own pid,
and the kernel kills it should the test itself be killed.  When the test runs
as root, children run as an unprivileged user.
"""
import atexit
import ctypes
import os
import random
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(ROOT, os.environ.get("B", "build"))
SERVERS = os.path.join(ROOT, "build", "servers")
NOBODY = 65534
PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True)


class Failed(Exception):
    """The kit could not do what the test needs (not: a check failed)."""


def unprivileged():
    """(uid, gid) that children run as."""
    return (NOBODY, NOBODY) if os.getuid() == 0 else (os.getuid(), os.getgid())


def _reachable(path):
    """May the unprivileged user walk to this path?"""
    if os.getuid() != 0:
        return True
    path = os.path.realpath(path)
    while True:
        if not os.stat(path).st_mode & 0o001:
            return False
        if path == "/":
            return True
        path = os.path.dirname(path)


def _volatile(path):
    """Is this folder in memory?  relayd refuses to keep a queue there."""
    best, kind = "", ""
    with open("/proc/self/mounts", encoding="utf-8", errors="replace") as f:
        for line in f:
            _, where, fstype = line.split(" ")[:3]
            inside = (path + "/").startswith(where.rstrip("/") + "/")
            if inside and len(where) >= len(best):
                best, kind = where, fstype
    return kind in ("tmpfs", "ramfs")


def _temporary():
    """The folder for scratch folders: TMPDIR, or the first that is on a disk."""
    if os.environ.get("TMPDIR"):
        return os.environ["TMPDIR"]
    for path in ("/tmp", "/var/tmp"):
        if os.access(path, os.W_OK | os.X_OK) and not _volatile(os.path.realpath(path)):
            return path
    return "/var/tmp"


def _copy_program(source, path):
    """By a process of its own: what we write ourselves is open, for a moment, in whatever another
    thread starts, and a program that somebody writes cannot be started (ETXTBSY)."""
    subprocess.run(["cp", "-p", source, path], check=True)


class Scratch:
    """A temporary folder, given to the unprivileged user, removed at exit."""

    def __init__(self, name="relayd"):
        self.path = tempfile.mkdtemp(prefix=name + "-", dir=_temporary())
        os.chmod(self.path, 0o755)
        if os.getuid() == 0:
            os.chown(self.path, *unprivileged())
        self.keep = bool(os.environ.get("KEEP"))
        atexit.register(self.close)

    def close(self):
        if self.path and not self.keep:
            shutil.rmtree(self.path, ignore_errors=True)
        self.path = None

    def dir(self, *parts, mode=0o755):
        path = os.path.join(self.path, *parts)
        os.makedirs(path, exist_ok=True)
        os.chmod(path, mode)
        if os.getuid() == 0:
            os.chown(path, *unprivileged())
        return path

    def write(self, name, text, mode=0o644):
        path = os.path.join(self.path, name)
        with open(path, "w" if isinstance(text, str) else "wb") as f:
            f.write(text)
        os.chmod(path, mode)
        if os.getuid() == 0:
            os.chown(path, *unprivileged())
        if mode & 0o111:
            _copy_program(path, path + ".new")
            os.rename(path + ".new", path)
        return path

    def program(self, path):
        """A path of this program that the unprivileged user can run."""
        if _reachable(path):
            return path
        copy = os.path.join(self.dir("bin"), os.path.basename(path))
        if not os.path.exists(copy):
            _copy_program(path, copy + ".new")
            os.rename(copy + ".new", copy)
        return copy

    def script(self, path):
        """The same for a program of the kit that imports its neighbours."""
        return os.path.join(self.tree(os.path.dirname(path)), os.path.basename(path))

    def tree(self, path):
        """The same for a whole folder."""
        if _reachable(path):
            return path
        copy = os.path.join(self.path, os.path.basename(path))
        if not os.path.exists(copy):
            shutil.copytree(path, copy, symlinks=True, ignore=shutil.ignore_patterns("doc", "man"))
        return copy


def free_port(addresses=("0.0.0.0",), kinds=(socket.SOCK_STREAM,)):
    """A port that is free on all these addresses.  Taken from below the range
    the kernel gives to outgoing connections, so that none can grab it."""
    for _ in range(200):
        port = random.randint(20000, 32000)
        held = []
        try:
            for a in addresses:
                for k in kinds:
                    s = socket.socket(socket.AF_INET, k)
                    held.append(s)
                    s.bind((a, port))
            return port
        except OSError:
            continue
        finally:
            for s in held:
                s.close()
    raise Failed("no free port")


def _child_setup():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """One child.  Its output goes to a file."""

    all = []

    def __init__(self, name, argv, output, env=None, cwd=None, stdin=subprocess.DEVNULL):
        uid, gid = unprivileged()
        drop = {"user": uid, "group": gid, "extra_groups": []} if os.getuid() == 0 else {}
        self.name = name
        self.output = output
        with open(output, "ab") as out:
            self.popen = subprocess.Popen(
                argv,
                stdin=stdin,
                stdout=out,
                stderr=out,
                env=env,
                cwd=cwd,
                start_new_session=True,
                preexec_fn=_child_setup,
                **drop
            )
        self.pid = self.popen.pid
        Process.all.append(self)

    def alive(self):
        return self.popen.poll() is None

    def said(self, limit=2000):
        with open(self.output, "rb") as f:
            return f.read()[-limit:].decode("utf-8", "replace")

    def kill(self, sig=signal.SIGKILL):
        if self.alive():
            os.kill(self.pid, sig)

    def wait(self, timeout):
        try:
            return self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            return None

    def stop(self, timeout=10, sig=signal.SIGTERM):
        """Ends it, and whatever it left behind in its own process group."""
        self.kill(sig)
        status = self.wait(timeout)
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        self.popen.wait()
        if self in Process.all:
            Process.all.remove(self)
        return status


@atexit.register
def stop_all():
    for p in list(reversed(Process.all)):
        try:
            p.stop(timeout=3)
        except OSError:
            pass


def _on_term(signum, frame):
    raise SystemExit(128 + signum)


def end_politely():
    """SIGTERM and SIGINT end a test through its exit handlers."""
    signal.signal(signal.SIGTERM, _on_term)
    signal.signal(signal.SIGINT, _on_term)


def until(what, test, timeout=10, pause=0.02, process=None):
    """Waits until test() is true; its value.  Fails, with words, after timeout
    or when the process it depends on has ended."""
    end = time.monotonic() + timeout
    while True:
        value = test()
        if value:
            return value
        if process is not None and not process.alive():
            raise Failed("%s: %s ended early: %s" % (what, process.name, process.said()))
        if time.monotonic() > end:
            raise Failed(
                "%s: not within %g s%s"
                % (what, timeout, ": " + process.said() if process is not None else "")
            )
        select.select([], [], [], pause)


def answers(address, port):
    """Does somebody accept TCP connections there?"""
    try:
        socket.create_connection((address, port), 1).close()
        return True
    except OSError:
        return False
