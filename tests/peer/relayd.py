# SPDX-License-Identifier: ISC
"""relayd: runs the daemon under test with a configuration of its own in a
scratch folder, follows its log, and asks it through relayctl."""
import copy
import json
import os
import re
import signal
import subprocess
import time

import client
import proc

DELIVERY = re.compile(
    r"relayd/smtp\[\d+\]: (?P<qid>[^: ]+): to=<(?P<to>[^>]*)>, (?:orig_to=<[^>]*>, )?"
    r"relay=(?P<relay>[^,]*), .*?delay=(?P<delay>[^,]*), delays=(?P<delays>[^,]*), "
    r"dsn=(?P<dsn>[\d.]+), status=(?P<status>\w+) "
    r"\((?P<text>.*)\)(?P<keys>(?: [a-z_]+=\S+)*)\s*$"
)


class Delivery:
    """One line of the delivery log."""

    def __init__(self, m, line):
        self.__dict__.update(m.groupdict())
        self.line = line
        self.key = dict(k.split("=", 1) for k in m.group("keys").split())

    def get(self, key, default=""):
        return self.key.get(key, default)


def conf_text(value, depth=0):
    """libconfig text for a dict, list, string, number or truth value."""
    pad = "\t" * depth
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return '"%s"' % value.replace("\\", "\\\\").replace('"', '\\"')
    if isinstance(value, dict):
        inside = "".join(
            "%s%s = %s;\n" % (pad, k, conf_text(v, depth + 1)) for k, v in value.items()
        )
        return inside if depth == 0 else "{\n%s%s}" % (inside, "\t" * (depth - 1))
    if value and isinstance(value[0], dict):
        return "( %s )" % ", ".join(conf_text(v, depth + 1) for v in value)
    return "[ %s ]" % ", ".join(conf_text(v, depth + 1) for v in value)


def merge(base, more):
    """Deep: sections are merged, everything else replaced."""
    out = copy.deepcopy(base)
    for k, v in more.items():
        out[k] = (
            merge(out[k], v)
            if isinstance(v, dict) and isinstance(out.get(k), dict)
            else copy.deepcopy(v)
        )
    return out


