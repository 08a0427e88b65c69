# SPDX-License-Identifier: ISC
"""DANE: RFC 7672 and 7671, rules D01 to D28."""
from case import (
    BOGUS, EXPIRED, SIGNED, STRANGER, UNSIGNED, Case, Host, Sts, dane, delivered, held
)

MISMATCH = "tlsa-mismatch"


def signed(rules, text, want, hosts, **kw):
    kw.setdefault("zone", SIGNED)
    return Case(rules, text, want, hosts, **kw)


def _matrix():
    """Usage 2 and 3 by selector and matching type: right, wrong."""
    for selector in (0, 1):
        for mtype in (0, 1, 2):
            ee, ta = "3 %d %d" % (selector, mtype), "2 %d %d" % (selector, mtype)
            rule = "D20" if (selector, mtype) == (1, 0) else "D11"
            yield signed(rule, "%s that matches, self-signed" % ee, delivered("dane"),
                         dane(ee, cert="self:"))
            yield signed(rule, "%s of another key, certificate trusted" % ee,
                         held(MISMATCH, "dane"), dane(ee + " wrong"))
            yield signed("D15", "%s of the CA in the chain" % ta, delivered("dane"),
                         dane(ta, cert="private:"))
            yield signed("D15", "%s of another CA" % ta, held(MISMATCH, "dane"),
                         dane(ta + " wrong", cert="private:"))


ENTITY = [
    signed("D14", "3 1 1, certificate expired", delivered("dane"),
           dane("3 1 1", cert="self:expired")),
    signed("D14", "3 0 1, certificate expired", delivered("dane"),
           dane("3 0 1", cert="self:expired")),
    signed("D14", "3 1 1, certificate of another name", delivered("dane"),
           dane("3 1 1", cert="self:other")),
    signed("D14", "3 1 2, certificate without any DNS name", delivered("dane"),
           dane("3 1 2", cert="self:cn")),
    signed("D24", "3 1 1, RSA key of 1024 bits", delivered("dane"),
           dane("3 1 1", cert="self:small", tls_max="TLSv1_2")),
    signed("D14", "3 1 1 of the CA instead of the server", held(MISMATCH, "dane"),
           dane("3 1 1 trusted")),
    signed("D11", "3 1 1 wrong twice", held(MISMATCH, "dane"),
           dane("3 1 1 wrong", "3 0 1 wrong")),
    signed("D27", "roll-over: two records, the second matches", delivered("dane"),
           dane("3 1 1 wrong", "3 1 1", cert="self:")),
    signed("D27", "roll-over: EE of an old key, TA of the present CA", delivered("dane"),
           dane("3 1 1 wrong", "2 0 1", cert="private:")),
]

ANCHOR = [
    signed("D15", "2 1 1, the CA's certificate is missing in the chain", held(MISMATCH, "dane"),
           dane("2 1 1", cert="silent:")),
    signed("D15", "2 0 1, the CA's certificate is missing in the chain", held(MISMATCH, "dane"),
           dane("2 0 1", cert="silent:")),
    signed("D15", "2 0 0, the whole CA certificate stands in DNS only", delivered("dane"),
           dane("2 0 0", cert="silent:")),
    signed("D15", "2 0 1 of a public root that the server does not send", held(MISMATCH, "dane"),
           dane("2 0 1")),
    signed("D15", "2 0 1 of an intermediate CA", delivered("dane"),
           dane("2 0 1", cert="middle:")),
    signed("D15", "2 1 1 of an intermediate CA", delivered("dane"),
           dane("2 1 1", cert="middle:")),
    signed("D15", "2 0 1 of the root above an intermediate CA", delivered("dane"),
           dane("2 0 1 root", cert="middle:")),
    signed("D15", "2 1 1, certificate expired", held("certificate-expired", "dane"),
           dane("2 1 1", cert="private:expired")),
    signed("D15", "2 0 1, certificate of another name",
           held("certificate-host-mismatch", "dane"), dane("2 0 1", cert="private:other")),
    signed("D16", "2 0 1, certificate names the next-hop domain only", delivered("dane"),
           dane("2 0 1", cert="private:apex")),
    signed("D16", "2 0 1, wildcard certificate", delivered("dane"),
           dane("2 0 1", cert="private:wild")),
    signed("D16", "2 0 1, wildcard one label too high",
           held("certificate-host-mismatch", "dane"), dane("2 0 1", cert="private:wild2")),
    signed("D16", "2 0 1, partial wildcard", held("certificate-host-mismatch", "dane"),
           dane("2 0 1", cert="private:partial")),
    signed("D17", "2 0 1, a right CN beside a wrong DNS name",
           held("certificate-host-mismatch", "dane"), dane("2 0 1", cert="private:cn-right")),
    signed("D17", "2 0 1, CN only, no DNS name at all", delivered("dane"),
           dane("2 0 1", cert="private:cn")),
    signed("D15", "2 0 1 of the server's own CA certificate used as leaf", held(MISMATCH, "dane"),
           dane("2 0 1 leaf", cert="private:")),
]

