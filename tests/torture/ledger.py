# SPDX-License-Identifier: ISC
"""ledger: what was promised and what became of it.

Every letter goes to recipients of its own (r17@one.example), so that an
address alone says which letter it was: in the log of the sink, in the queue,
in the ledger.  A letter counts as promised when its 250 has been read.

	book = Ledger()
	load = Load(port, book, lambda number: ["one.example"], senders=8)
	...
	load.stop()
	missing = book.acked - set(sink.read()) - queued(daemon)
"""
import collections
import json
import os
import random
import re
import sys
import threading
import time

import proc
from client import Client, message

LARGE = 70000  # bytes: beyond what the queue keeps in a row
SMALL = 1000


class Sink:
    """mx.py in a process of its own; its log is what was delivered.  Several threads may read."""

    def __init__(self, net, host, name="sink"):
        self.lock = threading.Lock()
        self.path = os.path.join(net.scratch.dir(name), "delivered")
        self.seen = collections.Counter()
        self.at = 0
        want = {
            "address": host.address,
            "port": net.port,
            "cert": host.cert.chain,
            "key": host.cert.key,
            "log": self.path,
            "script": {"name": host.name},
        }
        self.process = proc.Process(
            name,
            [
                sys.executable,
                net.scratch.script(os.path.join(proc.HERE, "mx.py")),
                json.dumps(want),
            ],
            os.path.join(net.scratch.path, name, "log"),
        )
        proc.until(
            "the sink", lambda: proc.answers(host.address, net.port), 20, process=self.process
        )

    def read(self):
        """Recipient to number of copies, so far."""
        with self.lock:
            try:
                with open(self.path, "rb") as f:
                    f.seek(self.at)
                    data = f.read()
            except FileNotFoundError:
                return self.seen.copy()
            end = data.rfind(b"\n") + 1
            self.at += end
            for line in data[:end].splitlines():
                row = json.loads(line)
                assert row["tls"], row
                self.seen.update(row["to"])
            return self.seen.copy()

    def stop(self):
        self.process.stop()


class Ledger:
    """acked: recipients with a 250; maybe: sent whole, never answered; codes:
    every final answer, counted; odd: answers that must not be."""

    def __init__(self):
        self.lock = threading.Lock()
        self.acked = set()
        self.maybe = set()
        self.messages = 0
        self.codes = collections.Counter()
        self.odd = []
        self.number = 0

    def new(self):
        with self.lock:
            self.number += 1
            return self.number

    def promised(self):
        with self.lock:
            return set(self.acked)

    def post(self, c, number, domains, size=SMALL):
        """One letter on this session; the reply that decided, or None if there was none."""
        to = ["r%d@%s" % (number, d) for d in domains]
        text = letter(number, to[0], size)
        c.send("MAIL FROM:<a@corp.example>\r\n" + "".join("RCPT TO:<%s>\r\n" % t for t in to))
        replies = [c.reply() for _ in range(1 + len(to))]
        for r in replies:
            if r.code != 250:
                return self.note(r, ())
        r = c.cmd("DATA")
        if r.code != 354:
            return self.note(r, ())
        with self.lock:
            self.maybe.update(to)
        c.send(text + b".\r\n")
        return self.note(c.reply(), to)

    def note(self, r, to):
        with self.lock:
            self.codes[r.code] += 1
            if r.code == 250:
                self.acked.update(to)
                self.messages += 1
            elif not re.match(r"421 4\.|45[12] 4\.3\.", r):
                self.odd.append(str(r))
            self.maybe.difference_update(to)
        return r


def letter(number, to, size):
    line = b"line of a letter, number %d\r\n" % number
    return message("a@corp.example", to, ident="k%d" % number, body=line * (size // len(line) + 1))


class Load:
    """Clients that send as fast as they are answered, and come back after every loss of the
    connection.  domains: of a letter, by its number.  pause: set, nobody begins another."""

    def __init__(self, port, ledger, domains, senders=8, large_every=50):
        self.port, self.ledger, self.domains = port, ledger, domains
        self.large_every = large_every
        self.pause = threading.Event()
        self.end = threading.Event()
        self.busy = 0
        self.threads = [
            threading.Thread(target=self.client, args=(n,), daemon=True) for n in range(senders)
        ]
        for t in self.threads:
            t.start()

    def client(self, n):
        rng = random.Random(n)
        while not self.end.is_set():
            try:
                with Client("127.0.0.1", self.port, timeout=20) as c:
                    c.ehlo()
                    for _ in range(rng.randint(1, 40)):
                        if not self.one(c):
                            break
                    c.quit()
            except (OSError, EOFError):
                self.end.wait(0.02)

    def one(self, c):
        """False when the session is of no more use."""
        while self.pause.is_set() and not self.end.is_set():
            time.sleep(0.02)
        if self.end.is_set():
            return False
        number = self.ledger.new()
        size = LARGE if number % self.large_every == 0 else SMALL
        with self.ledger.lock:
            self.busy += 1
        try:
            return self.ledger.post(c, number, self.domains(number), size).code == 250
        finally:
            with self.ledger.lock:
                self.busy -= 1

    def stop(self, timeout=30):
        self.end.set()
        for t in self.threads:
            t.join(timeout)


def queued(daemon):
    """The recipients that wait."""
    return {row["recipient"] for row in daemon.queue()}


class Watch:
    """Memory, descriptors and WAL of a daemon, a few times a second."""

    def __init__(self, daemon, pause=0.25):
        self.daemon, self.pause = daemon, pause
        self.rows = []
        self.end = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.end.wait(self.pause):
            row = self.look()
            if row:
                self.rows.append(row)

    def look(self):
        process = self.daemon.process
        parent, smtp = process and process.pid, process and self.daemon.role("smtp")
        wal = os.path.join(self.daemon.conf["queue"]["directory"], "queue.db-wal")
        try:
            return {
                "parent KiB": memory(parent),
                "smtp KiB": memory(smtp),
                "parent fds": descriptors(parent),
                "smtp fds": descriptors(smtp),
                "WAL KiB": os.path.getsize(wal) // 1024,
            }
        except (OSError, TypeError, StopIteration):
            return None  # one of them is not there at this moment

    def most(self, what):
        return max((row[what] for row in self.rows), default=0)

    def stop(self):
        self.end.set()
        self.thread.join()


def memory(pid):
    with open("/proc/%d/status" % pid, encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))


def descriptors(pid):
    """0 where the kernel does not let us look."""
    try:
        return len(os.listdir("/proc/%d/fd" % pid))
    except PermissionError:
        return 0