class Relayd:
    """conf: what to change in the configuration below.  build: folder that
    holds relayd.bin."""

    def __init__(self, net=None, conf=None, scratch=None, listen=None, env=None):
        self.scratch = scratch or (net.scratch if net else proc.Scratch())
        self.path = self.scratch.dir("relayd")
        for folder in ("spool", "state", "run"):
            self.scratch.dir("relayd", folder, mode=0o700)
        self.log = os.path.join(self.path, "log")
        self.conf_path = os.path.join(self.path, "relayd.conf")
        self.socket = os.path.join(self.path, "run", "control.sock")
        self.env = dict(os.environ, **(env or {}))
        base = {
            "hostname": "relay.corp.example",
            "listen": listen or [{"address": "127.0.0.1:0"}],
            "clients": [{"name": "loopback", "networks": ["127.0.0.0/8"]}],
            "delivery": {"connect_timeout": "5s"},
            "queue": {"directory": os.path.join(self.path, "spool"), "min_free": "1M"},
            "state": {"directory": os.path.join(self.path, "state")},
            "control": {"socket": self.socket},
            "log": {"target": "stderr"},
        }
        if net is not None:
            base = merge(base, net.relayd())
        self.conf = merge(base, conf or {})
        self.process = None
        self.ports = []
        self.mark = 0
        self.write_conf()

    # ---- running it ----

    def write_conf(self, more=None, text=None):
        if more:
            self.conf = merge(self.conf, more)
        self.scratch.write(
            "relayd/relayd.conf", text if text is not None else conf_text(self.conf)
        )

    def program(self, name):
        path = os.path.join(proc.BUILD, "relayd.bin", name)
        if not os.path.exists(path):
            raise proc.Failed("%s is not built" % path)
        return self.scratch.program(path)

    def start(self, wait=True, timeout=30):
        self.mark = self.size()
        self.process = proc.Process(
            "relayd",
            [self.program("relayd"), "-F", "-f", self.conf_path],
            self.log,
            env=self.env,
            cwd=self.path,
        )
        if wait:
            self.wait_for(r"\]: ready\b", timeout, since=self.mark)
            self.ports = [
                int(p) for p in re.findall(r"listening on \S*:(\d+)\b", self.text(self.mark))
            ]
            if not self.ports:
                raise proc.Failed("relayd says ready but no port: " + self.process.said())
        return self

    @property
    def port(self):
        return self.ports[0]

    def stop(self, timeout=20):
        """SIGTERM; the exit status."""
        if self.process is None:
            return None
        status = self.process.stop(timeout)
        self.process = None
        return status

    def kill9(self):
        """SIGKILL to the parent and every role process."""
        pids = [self.process.pid] + self.children()
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.stop(timeout=5)
        self.process = None
        proc.until("all of relayd gone", lambda: not any(alive(p) for p in pids), 10)

    def reload(self):
        os.kill(self.process.pid, signal.SIGHUP)

    def children(self):
        try:
            with open(
                "/proc/%d/task/%d/children" % (self.process.pid, self.process.pid),
                encoding="ascii",
            ) as f:
                return [int(p) for p in f.read().split()]
        except (FileNotFoundError, ProcessLookupError):
            return []

    def role(self, name):
        """pid of the smtp or policy process, or None."""
        for pid in self.children():
            try:
                with open("/proc/%d/cmdline" % pid, "rb") as f:
                    words = f.read().decode(errors="replace").split("\0")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if (
                name in words
                or "-R" + name in words
                or any(w.endswith(": " + name) for w in words)
            ):
                return pid
        return None

    def check(self, path=None):
        """relayd -n, by the user it runs as."""
        uid, gid = proc.unprivileged()
        drop = {"user": uid, "group": gid, "extra_groups": []} if os.getuid() == 0 else {}
        return subprocess.run(
            [self.program("relayd"), "-n", "-f", path or self.conf_path],
            capture_output=True,
            text=True,
            check=False,
            **drop,
        )

    # ---- its log ----

    def size(self):
        return os.path.getsize(self.log) if os.path.exists(self.log) else 0

    def text(self, since=0):
        if not os.path.exists(self.log):
            return ""
        with open(self.log, "rb") as f:
            f.seek(since)
            return f.read().decode("utf-8", "backslashreplace")

    def wait_for(self, pattern, timeout=15, since=None, need_alive=True):
        """Until the log since then (default: the last start) matches."""
        since = self.mark if since is None else since
        try:
            return proc.until(
                "log line /%s/" % pattern,
                lambda: re.search(pattern, self.text(since)),
                timeout,
                process=self.process if need_alive else None,
            )
        except proc.Failed as e:
            raise proc.Failed(
                "%s\n--- log ---\n%s" % (str(e).split(": ")[0], self.text(since)[-3000:])
            ) from None

    def complaints(self):
        """What only a bug can have said: sanitizers, failed assertions."""
        found = re.findall(
            r"(?m)^.*(?:ERROR: \w+Sanitizer|runtime error:|relayd: bug:|SUMMARY: ).*$", self.text()
        )
        return found

    def deliveries(self, since=0, **want):
        """Lines of the delivery log, oldest first; want: field or key = value."""
        found = []
        for line in self.text(since).splitlines():
            m = DELIVERY.search(line)
            if m:
                d = Delivery(m, line)
                if all(getattr(d, k, d.get(k)) == v for k, v in want.items()):
                    found.append(d)
        return found

    def delivery(self, timeout=20, since=0, **want):
        """The first such line, waited for."""
        try:
            return proc.until(
                "delivery line %s" % want,
                lambda: self.deliveries(since, **want),
                timeout,
                process=self.process,
            )[0]
        except proc.Failed:
            raise proc.Failed(
                "no delivery line %s\n--- log ---\n%s" % (want, self.text(since)[-3000:])
            ) from None

    # ---- talking to it ----

    def client(self, port=None, **kw):
        return client.Client("127.0.0.1", port or self.port, **kw)

    def send(self, sender, recipients, content, **kw):
        return client.send("127.0.0.1", self.port, sender, recipients, content, **kw)

    def ctl(self, *words, check=False):
        """relayctl: (exit status, output)."""
        done = subprocess.run(
            [self.program("relayctl"), "-s", self.socket, *words],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        if check and done.returncode not in (0, 1):
            raise proc.Failed(
                "relayctl %s: %d %s" % (" ".join(words), done.returncode, done.stderr)
            )
        return done.returncode, done.stdout or done.stderr

    def queue(self):
        """The queue, one object a recipient."""
        _, out = self.ctl("queue", "list", "-j", check=True)
        rows = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
        return [row for row in rows if "id" in row]

    def wait_empty(self, timeout=30):
        proc.until(
            "empty queue", lambda: not self.queue(), timeout, pause=0.2, process=self.process
        )


def alive(pid):
    """A thread that is killed in the middle of a sync holds sockets and files a little longer
    than the first one, which is a zombie by then."""
    try:
        return any(state(pid, task) not in "ZX" for task in os.listdir("/proc/%d/task" % pid))
    except (FileNotFoundError, ProcessLookupError):
        return False


def state(pid, task):
    try:
        with open("/proc/%d/task/%s/stat" % (pid, task), encoding="ascii") as f:
            return f.read().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"


def strip_trace(data):
    """A delivered message without the Received fields that relays put on top;
    (trace, rest)."""
    m = re.match(rb"(?:(?:Received|Return-Path):[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*)*", data)
    return data[: m.end()], data[m.end() :]


def in_a_year():
    """An expiry date for exceptions."""
    return time.strftime("%Y-%m-%d", time.gmtime(time.time() + 360 * 86400))
