# SPDX-License-Identifier: ISC
"""build: the private internet of all cases together, and what relayd must be
told about it."""
import internet
import relayd
from case import Case, Host, delivered
from certs import Shop, tlsa
from dnsfront import Front
from mx import Script, Sink
from policyhost import Answer, PolicyHost
from zones import txt

SENDER = "payroll@corp.example"


def fill(text, case):
    text = text.replace("%e", case.domain.split(".")[0])
    return text.replace("%d", case.domain).replace("%x", "x-" + case.domain)


class World:
    def __init__(self, cases, prefix=""):
        self.net = internet.Internet()
        self.net.web = PolicyHost(self.net.web.address)
        self.shop = Shop(self.net)
        self.cases = [Case("-", "the sender's own domain", delivered("pkix"))] + list(cases)
        self.port = self.net.port
        self.front = None
        for number, case in enumerate(self.cases):
            rule = case.rules.split()[0].lower()
            case.domain = "%s%s-%d.example" % (prefix, rule, number) if number else "corp.example"
            self._case(case)

    # ---- one case ----

    def _case(self, case):
        net = self.net
        tops = [net.dns.zone(case.domain, case.zone)]
        if case.far:
            tops.append(net.dns.zone("x-" + case.domain, case.far))
        tops += [net.dns.zone(label + "." + case.domain, s) for label, s in case.zones.items()]
        self.tops = sorted(tops, key=lambda z: -len(z.name))
        for host in case.hosts:
            self._host(case, host)
        for record in case.records:
            owner, kind, data = fill(record, case).replace("%p", str(self.port)).split(" ", 2)
            if data == "%self":
                data = self.last.tlsa()
            self._add(case, owner, kind, data)
        if case.sts is not None:
            self._sts(case, case.sts)

    def _add(self, case, owner, kind, data):
        """To the zone that is closest; an owner without a dot at its end is relative."""
        name = owner if owner.endswith(".") else owner + "." + case.domain + "."
        name = case.domain + "." if owner == "@" else name
        for zone in self.tops:
            if ("." + name).endswith("." + zone.name):
                zone.add(name, kind, data)
                return
        raise ValueError(name)

    def _host(self, case, host: Host):
        def full(label, far):
            return ("x-" if far else "") + case.domain if label == "@" else (
                "%s.%s%s" % (label, "x-" if far else "", case.domain))

        name, real = full(host.label, host.far), full(host.label, host.far)
        if host.label != "@":
            self._add(case, "@", "MX", "%d %s." % (host.pref, name))
        if host.alias:
            real = full(host.alias, host.alias_far)
            self._add(case, name + ".", "CNAME", real + ".")
        address = self.net.address()
        self._add(case, real + ".", "A", address)
        cert = self.shop.make(host.cert, name, case.domain)
        self.last = cert
        base = full(host.tlsa_at, host.alias_far or host.far) if host.tlsa_at else real
        for spec in host.tlsa:
            owner = "_%d._tcp.%s." % (self.port, base)
            self._add(case, owner, "TLSA", tlsa(spec, cert, self.shop, case.domain))
        if host.up:
            script = Script(**{"cert": cert, "name": name, **host.script})
            case.sinks[host.label] = Sink(address, self.port, script)

    def _sts(self, case, sts):
        where = "_mta-sts"
        if sts.txt_alias:
            self._add(case, where, "CNAME", "hosted-sts." + case.domain + ".")
            where = "hosted-sts"
        for record in sts.txt:
            data = txt(record) if isinstance(record, str) else " ".join(txt(r) for r in record)
            self._add(case, where, "TXT", data)
        if sts.alias:
            self._add(case, "mta-sts", "CNAME", "hoster." + case.domain + ".")
        owner = "hoster" if sts.alias else "mta-sts"
        if sts.address != "none":
            self._add(case, owner, "A", sts.address or self.net.web.address)
        self.policy(case, sts)

    def policy(self, case, sts):
        """What the policy host answers from now on; what it was asked stays known."""
        host = "mta-sts." + case.domain
        before = self.net.web.hosts.get(host)
        cert = self.shop.make(sts.cert, host, case.domain)
        new = self.net.web.host(host, cert, Answer(fill(sts.text(), case), **sts.answer))
        if before is not None:
            new.asked = before.asked

    # ---- all of them ----

    def start(self):
        self.net.start()
        address = str(self.net.net + 3)
        self.front = Front(address, (self.net.dns.address, self.net.dns.port))
        for case in self.cases:
            for what, how in case.faults.items():
                label, kind = what.split()
                label = "_%d._tcp.mx" % self.port if label == "tlsa" else label
                name = case.domain if label == "@" else label + "." + case.domain
                self.front.fail(name, kind, how)
        return self

    def stop(self):
        for case in self.cases:
            for sink in case.sinks.values():
                sink.close()
        if self.front is not None:
            self.front.stop()
        self.net.stop()

    def conf(self, lax):
        """Configuration for the relay that gets these cases."""
        rules, exceptions = [], []
        for case in self.cases:
            if case.lax != lax:
                continue
            if case.rule:
                rules.append({"domains": [case.domain], **case.rule})
            if case.exception:
                x = {"id": "EX-" + case.domain.split(".")[0], "domains": [case.domain],
                     "owner": "mail-ops", "reason": "a case of its own",
                     "expires": relayd.in_a_year(), **case.exception}
                if "hosts" in x:
                    x["hosts"] = [fill(h, case) for h in x["hosts"]]
                    if not x["domains"]:
                        del x["domains"]
                exceptions.append(x)
        return {
            "delivery": {"require": "encrypt"} if lax else {},
            "dns": {"forward": ["%s:%d" % (self.front.address, self.front.port)],
                    "timeout": "15s"},
            "sts": {"wait": "6s", "timeout": "8s"},
            "clients": [{"name": "loopback", "networks": ["127.0.0.0/8"]}],
            "limits": {"connects_per_minute": 1000, "messages": 1000},
            "destinations": rules,
            "exceptions": exceptions,
        }