UNUSABLE = [
    signed("D12", "usage 0 alone, certificate good: as without DANE, but TLS", delivered("pkix"),
           dane("0 0 1")),
    signed("D12", "usage 1 alone, certificate good", delivered("pkix"), dane("1 1 1")),
    signed("D12", "usage 1 alone that would match, certificate self-signed",
           held("certificate-not-trusted", "pkix"), dane("1 1 1", cert="self:")),
    signed("D12", "usage 0 alone, no STARTTLS", held("starttls-not-supported"),
           dane("0 0 1", starttls="no")),
    signed("D12", "unknown selector", delivered("pkix"), dane("3 2 1")),
    signed("D12", "unknown matching type", delivered("pkix"), dane("3 1 3")),
    signed("D12", "unknown usage", delivered("pkix"), dane("4 1 1")),
    signed("D12", "private use 255", held("certificate-not-trusted", "pkix"),
           dane("255 255 255", cert="self:")),
    signed("D12", "digest four octets short", delivered("pkix"), dane("3 1 1 cut")),
    signed("D12", "digest four octets short, no STARTTLS", held("starttls-not-supported"),
           dane("3 1 1 cut", starttls="no")),
    signed("D12", "SHA-512 record with a SHA-256 length", held("certificate-not-trusted"),
           dane("3 1 2 " + "ab" * 32, cert="self:")),
    signed("D12", "3 0 0 that is no certificate", held("certificate-not-trusted"),
           dane("3 0 0 3003020101", cert="self:")),
    signed("D12", "all unusable, relay asks for encryption only", delivered("none"),
           dane("1 1 1", cert="self:"), lax=True),
    signed("D12", "all unusable, encryption only, but no STARTTLS",
           held("starttls-not-supported"), dane("1 1 1", starttls="no"), lax=True),
    signed("D12", "all unusable while DANE is demanded", held("tlsa-invalid"),
           dane("1 1 1"), rule={"require": "dane"}),
    signed("D13", "usable that matches beside unusable", delivered("dane"),
           dane("1 1 1 wrong", "3 1 1", cert="self:")),
    signed("D13", "usable that fails beside a usage 1 that would match", held(MISMATCH, "dane"),
           dane("3 1 1 wrong", "1 1 1")),
    signed("D13", "usable that fails beside a usage 0 that would match", held(MISMATCH, "dane"),
           dane("3 1 1 wrong", "0 0 1 trusted")),
    signed("D13", "unknown types beside one that fails", held(MISMATCH, "dane"),
           dane("9 9 9", "3 1 7", "3 1 2 wrong")),
]

AGILITY = [
    signed("D18", "SHA-512 wrong, SHA-256 right: only the stronger counts", held(MISMATCH, "dane"),
           dane("3 1 2 wrong", "3 1 1")),
    signed("D18", "SHA-512 right, SHA-256 wrong", delivered("dane"),
           dane("3 1 2", "3 1 1 wrong", cert="self:")),
    signed("D18", "SHA-512 wrong, whole key right: type 0 always counts", delivered("dane"),
           dane("3 1 2 wrong", "3 1 0", cert="self:")),
    signed("D18", "selectors apart: 3 0 2 wrong, 3 1 1 right", delivered("dane"),
           dane("3 0 2 wrong", "3 1 1", cert="self:")),
    signed("D18", "usages apart: 2 0 2 wrong, 3 0 1 right", delivered("dane"),
           dane("2 0 2 wrong", "3 0 1", cert="private:")),
]


