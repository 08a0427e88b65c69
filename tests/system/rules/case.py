# SPDX-License-Identifier: ISC
"""case: what a case of tests/system/12-rules is made of.

In every text "%d" stands for the case's domain and "%x" for its far domain, a
second one with a zone state of its own."""
from dataclasses import dataclass, field

from zones import BOGUS, EXPIRED, SIGNED, STRANGER, UNSIGNED  # noqa: F401


@dataclass
class Host:
    """A mail host.  label "@": the domain itself, without an MX record.
    cert: see certs.Shop.  tlsa: see certs.tlsa.  script: keywords of mx.Script.
    far: in the far domain.  alias: the name is a CNAME to this label
    (alias_far: in the far domain).  tlsa_at: owner label of the TLSA records.
    up: does anybody listen there?  listed: has it an MX record?"""

    label: str = "mx"
    pref: int = 10
    cert: str = "ok"
    tlsa: tuple = ()
    script: dict = field(default_factory=dict)
    far: bool = False
    alias: str = ""
    alias_far: bool = False
    tlsa_at: str = ""
    up: bool = True


@dataclass
class Sts:
    """An MTA-STS policy.  body: instead of the usual text.  txt: the records;
    a tuple is one record of several strings.  answer: keywords of
    policyhost.Answer.  alias: the policy host is a CNAME."""

    mode: str = "enforce"
    mx: tuple = ("mx.%d",)
    age: str = "86400"
    body: str = ""
    txt: tuple = ("v=STSv1; id=20250101;",)
    answer: dict = field(default_factory=dict)
    cert: str = "ok"
    alias: bool = False
    txt_alias: bool = False
    address: str = ""

    def text(self):
        if self.body:
            return self.body
        lines = ["version: STSv1", "mode: " + self.mode]
        lines += ["mx: " + m for m in self.mx] + ["max_age: " + self.age, ""]
        return "\r\n".join(lines)


@dataclass
class Want:
    """status of the delivery log; at: label of the host that gets the mail;
    clear: without TLS; keys: further words of the log line."""

    status: str
    reason: str = ""
    policy: str = ""
    at: str = ""
    clear: bool = False
    copies: int = 1
    keys: dict = field(default_factory=dict)

    def __str__(self):
        word = {"sent": "delivered", "deferred": "held"}.get(self.status, self.status)
        more = [w for w in (self.reason, self.policy) if w]
        more += ["%s=%s" % kv for kv in self.keys.items()]
        return "%s%s" % (word, " (%s)" % ", ".join(more) if more else "")


def delivered(policy, at="mx", **kw):
    return Want("sent", "", policy, at, **kw)


def held(reason, policy="", **kw):
    """And no host of the case may see an envelope."""
    return Want("deferred", reason, policy, **kw)


def bounced(reason, **kw):
    return Want("bounced", reason, **kw)


@dataclass
class Case:
    """zone, far: states of its two domains.  zones: further zone cuts below its
    domain, label to state.  faults: "label TYPE" to a fault of dnsfront; "tlsa"
    stands for the owner of mx's TLSA records.  rule, exception: for the
    configuration.  log: what the log must say besides.  lax: to the relay whose
    delivery.require is encrypt.  literal: addressed to its first host's address."""

    rules: str
    text: str
    want: Want
    hosts: tuple = (Host(),)
    sts: object = None
    zone: str = UNSIGNED
    far: str = ""
    zones: dict = field(default_factory=dict)
    faults: dict = field(default_factory=dict)
    records: tuple = ()  # further ones: "owner TYPE data"
    rule: dict = field(default_factory=dict)
    exception: dict = field(default_factory=dict)
    log: str = ""
    lax: bool = False
    literal: bool = False
    domain: str = ""
    sinks: dict = field(default_factory=dict)

    @property
    def recipient(self):
        if self.literal:
            return "accounts@[%s]" % next(iter(self.sinks.values())).address
        return "accounts@" + self.domain

    def __str__(self):
        return "%s %s: %s" % (self.rules, self.text, self.want)


def one(cert="ok", *tlsa, **script):
    """One host: its certificate, TLSA records and what it does."""
    return (Host(cert=cert, tlsa=tlsa, script=script),)


def dane(*tlsa, cert="ok", **script):
    return one(cert, *tlsa, **script)
