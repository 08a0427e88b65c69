# SPDX-License-Identifier: ISC
"""fault: a daemon whose file calls fail, stop short or are written down as a
test says, at any moment, while it runs.  The other side of control.h.

	control = Control(scratch, spool)
	daemon = relayd.Relayd(net, conf, env=control.env())
	control.arm(("WRITE", "SYNC"), errno.EIO, after=7)
	...
	control.disarm(); control.failed
"""
import mmap
import os
import shutil
import struct

import proc

CALLS = ("OPEN", "READ", "WRITE", "SYNC", "SIZE", "UNLINK", "RENAME", "CLOSE", "MEMORY")
FIELDS = ("calls", "error", "left", "run", "counted", "failed", "bytes", "interrupt", "lie")
FOREVER = 1 << 40
TRACE_BYTES = 64 << 20


class Control:
    """below: the folder whose files count.  library: hook.so, or oom.so."""

    def __init__(self, scratch, below, trace=False, library="hook.so"):
        built = os.path.join(proc.BUILD, "torture", library)
        if not os.path.exists(built):
            raise proc.Failed("%s is not built" % built)
        self.path = scratch.dir("torture")
        shutil.copy(built, self.path)
        self.library = os.path.join(self.path, library)
        self.map = self.mapped(scratch, "control", 2 * mmap.PAGESIZE)
        self.map[8 * len(FIELDS) : 8 * len(FIELDS) + len(below)] = below.encode()
        self.trace = self.mapped(scratch, "trace", TRACE_BYTES) if trace else None

    @staticmethod
    def mapped(scratch, name, size):
        path = scratch.write("torture/" + name, b"", mode=0o600)
        os.truncate(path, size)
        with open(path, "r+b") as f:
            return mmap.mmap(f.fileno(), size)

    def env(self):
        return {
            "LD_PRELOAD": self.library,
            "RELAYD_CRASHES_MAX": "1000000",
            # A sanitized daemon wants its own library first, but takes this.
            "ASAN_OPTIONS": "verify_asan_link_order=0:" + os.environ.get("ASAN_OPTIONS", ""),
        }

    def __getattr__(self, name):
        if name not in FIELDS:
            raise AttributeError(name)
        return struct.unpack_from("=q", self.map, 8 * FIELDS.index(name))[0]

    def put(self, **fields):
        for name, value in fields.items():
            struct.pack_into("=q", self.map, 8 * FIELDS.index(name), value)

    def arm(self, calls, error, after=0, run=1):
        """The call behind the next so many of these fails, and run of them in a row."""
        self.disarm()
        self.put(error=error, left=after, run=run, counted=0, failed=0)
        self.put(calls=sum(1 << CALLS.index(c) for c in calls))

    def disarm(self):
        self.put(calls=0)

    def lines(self):
        """The trace so far, as lists of words."""
        n = struct.unpack_from("=q", self.trace, 0)[0]
        if n > TRACE_BYTES - 8:
            raise proc.Failed("the trace is full")
        text = self.trace[8 : 8 + n].decode(errors="replace")
        return [line.split() for line in text.splitlines()]
