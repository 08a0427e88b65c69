# SPDX-License-Identifier: ISC
"""Hosts that publish nothing; the walk over MX hosts; what STARTTLS may do to
us: rules P01 to P15."""
from mx_line import Gone

from case import SIGNED, UNSIGNED, Case, Host, Sts, bounced, delivered, held, one


def offer(rules, text, reason, **script):
    return Case(rules, text, held(reason, "pkix"), one("ok", **script))


def two(rules, text, first, want=None, **kw):
    return Case(rules, text, want or delivered("pkix", at="mx2"), (first, Host("mx2", 20)), **kw)


def says(starttls):
    return {"replies": {"STARTTLS": starttls}}


def cut_under_tls(session, line):
    if session.tls:
        raise Gone("at EHLO")
    return "250-mx\n250 STARTTLS"


STARTTLS = [
    offer("P06", "STARTTLS not offered", "starttls-not-supported", starttls="no"),
    offer("P05", "STARTTLS overwritten", "starttls-mangled", starttls="mangle"),
    offer("P06", "STARTTLS refused by 454", "starttls-refused", starttls="refuse"),
    offer("P06", "STARTTLS refused by 502", "starttls-refused", **says("502 5.5.1 no")),
    offer("P06", "STARTTLS refused by 554", "starttls-refused", **says("554 5.7.3 no")),
    offer("P06", "STARTTLS answered by 250", "starttls-refused", **says("250 2.0.0 ok")),
    offer("P06", "connection cut behind the 220", "tls-eof", starttls="close"),
    offer("P06", "no TLS behind the 220", "tls-alert", starttls="garbage"),
    offer("P04", "plaintext behind the 220", "starttls-injection", starttls="inject"),
    offer("P04", "a second reply behind the 220", "starttls-injection",
          **says("220 go\n250 2.1.0 sender ok")),
    offer("P06", "connection cut at STARTTLS", "connection-lost", drop=("STARTTLS",)),
    offer("P12", "TLS 1.1 at most", "tls-too-old", tls_max="TLSv1_1"),
    offer("P12", "TLS 1.0 at most", "tls-too-old", tls_max="TLSv1"),
    offer("P06", "HELO only, STARTTLS unknown", "starttls-not-supported",
          replies={"EHLO": "502 5.5.1 what?", "STARTTLS": "502 5.5.1 what?"}),
    Case("S42", "offer of STARTTLS stripped, but the command works: TLS all the same",
         delivered("pkix", keys={"tls": "TLSv1.3"}),
         one("ok", replies={"EHLO": ["250-%(name)s\n250 PIPELINING"]})),
    Case("P11", "TLS 1.2 at most", delivered("pkix", keys={"tls": "TLSv1.2"}),
         one("ok", tls_max="TLSv1_2")),
    Case("P11", "TLS 1.3", delivered("pkix", keys={"tls": "TLSv1.3"})),
    Case("P06", "banner 554", held("remote-deferred"),
         one("ok", replies={"BANNER": "554 5.3.2 not here"})),
    Case("P06", "connection cut at the banner", held("connection-lost"),
         one("ok", drop=("BANNER",))),
    Case("P06", "connection cut behind TLS, at EHLO",
         held("connection-lost"),
         one("ok", replies={"EHLO": cut_under_tls})),
    Case("P06", "EHLO refused under TLS", held("remote-deferred"),
         one("ok", replies={"EHLO": ["250-%(name)s\n250 STARTTLS", "502 5.5.1 what?"]})),
]


def cert(text, kind, reason=""):
    want = held(reason, "pkix") if reason else delivered("pkix")
    return Case("P11", text, want, one(kind))


