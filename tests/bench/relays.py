# SPDX-License-Identifier: ISC
"""relays: the three programs that are compared, each started and stopped in
the same way: Relay(bench, place).start(), .address, .group, .stop().  place
names its folder.

bench gives: scratch, sink_port, ca (path), dns, build, destinations, idle.
"""
import os
import re
import signal
import subprocess
import time

import measure
import proc


class Unavailable(Exception):
    """This relay cannot run here; the text says why."""


class Relay:
    name = None
    address = None

    def __init__(self, bench, place):
        self.bench = bench
        self.place = place
        self.dir = bench.scratch.dir(place)
        self.out = self.log = os.path.join(self.dir, "out")    # what it prints; what it logs
        self.group = measure.Group(place)
        self.popen = None

    def run(self, argv, user=True, env=None):
        with open(self.out, "ab") as out:
            self.popen = subprocess.Popen(self.group.command(argv, user), stdin=subprocess.DEVNULL,
                                          stdout=out, stderr=out, env=env, cwd=self.dir,
                                          start_new_session=True)
        self.group.top = self.popen.pid

    def alive(self):
        return self.popen.poll() is None

    def said(self, limit=3000):
        return measure.read(self.log)[-limit:]

    def listening(self, timeout=30):
        """Waits until the log names the address."""
        end = time.monotonic() + timeout
        while True:
            m = re.search(r"listening on ([0-9.]+:[0-9]+)", measure.read(self.log))
            if m:
                return m.group(1)
            if not self.alive() or time.monotonic() > end:
                raise Unavailable("%s did not start: %s" % (self.name, self.said().strip()))
            time.sleep(0.05)

    def stop(self):
        if self.popen is None:
            return
        left = self.group.pids()
        if self.alive():
            os.kill(self.popen.pid, signal.SIGTERM)
            try:
                self.popen.wait(15)
            except subprocess.TimeoutExpired:
                self.popen.kill()
        self.popen.wait()
        end = time.monotonic() + 5
        while self.group.path and self.group.pids() and time.monotonic() < end:
            time.sleep(0.05)
        left = self.group.pids() if self.group.path else left
        for pid in left:
            try:
                if self.group.path:
                    os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.1)
        measure.reap_orphans({p.pid for p in proc.Process.all})
        self.group.close()


class Pipe(Relay):
    name = "pipe"

    def start(self):
        b = self.bench
        self.run([b.tool("pipe"), "-l", "127.0.0.1:0", "-q", os.path.join(self.dir, "queue"), "-A", b.ca,
                  "-o", "%s:%d" % (b.sink_address, b.sink_port), "-d", str(b.destinations)])
        self.address = self.listening()


class Relayd(Relay):
    name = "relayd"
    CONF = """hostname = "relay.bench.example";
drain = "5s";
listen = ( { address = "127.0.0.1:0"; } );
limits = { sessions = %(sessions)d; sessions_per_client = %(sessions)d;
           connects_per_minute = 100000; messages = 0; };
delivery = { require = "verify"; ca_file = "%(ca)s"; port = %(port)d;
             allow_addresses = [ "127.0.0.0/8" ]; };
queue = { directory = "%(dir)s/queue"; };
state = { directory = "%(dir)s/state"; };
dns = { forward = [ "%(dns)s" ]; trust_anchor = "%(anchor)s"; };
control = { socket = "%(dir)s/control.sock"; };
log = { target = "file"; file = "%(dir)s/mail.log"; };
"""

    def start(self):
        b = self.bench
        if not os.access(b.relayd, os.X_OK):
            raise Unavailable("no %s" % b.relayd)
        for part in ("queue", "state"):
            b.scratch.dir(self.place, part, mode=0o700)
        conf = b.scratch.write(self.place + "/relayd.conf", self.CONF % {
            "sessions": b.idle + 200, "ca": b.ca, "port": b.sink_port, "dir": self.dir,
            "dns": "%s:%d" % (b.dns.address, b.dns.port), "anchor": b.dns.anchor})
        self.run([b.scratch.program(b.relayd), "-F", "-f", conf])
        self.log = os.path.join(self.dir, "mail.log")
        try:
            self.address = self.listening()
        except Unavailable as e:
            raise Unavailable("%s\n%s" % (e, measure.read(self.out)[-3000:])) from e


