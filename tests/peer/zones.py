# SPDX-License-Identifier: ISC
"""zones: the DNS of a private internet, root included: NSD serves signed,
unsigned, expired and broken zones; ldns-signzone signs them (ECDSA P-256).

A resolver forwards to it: NSD answers from the nearest zone it has, and a DS
question from the parent's, so every chain of trust can be followed.
"""
import base64
import os
import re
import subprocess
import time

import proc

SIGNED, UNSIGNED, BOGUS, EXPIRED, STRANGER = "signed", "unsigned", "bogus", "expired", "stranger"


class Zone:
    """One zone.  state:
    signed    valid DNSSEC
    unsigned  an insecure delegation
    bogus     signatures that do not verify
    expired   signatures whose time is over
    stranger  signed, but the parent vouches for another key
    """

    def __init__(self, name, state=SIGNED, ttl=60):
        self.name = name.rstrip(".") + "."
        self.state = state
        self.ttl = ttl
        self.records = []
        self.ds = None

    def add(self, owner, rtype, data):
        """owner is relative to the zone, or absolute with a dot; "@" its top."""
        if owner == "@":
            owner = self.name
        elif not owner.endswith("."):
            owner = owner + "." + self.name.lstrip(".")
        self.records.append((owner, rtype, data))
        return self

    def text(self):
        lines = [
            "%s %d IN SOA ns.example. hostmaster.example. %d 3600 900 86400 %d"
            % (self.name, self.ttl, int(time.time()), self.ttl),
            "%s %d IN NS ns.example." % (self.name, self.ttl),
        ]
        lines += ["%s %d IN %s %s" % (o, self.ttl, t, d) for o, t, d in self.records]
        return "\n".join(lines) + "\n"


def txt(text):
    """TXT record data for a text of any length."""
    parts = [text[i : i + 255] for i in range(0, len(text), 255)] or [""]
    return " ".join('"%s"' % p.replace("\\", "\\\\").replace('"', '\\"') for p in parts)


def _run(argv, cwd):
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise proc.Failed("%s: %s%s" % (argv[0], done.stderr, done.stdout))
    return done.stdout.strip()


def _break(text):
    """Flips a bit in every signature over data other than the zone's keys."""

    def flip(m):
        raw = bytearray(base64.b64decode(m.group(2)))
        raw[7] ^= 1
        return m.group(1) + base64.b64encode(raw).decode()

    return re.sub(
        r"(?m)^(\S+\s+\d+\s+IN\s+RRSIG\s+(?!DNSKEY).*\s)([A-Za-z0-9+/]+=*)\s*$", flip, text
    )


class Dns:
    """The authoritative server.  zone() adds zones, start() signs and serves."""

    def __init__(self, scratch, servers, address):
        self.scratch = scratch
        self.servers = servers
        self.address = address
        self.port = None
        self.zones = {}
        self.process = None
        self.path = scratch.dir("dns")
        self.anchor = os.path.join(self.path, "root.key")
        self.keys = {}
        self.zone(".")
        self.zone("example.").add("ns", "A", address)

    def zone(self, name, state=SIGNED):
        z = Zone(name, state)
        self.zones[z.name] = z
        return z

    def drop(self, name):
        self.zones.pop(name.rstrip(".") + ".", None)

    def _parent(self, zone):
        labels = zone.name.split(".")
        for i in range(1, len(labels) - 1):
            up = ".".join(labels[i:])
            if up in self.zones:
                return self.zones[up]
        return self.zones["."]

    def _file(self, zone, suffix=""):
        return os.path.join(
            self.path, (zone.name if zone.name != "." else "root.") + "zone" + suffix
        )

    def _key(self, zone, what="key"):
        if (zone.name, what) not in self.keys:
            self.keys[zone.name, what] = _run(
                ["ldns-keygen", "-r", "/dev/urandom", "-a", "ECDSAP256SHA256", "-k", zone.name],
                self.path,
            )
        return self.keys[zone.name, what]

    def _read(self, name):
        with open(os.path.join(self.path, name), encoding="ascii") as f:
            return f.read()

    def _sign(self, zone, extra):
        plain = self._file(zone)
        with open(plain, "w", encoding="ascii") as f:
            f.write(zone.text() + extra)
        if zone.state == UNSIGNED:
            return
        key = self._key(zone)
        shift = -40 * 86400 if zone.state == EXPIRED else 0
        now = int(time.time())
        _run(
            [
                "ldns-signzone",
                "-i",
                str(now - 86400 + shift),
                "-e",
                str(now + 14 * 86400 + shift),
                "-o",
                zone.name,
                "-f",
                plain + ".signed",
                plain,
                key,
            ],
            self.path,
        )
        zone.ds = self._read(key + ".ds")
        if zone.state == STRANGER:
            zone.ds = self._read(self._key(zone, "stranger") + ".ds")
        text = self._read(plain + ".signed")
        with open(plain, "w", encoding="ascii") as f:
            f.write(_break(text) if zone.state == BOGUS else text)

    def build(self):
        """Signs all zones, children first, because parents carry their DS."""
        extra = {name: "" for name in self.zones}
        for zone in sorted(
            self.zones.values(),
            key=lambda z: -len(z.name.rstrip(".").split(".")) if z.name != "." else 1,
        ):
            self._sign(zone, extra[zone.name])
            if zone.name == ".":
                continue
            up = self._parent(zone).name
            extra[up] += "%s %d IN NS ns.example.\n" % (zone.name, zone.ttl)
            if zone.state != UNSIGNED:
                extra[up] += zone.ds
        with open(self.anchor, "w", encoding="ascii") as f:
            f.write(self._read(self._key(self.zones["."]) + ".key"))

    def _configure(self):
        lines = [
            "server:",
            "  ip-address: %s@%d" % (self.address, self.port),
            "  server-count: 1",
            '  username: ""',
            '  chroot: ""',
            '  database: ""',
            '  zonesdir: "%s"' % self.path,
            '  pidfile: ""',
            '  zonelistfile: "%s/zone.list"' % self.path,
            '  xfrdfile: "%s/xfrd.state"' % self.path,
            '  xfrdir: "%s"' % self.path,
            "  verbosity: 1",
            "  rrl-ratelimit: 0",
            "remote-control:",
            "  control-enable: no",
        ]
        for zone in self.zones.values():
            lines += ["zone:", '  name: "%s"' % zone.name, '  zonefile: "%s"' % self._file(zone)]
        return self.scratch.write("dns/nsd.conf", "\n".join(lines) + "\n")

    def start(self, build=True):
        import socket

        if build:
            self.build()
        if self.port is None:
            self.port = proc.free_port((self.address,), (socket.SOCK_STREAM, socket.SOCK_DGRAM))
        conf = self._configure()
        _own(self.path)
        self.process = proc.Process(
            "nsd",
            [self.servers.program("nsd"), "-d", "-c", conf],
            os.path.join(self.path, "log"),
            env=self.servers.env(),
        )
        proc.until(
            "the DNS server",
            lambda: proc.answers(self.address, self.port),
            20,
            process=self.process,
        )

    def stop(self):
        if self.process is not None:
            self.process.stop()
            self.process = None

    def reload(self):
        """After a change of zones: the same address and port, fresh answers."""
        self.stop()
        self.start()


def _own(path):
    """Files made by root, in the hands of the server's user."""
    if os.getuid() == 0:
        for name in os.listdir(path):
            os.chown(os.path.join(path, name), *proc.unprivileged())