MISMATCH = "certificate-host-mismatch"
CERT = [
    cert("certificate expired", "ok:expired", "certificate-expired"),
    cert("certificate of another name", "ok:other", MISMATCH),
    cert("certificate self-signed", "self:", "certificate-not-trusted"),
    cert("certificate of an unknown CA", "private:", "certificate-not-trusted"),
    cert("certificate with the name in its CN only", "ok:cn", MISMATCH),
    cert("certificate with a wildcard", "ok:wild"),
    cert("certificate with a partial wildcard", "ok:partial", MISMATCH),
    cert("certificate with a wildcard too high", "ok:wild2", MISMATCH),
    cert("certificate of the domain only", "ok:apex", MISMATCH),
    Case("P12", "RSA key of 1024 bits", held("tls-too-old", "pkix"),
         one("ok:small", tls_max="TLSv1_2")),
    Case("P11", "encryption only: self-signed will do", delivered("none"), one("self:"), lax=True),
    Case("P11", "encryption only: another name will do", delivered("none"), one("ok:other"),
         lax=True),
    Case("P11", "encryption only: expired will do", delivered("none"), one("ok:expired"),
         lax=True),
    Case("P11", "encryption only: no STARTTLS", held("starttls-not-supported", "none"),
         one("ok", starttls="no"), lax=True),
    Case("P04", "encryption only: plaintext behind the 220", held("starttls-injection", "none"),
         one("ok", starttls="inject"), lax=True),
]

WALK = [
    Case("P01", "null MX", bounced("null-mx"), (), zone=SIGNED, records=("@ MX 0 .",)),
    Case("P01", "null MX, unsigned", bounced("null-mx"), (), records=("@ MX 0 .",)),
    Case("P01", "null MX, though an address is there", bounced("null-mx"), (Host("@"),),
         records=("@ MX 0 .",)),
    Case("P01", "neither MX nor address", held("no-address"), ()),
    Case("P01", "implicit MX", delivered("pkix", at="@"), (Host("@"),)),
    Case("P01", "implicit MX, certificate of another name", held(MISMATCH, "pkix"),
         (Host("@", cert="ok:other"),)),
    Case("P14", "MX host without an address: no fall-back to the domain", held("no-address"),
         (Host("@"),), records=("@ MX 10 gone.%d.",)),
    Case("P14", "MX host with a multicast address", held("address-refused"), (),
         records=("@ MX 10 in", "in A 224.0.0.7")),
    Case("P14", "MX host with an unspecified address", held("address-refused"), (),
         records=("@ MX 10 in", "in A 0.0.0.0")),
    two("P01", "first host has no STARTTLS", Host(script={"starttls": "no"}),
        log="host mx.%d.*reason=starttls-not-supported"),
    two("P01", "first host refuses STARTTLS", Host(script={"starttls": "refuse"})),
    two("P01", "first host injects", Host(script={"starttls": "inject"})),
    two("P01", "first host expired", Host(cert="ok:expired"),
        log="host mx.%d.*reason=certificate-expired"),
    two("P01", "first host of another name", Host(cert="ok:other")),
    two("P01", "first host does not listen", Host(up=False)),
    two("P01", "first host without an address", Host("none", 30, up=False),
        records=("@ MX 5 gone.%d.",)),
    two("P01", "first host cuts at the banner", Host(script={"drop": ("BANNER",)})),
    two("P01", "first host says 421", Host(script={"replies": {"BANNER": "421 4.3.2 busy"}})),
    two("P01", "first host with TLS 1.1", Host(script={"tls_max": "TLSv1_1"})),
    two("P01", "first host's address look-up fails", Host(), faults={"mx A": "servfail"}),
    Case("P03", "both hosts fail, each is named in the log", held("certificate-expired"),
         (Host(cert="self:"), Host("mx2", 20, "ok:expired")),
         log="host mx.%d.*reason=certificate-not-trusted"),
    Case("D22", "the better preference is used, whatever the order of records",
         delivered("pkix", at="mx2"), (Host("mx", 20), Host("mx2", 10))),
    Case("D22", "three hosts, the middle one is the first that does",
         delivered("pkix", at="mx2"),
         (Host(cert="self:"), Host("mx2", 20), Host("mx3", 30))),
    Case("P01", "MX host in another, unsigned domain", delivered("pkix"), (Host(far=True),),
         far=UNSIGNED),
    Case("P01", "MX host in another, signed domain without TLSA", delivered("pkix"),
         (Host(far=True),), far=SIGNED),
    Case("P03", "first host not listed, second without STARTTLS",
         held("starttls-not-supported", "sts"),
         (Host(), Host("mx2", 20, script={"starttls": "no"})), sts=Sts(mx=("mx2.%d",))),
]

CASES = STARTTLS + CERT + WALK
