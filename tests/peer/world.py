# SPDX-License-Identifier: ISC
"""world: the destinations of the demo and of tests/system/10-policy: what each
publishes, who answers there, and what an honest relay must make of it."""
from dataclasses import dataclass, field

import internet
import relayd
from internet import POSTFIX
from mx import Script
from zones import BOGUS, EXPIRED, SIGNED, UNSIGNED

SENT, HELD, BOUNCED = "sent", "deferred", "bounced"
SENDER = "payroll@corp.example"


@dataclass
class Destination:
    """expect: status in the delivery log; policy, reason: its policy= and
    reason= words ("" = any)."""

    domain: str
    publishes: str
    server: str
    expect: str
    policy: str
    reason: str = ""
    clear: bool = False  # may be reached without TLS
    hosts: list = field(default_factory=list)

    @property
    def recipient(self):
        return "accounts." + self.domain.split(".")[0] + "@" + self.domain

    def rogues(self):
        """Its hosts that must never learn of a message."""
        return [h for h in self.hosts if h.sink is not None and not self.clear]

    def real(self):
        return [h for h in self.hosts if h.sink is None]


class World:
    """The private internet with all of them.  conf: what relayd must be told."""

    def __init__(self):
        self.net = internet.Internet()
        self.all = []
        self._dane()
        self._sts()
        self._neither()
        self._stripped()
        self._strangers()
        self._unsafe_dns()
        self.conf = {
            "exceptions": [
                {
                    "id": "EX-7",
                    "domains": ["fax.example"],
                    "allow": "plaintext",
                    "owner": "mail-ops",
                    "reason": "fax gateway, replaced in spring",
                    "expires": relayd.in_a_year(),
                }
            ],
            "destinations": [{"domains": ["bank.example"], "require": "dane"}],
        }

    def _add(self, state, *row, **kw):
        d = Destination(*row, **kw)
        self.all.append(d)
        z = self.net.domain(d.domain, state)
        d.hosts = z.hosts
        return z

    def _good(self, state, domain, publishes, server, policy, **kw):
        return self._add(state, domain, publishes, server, SENT, policy, **kw)

    def _rogue(self, state, domain, publishes, server, policy, reason, script=None):
        """With one mail host, which is returned."""
        z = self._add(state, domain, publishes, server, HELD, policy, reason)
        return z.mx("mx", script or Script())

    # ---- those that must get their mail ----

    def _dane(self):
        net, good = self.net, self._good
        z = good(SIGNED, "corp.example", "DANE-EE", "Postfix, the sender's own", "dane")
        z.mx("mx", POSTFIX).tlsa()
        z = good(SIGNED, "dane.example", "DANE-EE", "Exim, self-signed", "dane")
        z.mx("mx", cert=net.self_signed("mx.dane.example")).tlsa()
        z = good(SIGNED, "dane-ta.example", "DANE-TA", "Postfix, private CA", "dane")
        cert = net.private_ca("partner-ca").issue("mx.dane-ta.example")
        z.mx("mx", POSTFIX, cert).tlsa(2, 0, 1)
        z = good(SIGNED, "hosted.example", "DANE, its hoster's MX", "Exim of dane.example", "dane")
        z.zone.add("@", "MX", "10 mx.dane.example.")

    def _sts(self):
        net, good = self.net, self._good
        z = good(UNSIGNED, "sts.example", "MTA-STS enforce", "Exim", "sts")
        z.mx("mx")
        z.sts()
        z = good(UNSIGNED, "second.example", "MTA-STS, two MX", "1st expired, 2nd Postfix", "sts")
        z.mx("mx1", Script(cert=net.ca.issue("mx1.second.example", days=-5)), preference=10)
        z.mx("mx2", POSTFIX, preference=20)
        z.sts()
        z = good(UNSIGNED, "testing.example", "MTA-STS testing", "Postfix", "sts-testing")
        z.mx("mx", POSTFIX)
        z.sts(mode="testing")

    def _neither(self):
        good = self._good
        good(UNSIGNED, "quiet.example", "nothing", "Exim, good certificate", "pkix").mx("mx")
        z = good(
            UNSIGNED, "bare.example", "nothing, no MX record", "Exim, good certificate", "pkix"
        )
        z.mx(implicit=True)
        z = good(
            UNSIGNED, "fax.example", "nothing; exception EX-7", "no STARTTLS", "none", clear=True
        )
        z.mx("mx", Script(starttls="no"))
        row = ("nomail.example", "null MX", "nobody", BOUNCED, "", "null-mx")
        self._add(SIGNED, *row).null_mx()

    # ---- those that must learn nothing ----

    def _stripped(self):
        """TLS is taken away, broken or too weak."""
        rogue = self._rogue
        rogue(SIGNED, "stripped.example", "DANE-EE", "STARTTLS overwritten by XXXXXXXA",
              "dane", "starttls-mangled", Script(starttls="mangle")).tlsa()
        rogue(UNSIGNED, "plain.example", "MTA-STS enforce", "no STARTTLS",
              "sts", "starttls-not-supported", Script(starttls="no")).domain.sts()
        rogue(UNSIGNED, "refused.example", "nothing", "STARTTLS refused with 454",
              "pkix", "starttls-refused", Script(starttls="refuse"))
        rogue(UNSIGNED, "inject.example", "nothing", "plaintext slipped in after 220",
              "pkix", "starttls-injection", Script(starttls="inject"))
        rogue(UNSIGNED, "garbage.example", "nothing", "no TLS after 220",
              "pkix", "tls-alert", Script(starttls="garbage"))
        rogue(UNSIGNED, "oldtls.example", "nothing", "TLS 1.1 at most",
              "pkix", "tls-too-old", Script(tls_max="TLSv1_1"))

    def _strangers(self):
        """TLS with somebody else."""
        net, rogue = self.net, self._rogue
        rogue(UNSIGNED, "expired.example", "nothing", "certificate expired",
              "pkix", "certificate-expired",
              Script(cert=net.ca.issue("mx.expired.example", days=-5)))
        rogue(UNSIGNED, "wrongname.example", "nothing", "certificate of another name",
              "pkix", "certificate-host-mismatch",
              Script(cert=net.ca.issue("mx.elsewhere.example")))
        rogue(UNSIGNED, "selfsigned.example", "nothing", "certificate of no known CA",
              "pkix", "certificate-not-trusted",
              Script(cert=net.self_signed("mx.selfsigned.example")))
        rogue(UNSIGNED, "stscert.example", "MTA-STS enforce", "certificate of another name",
              "sts", "certificate-host-mismatch",
              Script(cert=net.ca.issue("mx.other.example"))).domain.sts()
        rogue(UNSIGNED, "stsmx.example", "MTA-STS enforce", "MX that its policy does not list",
              "sts", "sts-mx-mismatch").domain.sts(mx=["mail.stsmx.example"])
        rogue(SIGNED, "tlsa.example", "DANE-EE", "another key than TLSA says",
              "dane", "tlsa-mismatch").tlsa(cert=net.ca.issue("mx.tlsa.example"))

    def _unsafe_dns(self):
        """Nobody may be asked at all."""
        rogue = self._rogue
        rogue(BOGUS, "bogus.example", "broken DNSSEC signatures", "good certificate",
              "", "dnssec-invalid").tlsa()
        rogue(EXPIRED, "stale.example", "expired DNSSEC signatures", "good certificate",
              "", "dnssec-invalid").tlsa()
        rogue(SIGNED, "bank.example", "nothing; we demand DANE", "good certificate",
              "", "dane-required")

    def start(self):
        self.net.start()
        hosted = [d for d in self.all if d.domain == "hosted.example"][0]
        hosted.hosts = self.net.domains["dane.example"].hosts
        return self

    def stop(self):
        self.net.stop()
