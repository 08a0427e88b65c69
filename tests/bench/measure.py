# SPDX-License-Identifier: ISC
"""measure: what a relay costs, and what the tallies of load and sink say.

CPU and processes of a relay come from a control group of its own where this
machine lets us make one (version 2, no controller needed); otherwise from its
process tree.  Memory is the sum of proportional shares (PSS), so that pages
that a hundred processes share count once.
"""
import ctypes
import os
import re
import struct
import threading
import time

import proc

HEAD = ("slots", "distinct", "total", "stray", "connections", "handshakes", "resumed", "open",
        "lost_connections", "clear")
HEAD_SIZE = 8 * len(HEAD)
TICK = os.sysconf("SC_CLK_TCK")


class Tally:
    """Reads what tally.h describes."""

    def __init__(self, path):
        self.path = path

    def head(self):
        with open(self.path, "rb") as f:
            return dict(zip(HEAD, struct.unpack("<%dQ" % len(HEAD), f.read(HEAD_SIZE))))

    def rows(self, first, count):
        with open(self.path, "rb") as f:
            f.seek(HEAD_SIZE + 16 * first)
            return list(struct.iter_unpack("<QQ", f.read(16 * count)))


def read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return f.read()
    except OSError:
        return ""


class Group:
    """The processes of one relay."""

    def __init__(self, name):
        self.path = None
        self.top = None
        for line in read("/proc/self/mounts").splitlines():
            _, where, kind = line.split()[:3]
            if kind != "cgroup2":
                continue
            mine = re.search(r"(?m)^0::(.*)$", read("/proc/self/cgroup"))
            path = os.path.join(where + (mine.group(1) if mine else ""), "bench-%s-%d" % (name, os.getpid()))
            try:
                os.mkdir(path)
                self.path = path
                read_usage(path)
            except (OSError, ValueError):
                self.close()
                self.path = None

    def command(self, argv, user=True):
        """argv as it must be run to end up in the group, unprivileged, not to outlive us."""
        drop = []
        if user and os.getuid() == 0:
            uid, gid = proc.unprivileged()
            drop = ["--reuid=%d" % uid, "--regid=%d" % gid, "--clear-groups"]
        argv = ["setpriv", *drop, "--pdeathsig=KILL", *argv]
        if self.path is None:
            return argv
        return ["/bin/sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', self.path] + argv

    def pids(self):
        if self.path is not None:
            return [int(p) for p in read(self.path + "/cgroup.procs").split()]
        return tree(self.top) if self.top else []

    def cpu(self):
        """Seconds of all of them so far, those that have ended included."""
        if self.path is not None:
            return read_usage(self.path)
        total = 0
        for pid in self.pids():
            fields = read("/proc/%d/stat" % pid).rpartition(")")[2].split()
            total += sum(int(v) for v in fields[11:15])
        return total / TICK

    def memory(self):
        """Bytes, now."""
        total = 0
        for pid in self.pids():
            m = re.search(r"(?m)^Pss:\s+(\d+) kB", read("/proc/%d/smaps_rollup" % pid))
            total += int(m.group(1)) * 1024 if m else 0
        return total

    def close(self):
        if self.path is None:
            return
        try:
            os.rmdir(self.path)
        except OSError:
            pass


def read_usage(path):
    m = re.search(r"(?m)^usage_usec (\d+)", read(path + "/cpu.stat"))
    if m is None:
        raise ValueError("no cpu.stat")
    return int(m.group(1)) / 1e6


def tree(top):
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            fields = read("/proc/%s/stat" % name).rpartition(")")[2].split()
            if fields:
                parents.setdefault(int(fields[1]), []).append(int(name))
    found, todo = [], [top]
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += parents.get(pid, [])
    return found


def adopt_orphans():
    """What a relay leaves behind comes to us: see reap_orphans()."""
    pr_set_child_subreaper = 36
    ctypes.CDLL(None).prctl(pr_set_child_subreaper, 1, 0, 0, 0)


def reap_orphans(known):
    """Collects ended children of ours that nobody waits for; known: pids that have a waiter."""
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) not in known:
            fields = read("/proc/%s/stat" % name).rpartition(")")[2].split()
            if fields and fields[0] == "Z" and int(fields[1]) == os.getpid():
                os.waitpid(int(name), os.WNOHANG)


class Peak:
    """Samples the memory of a group until told to stop."""

    def __init__(self, group, every=0.5):
        self.group = group
        self.every = every
        self.most = 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            self.most = max(self.most, self.group.memory())
            if self.over.wait(self.every):
                return

    def stop(self):
        self.over.set()
        self.thread.join()
        return max(self.most, self.group.memory())


def percentile(values, share):
    """values sorted; None if there are none."""
    return values[min(len(values) - 1, int(len(values) * share))] if values else None


def machine():
    """One line about the machine."""
    cpu = re.search(r"(?m)^model name\s*:\s*(.*)$", read("/proc/cpuinfo"))
    mem = re.search(r"MemTotal:\s+(\d+)", read("/proc/meminfo"))
    name = re.search(r'(?m)^PRETTY_NAME="?([^"\n]*)', read("/etc/os-release"))
    return "%d cores (%s), %d GiB, Linux %s, %s" % (
        os.cpu_count(), cpu.group(1) if cpu else "?", round(int(mem.group(1)) / 2**20) if mem else 0,
        os.uname().release.split("-")[0], name.group(1) if name else "?")


def sync_cost(folder, size=80 * 1024, times=50):
    """Milliseconds that one append of 20 messages and fdatasync takes here."""
    path = os.path.join(folder, "sync")
    fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    data = b"x" * size
    start = time.monotonic()
    for _ in range(times):
        os.write(fd, data)
        os.fdatasync(fd)
    took = (time.monotonic() - start) / times
    os.close(fd)
    os.unlink(path)
    return took * 1000
