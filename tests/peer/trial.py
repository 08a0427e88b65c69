# SPDX-License-Identifier: ISC
"""trial: mail for every destination of a World, and what became of it, judged.
The demo shows it, tests/system/10-policy counts it."""
import time

import proc
import relayd
import world


class Trial:
    def __init__(self, earth, daemon):
        self.world = earth
        self.net = earth.net
        self.relayd = daemon
        self.sent = {}
        self.secrets = [world.SENDER.encode()]
        self.fate = {}

    def sending(self, d, text, mark):
        self.sent[d.domain] = text
        self.secrets += [mark, d.recipient.encode()]

    def collect(self, timeout=45):
        """Waits until each destination's fate is in the delivery log."""
        end = time.monotonic() + timeout
        for d in self.world.all:
            wanted = {"status": d.expect} if d.expect == world.SENT else {}
            try:
                self.fate[d.domain] = self.relayd.delivery(
                    max(1, end - time.monotonic()), to=d.recipient, **wanted
                )
            except proc.Failed:
                seen = self.relayd.deliveries(to=d.recipient)
                self.fate[d.domain] = seen[-1] if seen else None
            if d.expect == world.SENT and d.real():
                self.arrived(d, wait=10)

    def arrived(self, d, wait=0):
        """What reached its mailbox (or the sink of a legacy host)."""
        end = time.monotonic() + wait
        while True:
            if d.real():
                got = [
                    m.data
                    for m in self.net.mail()
                    if m.recipient == d.recipient and m.sender == world.SENDER
                ]
            else:
                got = [
                    m.data
                    for h in d.hosts
                    for m in h.sink.messages()
                    if d.recipient in m.recipients
                ]
            if got or time.monotonic() >= end:
                return got
            time.sleep(0.05)

    def reports(self, wait=15):
        """Delivery reports that reached the sender."""
        end = time.monotonic() + wait
        while True:
            got = [
                m.data for m in self.net.mail() if m.recipient == world.SENDER and m.sender == ""
            ]
            if got or time.monotonic() >= end:
                return got
            time.sleep(0.05)

    def verdicts(self):
        """(good, text) for every promise."""
        for d in self.world.all:
            yield from self._fate(d)
            if d.expect == world.SENT:
                yield from self._content(d)
            yield from self._silence(d)
        reports = self.reports()
        yield len(
            reports
        ) == 1, "one non-delivery report for nomail.example reached the sender (%d)" % len(reports)
        for r in reports[:1]:
            yield b"report-type=delivery-status" in r.replace(
                b'"', b""
            ), "it is a delivery status report"
            yield b"accounts.nomail@nomail.example" in r, "it names the recipient"

    def _fate(self, d):
        f = self.fate.get(d.domain)
        yield f is not None and f.status == d.expect, "%s (%s; %s): %s%s" % (
            d.domain,
            d.publishes,
            d.server,
            d.expect,
            ""
            if f and f.status == d.expect
            else ", but the log says " + (f.line if f else "nothing"),
        )
        if f is None:
            return
        for key, want in (("reason", d.reason), ("policy", d.policy)):
            got = f.get(key, "-")
            if want:
                yield got == want, "%s: %s=%s%s" % (
                    d.domain,
                    key,
                    want,
                    "" if got == want else ", but the log says " + f.line,
                )

    def _content(self, d):
        got = self.arrived(d)
        yield len(got) == 1, "%s got one copy (%d)" % (d.domain, len(got))
        yield any(
            relayd.strip_trace(g)[1] == self.sent.get(d.domain) for g in got
        ), "%s got its mail byte for byte" % d.domain

    def _silence(self, d):
        for host in d.rogues():
            told = host.sink.envelope()
            yield not told, "%s saw no envelope%s" % (host.name, ": " + told[0][2] if told else "")
            seen = host.sink.leaked(*self.secrets)
            yield not seen, "%s saw no content%s" % (host.name, ": %r" % seen[0] if seen else "")
