# SPDX-License-Identifier: ISC
"""Servers that mean harm or know no better, before mail may be shown to them,
and zones beyond all measure: C and P are the requirements on the outgoing
client and on the policy worker."""
from case import SIGNED, Case, Host, Sts, dane, delivered, held, one

LAST = b"250 STARTTLS\r\n"


def hostile(rules, text, reason="", **replies):
    return Case(rules, text, held(reason), one("ok", replies=replies))


def flood(session, line):
    return b"".join(b"250-line %d\r\n" % i for i in range(400)) + LAST


def later_only(reply):
    """In clear all is well; under TLS this reply."""

    def answer(session, line):
        return reply if session.tls else "250-mx\n250 STARTTLS"

    return answer


CLEAR = [
    hostile("C3", "banner line of 5000 octets", "protocol-error",
            BANNER=b"220 " + b"x" * 5000 + b"\r\n"),
    hostile("C3", "banner line of 70000 octets", "protocol-error",
            BANNER=b"220 " + b"x" * 70000 + b"\r\n"),
    hostile("C3", "EHLO reply of 400 lines", "protocol-error", EHLO=flood),
    hostile("C4", "banner of another protocol", "protocol-error",
            BANNER=b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    hostile("C4", "banner without a code", "protocol-error", BANNER=b"welcome to mx\r\n"),
    hostile("C4", "banner of binary rubbish", "protocol-error",
            BANNER=bytes(range(128, 256)) + b"\r\n"),
    hostile("C4", "banner with code 999", "protocol-error", BANNER=b"999 hello\r\n"),
    hostile("C4", "banner with code 250", "remote-deferred", BANNER=b"250 hello\r\n"),
    hostile("C4", "banner that asks for a password: 334", "remote-deferred", BANNER=b"334 \r\n"),
    hostile("C4", "EHLO reply that changes its code", "protocol-error",
            EHLO=b"250-mx\r\n220-PIPELINING\r\n250 STARTTLS\r\n"),
    hostile("C4", "EHLO answered twice", "protocol-error",
            EHLO=b"250-mx\r\n250 STARTTLS\r\n250 2.0.0 more\r\n"),
    hostile("C4", "EHLO answered together with MAIL and RCPT", "protocol-error",
            EHLO=b"250 mx\r\n220 go\r\n250 ok\r\n250 ok\r\n354 go\r\n250 ok\r\n"),
    hostile("C4", "banner and EHLO answered at once", "protocol-error",
            BANNER=b"220 mx\r\n250-mx\r\n250 STARTTLS\r\n"),
    hostile("C4", "banner, EHLO and STARTTLS answered at once", "protocol-error",
            BANNER=b"220 mx\r\n250-mx\r\n250 STARTTLS\r\n220 go ahead\r\n"),
    hostile("C4", "EHLO answered by 354", "remote-deferred", EHLO="354 go ahead"),
    hostile("C4", "EHLO answered by 221 and kept open", "remote-deferred", EHLO="221 2.0.0 bye"),
    hostile("C4", "EHLO answered by 421", "remote-busy", EHLO="421 4.3.2 busy"),
    hostile("C4", "EHLO and HELO answered by 550", "remote-deferred",
            EHLO="550 5.7.1 no", HELO="550 5.7.1 no"),
    hostile("C4", "STARTTLS answered by 220 in two lines with 250 between", "protocol-error",
            STARTTLS=b"220-go\r\n250 ok\r\n"),
    hostile("C4", "STARTTLS answered by 354", "starttls-refused", STARTTLS="354 go ahead"),
    hostile("C4", "STARTTLS answered by 235", "starttls-refused", STARTTLS="235 2.7.0 welcome"),
    hostile("C4", "STARTTLS answered by 334", "starttls-refused", STARTTLS="334 VXNlcm5hbWU6"),
    hostile("C4", "STARTTLS answered by 421", "remote-busy", STARTTLS="421 4.3.2 busy"),
    hostile("C4", "STARTTLS answered by rubbish", "protocol-error",
            STARTTLS=b"\x00\xff\xfe\r\n"),
    hostile("C4", "STARTTLS answered by an empty line", "protocol-error", STARTTLS=b"\r\n"),
    hostile("C2", "220 and EHLO reply in clear behind it", "starttls-injection",
            STARTTLS=b"220 go\r\n250-mx\r\n250 AUTH PLAIN\r\n"),
    hostile("C2", "220 and one octet behind it", "starttls-injection", STARTTLS=b"220 go\r\n2"),
    hostile("C2", "220 and a bare line end behind it", "starttls-injection",
            STARTTLS=b"220 go\r\n\r\n"),
    hostile("C1", "AUTH offered in clear, STARTTLS refused", "starttls-refused",
            EHLO="250-mx\n250-AUTH PLAIN LOGIN\n250 STARTTLS", STARTTLS="454 4.7.0 not now"),
    hostile("C1", "everything offered in clear but STARTTLS", "starttls-not-supported",
            EHLO="250-mx\n250-PIPELINING\n250-CHUNKING\n250-8BITMIME\n250 SMTPUTF8",
            STARTTLS="502 5.5.1 what?"),
    hostile("C1", "STARTTLS offered as a parameter of another word", "starttls-not-supported",
            EHLO="250-mx\n250 X-HAS STARTTLS", STARTTLS="502 5.5.1 what?"),
]

INSIDE = [
    hostile("C4", "under TLS, EHLO answered by 220", "remote-deferred",
            EHLO=later_only("220 hello again")),
    hostile("C3", "under TLS, line of 5000 octets", "protocol-error",
            EHLO=later_only(b"250 " + b"x" * 5000 + b"\r\n")),
    hostile("C4", "under TLS, rubbish", "protocol-error", EHLO=later_only(b"\xff\xfe\r\n")),
    hostile("C4", "under TLS, EHLO answered by 421", "remote-busy",
            EHLO=later_only("421 4.3.2 busy")),
    Case("C2", "what was offered in clear is forgotten: no SIZE under TLS", delivered("pkix"),
         one("ok", replies={"EHLO": [
             "250-mx\n250-SIZE 1\n250 STARTTLS", "250-mx\n250 PIPELINING"]})),
]

CERT = [
    Case("C12", "certificate for clients only", held("validation-failure"), one("ok:client")),
    Case("C12", "issued by a certificate that is no CA", held("validation-failure"), one("leafy:")),
    Case("C12", "10000 names, the right one last", held("validation-failure"), one("ok:crowd")),
    Case("C12", "10000 names under MTA-STS enforce", held("validation-failure", "sts"),
         one("ok:crowd"), sts=Sts()),
    Case("D14", "certificate for clients only, 3 1 1 matches", delivered("dane"),
         dane("3 1 1", cert="ok:client"), zone=SIGNED),
]

LITERAL = [
    Case("D21", "address literal, certificate without that address",
         held("certificate-host-mismatch", "pkix"), literal=True),
    Case("S07", "address literal, no STARTTLS", held("starttls-not-supported", "pkix"),
         one("ok", starttls="no"), literal=True),
]


def many(n, record):
    return tuple(record.replace("%n", str(i)).replace("%h", "%064x" % i) for i in range(n))


LIMITS = [
    Case("P2", "101 TLSA records", held("tlsa-lookup"), (Host(),), zone=SIGNED,
         records=many(101, "_%p._tcp.mx TLSA 3 1 1 %h")),
    Case("P2", "90 TLSA records, the last one matches", delivered("dane"),
         dane("3 1 1", cert="self:"), zone=SIGNED, records=many(90, "_%p._tcp.mx TLSA 3 1 1 %h")),
    Case("P2", "25 MX hosts that do not exist, none is left", held("no-address"), (),
         records=many(25, "@ MX 5 gone%n.%d.")),
    Case("P2", "18 MX hosts that do not exist, then a good one", delivered("pkix"),
         records=many(18, "@ MX 5 gone%n.%d.")),
    Case("P2", "MX host is a CNAME to itself", held("dns-failure"), (),
         records=("@ MX 10 mx.%d.", "mx CNAME mx.%d.")),
    Case("P2", "MX host is a circle of two CNAMEs", held("dns-failure"), (),
         records=("@ MX 10 a.%d.", "a CNAME b.%d.", "b CNAME a.%d.")),
    Case("P2", "three CNAMEs in a row", delivered("pkix", at="end"),
         (Host("end", pref=99, cert="ok:wild"),),
         records=("@ MX 10 c0.%d.", "c0 CNAME c1.%d.", "c1 CNAME c2.%d.", "c2 CNAME end.%d.")),
    Case("P1", "MX look-up REFUSED in a signed zone", held("dns-failure"),
         dane("3 1 1"), zone=SIGNED, faults={"@ MX": "refused"}),
    Case("P1", "A REFUSED, AAAA absent", held("dns-failure"), faults={"mx A": "refused"}),
    Case("P8", "MX host 0.0.0.0", held("address-refused"), (),
         records=("@ MX 10 in", "in A 0.0.0.0")),
    Case("P8", "MX host link-local", held("address-refused"), (),
         records=("@ MX 10 in", "in A 169.254.169.254")),
    Case("P8", "MX host broadcast", held("address-refused"), (),
         records=("@ MX 10 in", "in A 255.255.255.255")),
    Case("P8", "MX host ::1", held("address-refused"), (),
         records=("@ MX 10 in", "in AAAA ::1")),
    Case("P8", "MX host ::", held("address-refused"), (), records=("@ MX 10 in", "in AAAA ::")),
    Case("P8", "MX host fe80::1", held("address-refused"), (),
         records=("@ MX 10 in", "in AAAA fe80::1")),
    Case("P8", "MX host ff02::1", held("address-refused"), (),
         records=("@ MX 10 in", "in AAAA ff02::1")),
    Case("P8", "MX host 0.0.0.1 as v4-mapped address", held("address-refused"), (),
         records=("@ MX 10 in", "in AAAA ::ffff:0.0.0.1")),
    Case("P8", "first host refused for its address, second good", delivered("pkix"),
         records=("@ MX 5 in", "in A 224.0.0.1")),
]

FETCH = [
    Case("P8", "policy host at " + text, delivered("pkix"),
         sts=Sts(mx=("elsewhere.%d",), address=address))
    for text, address in (
        ("a private address", "192.168.7.7"), ("a shared address", "100.64.0.1"),
        ("an unspecified address", "0.0.0.0"), ("a multicast address", "224.0.0.1"),
        ("a documentation address", "192.0.2.1"), ("a benchmark address", "198.18.0.1"),
        ("a reserved address", "240.0.0.1"),
    )
]

CASES = CLEAR + INSIDE + CERT + LITERAL + LIMITS + FETCH