def offers(how, reason):
    return signed("D11", "TLSA and STARTTLS %s" % how, held(reason, "dane"),
                  dane("3 1 1", cert="self:", starttls=how))


TLS = [
    offers("no", "starttls-not-supported"),
    offers("refuse", "starttls-refused"),
    offers("mangle", "starttls-mangled"),
    offers("garbage", "tls-alert"),
    offers("close", "tls-eof"),
    offers("inject", "starttls-injection"),
    signed("D28", "TLSA matches, TLS 1.1 at most", held("tls-too-old", "dane"),
           dane("3 1 1", cert="self:", tls_max="TLSv1_1")),
]


def alias(**kw):
    return (Host(cert="self:", alias="real", **kw),)


ALIAS = [
    signed("D08", "MX host is a secure CNAME, TLSA at the target", delivered("dane"),
           alias(tlsa=("3 1 1",))),
    signed("D08", "MX host is a secure CNAME, TLSA at the alias", delivered("dane"),
           alias(tlsa=("3 1 1",), tlsa_at="mx")),
    signed("D08", "secure CNAME, TLSA of the target does not match", held(MISMATCH, "dane"),
           alias(tlsa=("3 1 1 wrong",))),
    signed("D08", "secure CNAME, TLSA of the alias does not match", held(MISMATCH, "dane"),
           alias(tlsa=("3 1 1 wrong",), tlsa_at="mx")),
    signed("D08", "CNAME into an unsigned zone, TLSA there is not asked for",
           held("certificate-not-trusted", "pkix"),
           alias(alias_far=True, tlsa=("3 1 1",)), far=UNSIGNED),
    signed("D08", "CNAME into an unsigned zone, TLSA at the signed alias", delivered("dane"),
           alias(alias_far=True),
           records=("_%p._tcp.mx TLSA %self",), far=UNSIGNED),
    signed("D08", "CNAME into another signed zone, TLSA there", delivered("dane"),
           alias(alias_far=True, tlsa=("3 1 1",)), far=SIGNED),
    signed("D08", "CNAME into a bogus zone", held("dnssec-invalid"),
           alias(alias_far=True, tlsa=("3 1 1",)), far=BOGUS),
    signed("D09", "the owner of the TLSA record is a CNAME itself", delivered("dane"),
           (Host(cert="self:", tlsa=("3 1 1",), tlsa_at="keys"),),
           records=("_%p._tcp.mx CNAME _%p._tcp.keys.%d.",)),
    signed("D09", "TLSA for another port does not count",
           held("certificate-not-trusted", "pkix"), dane(cert="self:"),
           records=("_26._tcp.mx TLSA 3 1 1 " + "00" * 32,)),
]