class Postfix(Relay):
    """Debian's package, unpacked, in a mount namespace of its own in which
    /etc and /usr/lib show its files: the machine stays untouched."""

    name = "postfix"
    UID, GID, DROP = 60990, 60990, 60991
    FOLDERS = (("incoming active deferred bounce defer flush saved trace corrupt hold private", 0o700, GID),
               ("maildrop", 0o730, DROP), ("public", 0o710, DROP))
    MAIN = """compatibility_level = 3.6
queue_directory = %(dir)s/spool
data_directory = %(dir)s/data
command_directory = %(root)s/usr/sbin
daemon_directory = /usr/lib/postfix/sbin
shlib_directory = /usr/lib/postfix
maillog_file = %(dir)s/mail.log
maillog_file_prefixes = %(dir)s
mail_owner = postfix
setgid_group = postdrop
myhostname = relay.bench.example
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
alias_database =
local_recipient_maps =
local_transport = error:none here
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_client_message_rate_limit = 0
smtpd_client_recipient_rate_limit = 0
smtpd_tls_security_level = none
in_flow_delay = 0
default_process_limit = 200
max_use = 10000
initial_destination_concurrency = 100
default_destination_concurrency_limit = 100
qmgr_message_active_limit = 50000
qmgr_message_recipient_limit = 50000
smtp_dns_support_level = disabled
smtp_host_lookup = native
transport_maps = texthash:/etc/postfix/transport
smtp_tls_security_level = secure
smtp_tls_secure_cert_match = nexthop
smtp_tls_CAfile = %(ca)s
smtp_tls_connection_reuse = yes
smtp_tls_session_cache_database = btree:%(dir)s/data/smtp_scache
smtp_connection_cache_destinations = static:all
smtp_connection_cache_time_limit = 5s
"""
    MASTER = """127.0.0.1:%(port)d inet n - n - %(smtpd)d smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
showq unix n - n - - showq
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
tlsproxy unix - - n - 0 tlsproxy
postlog unix-dgram n - n - 1 postlogd
"""
    # $1 the unpacked tree, $2 our /etc; a mount namespace is already private here.
    ENTER = """mount -t overlay overlay -o "lowerdir=$1/usr/lib:/usr/lib" /usr/lib &&
mount -t overlay overlay -o "lowerdir=$2:/etc" /etc &&
exec /usr/lib/postfix/sbin/master -d -c /etc/postfix"""

    def start(self):
        b = self.bench
        if os.getuid() != 0:
            raise Unavailable("Postfix needs root")
        root = self.fetch()
        etc = b.scratch.dir(self.place, "etc")
        port = proc.free_port(("127.0.0.1",))
        values = {"dir": self.dir, "root": root, "ca": b.ca, "port": port, "smtpd": b.idle + 100}
        self.write_etc(etc, values)
        self.make_spool()
        self.run(["unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", self.ENTER, "sh",
                  root, etc], user=False, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"})
        self.log = os.path.join(self.dir, "mail.log")
        self.address = "127.0.0.1:%d" % port
        end = time.monotonic() + 20
        while not proc.answers("127.0.0.1", port):
            if not self.alive() or time.monotonic() > end:
                raise Unavailable("postfix did not start: %s%s" % (
                    self.said(), measure.read(self.out)))
            time.sleep(0.05)

    def fetch(self):
        done = subprocess.run([os.path.join(proc.HERE, "fetch-servers"), proc.SERVERS, "postfix"],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Unavailable("no Postfix: " + (done.stderr.strip() or "fetch-servers failed"))
        return self.bench.scratch.tree(os.path.join(proc.SERVERS, "root"))

    def write_etc(self, etc, values):
        def write(name, text):
            path = os.path.join(etc, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="ascii") as f:
                f.write(text)
            os.chown(path, 0, 0)
        b = self.bench
        os.chown(etc, 0, 0)
        write("passwd", "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n"
              "postfix:x:%d:%d::/:/bin/false\n" % (self.UID, self.GID))
        write("group", "root:x:0:\nnogroup:x:65534:\npostfix:x:%d:\npostdrop:x:%d:\n" % (self.GID, self.DROP))
        write("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\nservices: files\n")
        write("hosts", "127.0.0.1 localhost relay.bench.example\n" + "".join(
            "%s %s\n" % (b.host(i), b.mx(i)) for i in range(b.destinations)))
        write("postfix/main.cf", self.MAIN % values)
        write("postfix/master.cf", self.MASTER % values)
        write("postfix/transport", "".join(
            "%s smtp:[%s]:%d\n" % (b.domain(i), b.mx(i), b.sink_port) for i in range(b.destinations)))
        write("postfix/dynamicmaps.cf", "")

    def make_spool(self):
        spool = os.path.join(self.dir, "spool")
        for path in (spool, os.path.join(spool, "pid"), os.path.join(self.dir, "data")):
            os.makedirs(path, mode=0o755)
        os.chown(os.path.join(self.dir, "data"), self.UID, self.GID)
        os.chown(self.dir, 0, 0)
        for names, mode, gid in self.FOLDERS:
            for name in names.split():
                path = os.path.join(spool, name)
                os.mkdir(path)
                os.chown(path, self.UID, gid)
                os.chmod(path, mode)


ALL = (Relayd, Postfix, Pipe)
