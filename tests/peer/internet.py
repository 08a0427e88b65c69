# SPDX-License-Identifier: ISC
"""internet: a private internet on loopback, made of real parts: NSD with
signed and unsigned zones below a root of its own, nginx as MTA-STS policy
host, Exim and Postfix as receiving mail servers, and scripted servers (mx.Sink) for those
that misbehave.

Every mail host has an address of its own in 127/8 and all listen on one port,
because TLSA records name the port (RFC 7672 s2.2.3).

	net = Internet()
	net.domain("good.example").mx("mx").tlsa()
	net.domain("also.example").mx("mx", POSTFIX)
	rogue = net.domain("bad.example", zones.UNSIGNED).mx("mx", mx.Script(starttls="no"))
	net.start()
	... net.mail() ... rogue.sink.envelope()
"""
import ipaddress
import os
import random

import ca
import mx
import proc
import zones
from exim import Exim
from nginx import Nginx
from postfix import Postfix
from servers import Servers

# Who answers at a mail host, other than a Script of its own.
EXIM, POSTFIX, NOBODY = None, "postfix", False


class Host:
    """A mail host of a domain: an address record, and who answers there."""

    def __init__(self, domain, name, address, cert, script=None):
        self.domain = domain
        self.name = name
        self.address = address
        self.cert = cert
        self.script = script
        self.sink = None

    def tlsa(self, usage=3, selector=1, mtype=1, cert=None):
        """Publishes a TLSA record for it; of another certificate: a mismatch."""
        made = cert or self.cert
        if usage in (0, 2) and made.issuer is not None:
            made = made.issuer
        owner = "_%d._tcp.%s." % (self.domain.net.port, self.name)
        self.domain.zone.add(owner, "TLSA", made.tlsa(usage, selector, mtype))
        return self


class Domain:
    """A recipient domain: a zone with mail hosts and perhaps a policy."""

    def __init__(self, net, name, state):
        self.net = net
        self.name = name
        self.zone = net.dns.zone(name, state)
        self.hosts = []

    def mx(self, label="mx", script=None, cert=None, preference=10, implicit=False):
        """A mail host.  script: EXIM, POSTFIX, a Script, or NOBODY (the test
        itself answers there).  cert: default one by the trusted CA with the
        host's name."""
        name = self.name if implicit else "%s.%s" % (label, self.name)
        address = self.net.address()
        scripted = isinstance(script, mx.Script)
        cert = cert or (scripted and script.cert) or self.net.ca.issue(name)
        if scripted:
            script.cert = cert
            if script.name == "mx.test":
                script.name = name
        host = Host(self, name, address, cert, script)
        self.zone.add(name + ".", "A", address)
        if not implicit:
            self.zone.add("@", "MX", "%d %s." % (preference, name))
        self.hosts.append(host)
        self.net.hosts.append(host)
        return host

    def null_mx(self):
        self.zone.add("@", "MX", "0 .")
        return self

    def sts(self, mode="enforce", mx=None, text=None, cert=None, policy_id="1", max_age=86400):
        """Publishes an MTA-STS policy; mx: patterns, default its own hosts."""
        host = "mta-sts." + self.name
        if text is None:
            names = mx if mx is not None else [h.name for h in self.hosts]
            text = "version: STSv1\r\nmode: %s\r\n" % mode
            text += "".join("mx: %s\r\n" % n for n in names) + "max_age: %d\r\n" % max_age
        self.zone.add("_mta-sts", "TXT", zones.txt("v=STSv1; id=%s;" % policy_id))
        self.zone.add("mta-sts", "A", self.net.web.address)
        self.net.web.host(host, cert or self.net.ca.issue(host), text)
        return self


class Internet:
    def __init__(self, scratch=None):
        self.scratch = scratch or proc.Scratch()
        self.servers = Servers(self.scratch)
        # A corner of 127/8 of our own: tests run side by side.
        self.net = ipaddress.ip_address(
            "127.%d.%d.0" % (random.randint(16, 250), random.randint(1, 250))
        )
        self.next = 10
        self.port = proc.free_port()
        self.certs = self.scratch.dir("certs")
        self.ca = ca.CA(self.certs, "relayd-test-ca")
        self.dns = zones.Dns(self.scratch, self.servers, str(self.net + 1))
        self.web = Nginx(self.scratch, self.servers, str(self.net + 2))
        self.hosts = []
        self.domains = {}
        self.exim = self.postfix = None

    def address(self):
        self.next += 1
        return str(self.net + self.next)

    def private_ca(self, name, present=True):
        return ca.CA(self.certs, name, present)

    def self_signed(self, *names):
        return ca.self_signed(self.certs, *names)

    def domain(self, name, state=zones.SIGNED):
        d = Domain(self, name, state)
        self.domains[name] = d
        return d

    def start(self):
        for host in self.hosts:
            if isinstance(host.script, mx.Script) and host.sink is None:
                host.sink = mx.Sink(host.address, self.port, host.script)
        self.exim = self._real(Exim, EXIM)
        self.postfix = self._real(Postfix, POSTFIX)
        self.dns.start()
        if self.web.hosts:
            self.web.start()
        return self

    def _real(self, server, kind):
        hosts = {h.address: (h.name, h.cert) for h in self.hosts if h.script is kind}
        if not hosts:
            return None
        running = server(self.scratch, self.servers, hosts, self.port)
        running.start()
        return running

    def mail(self):
        """What the real servers delivered: .sender .recipient .data"""
        return [
            m for server in (self.exim, self.postfix) if server is not None for m in server.mail()
        ]

    def stop(self):
        for host in self.hosts:
            if host.sink is not None:
                host.sink.close()
        for part in (self.exim, self.postfix, self.web, self.dns):
            if part is not None:
                part.stop()
        self.scratch.close()

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.stop()

    def relayd(self):
        """What relayd's configuration has to say to live in this internet."""
        conf = {
            "delivery": {
                "port": self.port,
                "ca_file": self.ca.cert,
                "allow_addresses": ["127.0.0.0/8"],
            },
            "dns": {
                "forward": ["%s:%d" % (self.dns.address, self.dns.port)],
                "trust_anchor": self.dns.anchor,
            },
        }
        if self.web.port:
            conf["sts"] = {"port": self.web.port}
        return conf

    def logs(self):
        return {
            name: os.path.join(self.scratch.path, name)
            for name in ("dns", "nginx", "exim", "postfix")
        }