INSECURE = [
    Case("D10", "MX and TLSA in an unsigned zone: as none", delivered("pkix"),
         dane("3 1 1 wrong")),
    Case("D10", "TLSA in an unsigned zone does not excuse a bad certificate",
         held("certificate-not-trusted", "pkix"), dane("3 1 1", cert="self:")),
    Case("D05", "insecure MX, secure TLSA that matches", delivered("dane"),
         (Host(cert="self:", far=True, tlsa=("3 1 1",)),), far=SIGNED),
    Case("D05", "insecure MX, secure TLSA that does not match", held(MISMATCH, "dane"),
         (Host(far=True, tlsa=("3 1 1 wrong",)),), far=SIGNED),
    Case("D05", "insecure MX, secure TLSA, no STARTTLS", held("starttls-not-supported"),
         (Host(far=True, tlsa=("3 1 1",), script={"starttls": "no"}),), far=SIGNED),
    Case("D05", "insecure MX with secure TLSA does not do where DANE is demanded",
         held("dane-required"), (Host(cert="self:", far=True, tlsa=("3 1 1",)),), far=SIGNED,
         rule={"require": "dane"}),
    Case("D16", "insecure MX: the next-hop domain is no reference name",
         held("certificate-host-mismatch", "dane"),
         (Host(cert="private:apex", far=True, tlsa=("2 0 1",)),), far=SIGNED),
    signed("D06", "secure MX, host in an unsigned zone, TLSA there is not asked for",
           delivered("pkix"), (Host(far=True, tlsa=("3 1 1 wrong",)),), far=UNSIGNED),
    signed("D06", "addresses insecure, TLSA look-up would fail: it is not made",
           delivered("pkix"), (Host(),), zones={"mx": UNSIGNED}, faults={"tlsa TLSA": "servfail"}),
    signed("D10", "secure zone, TLSA in an unsigned cut below", delivered("pkix"),
           dane("3 1 1 wrong"), zones={"_tcp.mx": UNSIGNED}),
    signed("D10", "TLSA securely absent, certificate good", delivered("pkix"), (Host(),)),
    signed("D10", "TLSA securely absent, certificate self-signed",
           held("certificate-not-trusted", "pkix"), dane(cert="self:")),
    signed("D10", "TLSA NODATA: another type at the owner", delivered("pkix"), (Host(),),
           records=('_%p._tcp.mx TXT "nothing here"',)),
]

# With this the denial of other names, which the resolver keeps, says nothing of the owner's.
THERE = ('_%p._tcp.mx TXT "no TLSA here"',)
BROKEN = [
    signed("D04", "TLSA bogus: the host is not used", held("dnssec-invalid"),
           dane("3 1 1", cert="self:"), zones={"_tcp.mx": BOGUS}),
    signed("D04", "TLSA signatures expired", held("dnssec-invalid"), dane("3 1 1"),
           zones={"_tcp.mx": EXPIRED}),
    signed("D04", "TLSA without its signatures", held("dnssec-invalid"), dane("3 1 1"),
           faults={"tlsa TLSA": "strip"}),
    signed("D04", "denial of TLSA without its signatures", held("dnssec-invalid"), (Host(),),
           faults={"tlsa TLSA": "strip"}, records=THERE),
    signed("D04", "TLSA SERVFAIL", held("tlsa-lookup"), dane("3 1 1"),
           faults={"tlsa TLSA": "servfail"}),
    signed("D04", "TLSA SERVFAIL although no record is there", held("tlsa-lookup"), (Host(),),
           faults={"tlsa TLSA": "servfail"}, records=THERE),
    signed("D10", "TLSA SERVFAIL, but a signed denial covered the name before",
           delivered("pkix"), (Host(),), faults={"tlsa TLSA": "servfail"}),
    signed("D04", "TLSA REFUSED", held("tlsa-lookup"), dane("3 1 1"),
           faults={"tlsa TLSA": "refused"}),
    signed("D04", "TLSA of the first host fails, the second host takes it",
           delivered("dane", at="mx2"),
           (Host(tlsa=("3 1 1",)), Host("mx2", 20, "self:", ("3 1 1",))),
           faults={"tlsa TLSA": "servfail"}),
    signed("D07", "AAAA fails, A is good and secure", delivered("dane"),
           dane("3 1 1", cert="self:"), faults={"mx AAAA": "servfail"}),
    signed("D07", "AAAA without signatures, A is good and secure", delivered("dane"),
           dane("3 1 1", cert="self:"), faults={"mx AAAA": "strip"}),
    signed("D07", "AAAA fails, A is good, TLSA does not match", held(MISMATCH, "dane"),
           dane("3 1 1 wrong"), faults={"mx AAAA": "servfail"}),
    signed("D01", "A without signatures: the host is not used", held("dnssec-invalid"),
           dane("3 1 1"), faults={"mx A": "strip"}),
    Case("D01", "A SERVFAIL, no other family", held("dns-failure"), faults={"mx A": "servfail"}),
    signed("D01", "all signatures wrong", held("dnssec-invalid"), dane("3 1 1"), zone=BOGUS),
    signed("D01", "all signatures expired", held("dnssec-invalid"), dane("3 1 1"), zone=EXPIRED),
    signed("D01", "signed with a key that the parent does not vouch for", held("dnssec-invalid"),
           dane("3 1 1"), zone=STRANGER),
    signed("D01", "MX in a good zone, host in one with wrong signatures", held("dnssec-invalid"),
           (Host(far=True, tlsa=("3 1 1",)),), far=BOGUS),
    signed("D03", "MX without its signatures: no fall-back to the address",
           held("dnssec-invalid"), (Host(), Host("@", tlsa=("3 1 1",))), faults={"@ MX": "strip"}),
    Case("D03", "MX SERVFAIL: no fall-back to the address", held("dns-failure"),
         (Host(), Host("@")), faults={"@ MX": "servfail"}),
    Case("D03", "MX REFUSED: no fall-back to the address", held("dns-failure"),
         (Host("@"),), faults={"@ MX": "refused"}),
    signed("D21", "denial of MX without signatures: no implicit MX", held("dnssec-invalid"),
           (Host("@", tlsa=("3 1 1",)),), faults={"@ MX": "strip"}),
]

REST = [
    signed("D21", "implicit MX, secure, TLSA at the domain", delivered("dane", at="@"),
           (Host("@", cert="self:", tlsa=("3 1 1",)),)),
    signed("D21", "implicit MX, secure, TLSA does not match", held(MISMATCH, "dane"),
           (Host("@", tlsa=("3 1 1 wrong",)),)),
    signed("D22", "preference counts, not who has TLSA records", delivered("pkix", at="mx"),
           (Host(), Host("mx2", 20, "self:", ("3 1 1",)))),
    signed("D22", "first host with a wrong key, second without TLSA and good",
           delivered("pkix", at="mx2"), (Host(tlsa=("3 1 1 wrong",)), Host("mx2", 20)),
           log="host mx.%d.*reason=tlsa-mismatch"),
    signed("D23", "one of two hosts lies in an unsigned zone and does not exist",
           delivered("dane", at="mx2"),
           (Host("mx2", 20, "self:", ("3 1 1",)),), far=UNSIGNED, records=("@ MX 10 gone.%x.",)),
    signed("D02", "a rule demands DANE, the zone is signed and has it", delivered("dane"),
           dane("3 1 1", cert="self:"), rule={"require": "dane"}),
    signed("D22", "three hosts, two wrong keys, the third matches", delivered("dane", at="mx3"),
           (Host(tlsa=("3 1 1 wrong",)), Host("mx2", 20, tlsa=("2 0 1 wrong",)),
            Host("mx3", 30, "self:", ("3 1 1",)))),
    signed("S40", "DANE fails, MTA-STS would pass", held(MISMATCH, "dane"),
           dane("3 1 1 wrong"), sts=Sts()),
    signed("S40", "DANE passes, MTA-STS enforce would fail on the certificate",
           held("certificate-not-trusted", "dane"), dane("3 1 1", cert="self:"), sts=Sts()),
    signed("S40", "DANE passes, MTA-STS enforce does not list the host", held("sts-mx-mismatch"),
           dane("3 1 1"), sts=Sts(mx=("other.%d",))),
    signed("S40", "DANE and MTA-STS both pass", delivered("dane"), dane("3 1 1"), sts=Sts()),
    signed("S40", "TLSA look-up fails, MTA-STS would pass", held("tlsa-lookup"), (Host(),),
           sts=Sts(), faults={"tlsa TLSA": "servfail"}, records=THERE),
    signed("S40", "DANE passes, MTA-STS testing would fail", delivered("dane"),
           dane("3 1 1", cert="self:"), sts=Sts("testing", mx=("other.%d",))),
    Case("P01", "insecure MX, TLSA matches, MTA-STS enforce fails on the certificate",
         held("certificate-not-trusted"),
         (Host(cert="self:", far=True, tlsa=("3 1 1",)),), far=SIGNED, sts=Sts(mx=("mx.%x",))),
]

CASES = list(_matrix()) + ENTITY + ANCHOR + UNUSABLE + AGILITY + TLS + ALIAS + INSECURE
CASES += BROKEN + REST
