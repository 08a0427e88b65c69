# SPDX-License-Identifier: ISC
"""MTA-STS: RFC 8461, rules S01 to S43.

Whether a policy counts is seen by one that lists another host: mail is held
if the policy is in force, and delivered by the default level if it is not."""
from case import BOGUS, SIGNED, Case, Host, Sts, delivered, held, one

ELSEWHERE = ("elsewhere.%d",)
ID = "id=20250101;"


def counts(rules, text, zone=None, faults=None, log="", **sts):
    sts.setdefault("mx", ELSEWHERE)
    kw = {"zone": zone} if zone else {}
    return Case(rules, text, held("sts-mx-mismatch", "sts"), sts=Sts(**sts), log=log,
                faults=faults or {}, **kw)


def void(rules, text, faults=None, **sts):
    sts.setdefault("mx", ELSEWHERE)
    return Case(rules, text + ": no policy", delivered("pkix"), sts=Sts(**sts),
                faults=faults or {})


RECORD = [
    counts("S01", "one record"),
    counts("S01", "one record in three strings, joined without spaces",
           txt=(("v=STS", "v1; id=2025", "0101;"),)),
    counts("S01", "record without a last semicolon", txt=("v=STSv1; id=20250101",)),
    void("S01", "two records are not joined", txt=("v=STSv1;", "id=20250101;")),
    counts("S02", "a record of another kind beside it", txt=("spf or so", "v=STSv1; " + ID)),
    counts("S02", "a record of another version beside it",
           txt=("v=STSv2; id=9;", "v=STSv1; " + ID)),
    void("S02", "two records", txt=("v=STSv1; id=1;", "v=STSv1; id=2;")),
    void("S02", "two equal records but for white space", txt=("v=STSv1; id=1;", "v=STSv1;id=1;")),
    void("S02", "another version", txt=("v=STSv2; " + ID,)),
    void("S02", "no record, but a policy is there", txt=()),
    void("S03", "a space before the first semicolon", txt=("v=STSv1 ; " + ID,)),
    void("S03", "version without a semicolon", txt=("v=STSv1",)),
    void("S03", "leading space", txt=(" v=STSv1; " + ID,)),
    void("S03", "version in small letters", txt=("v=stsv1; " + ID,)),
    void("S04", "no id", txt=("v=STSv1;",)),
    void("S04", "empty id", txt=("v=STSv1; id=;",)),
    void("S04", "id with a hyphen", txt=("v=STSv1; id=2025-01;",)),
    void("S04", "id of 33 letters", txt=("v=STSv1; id=" + "a" * 33 + ";",)),
    counts("S04", "id of 32 letters", txt=("v=STSv1; id=" + "a" * 32 + ";",)),
    counts("S04", "an unknown field before the id", txt=("v=STSv1; ext=1; " + ID,)),
    counts("S04", "two ids, the first counts", txt=("v=STSv1; id=1; id=2;",)),
    counts("S05", "_mta-sts is a CNAME", txt_alias=True),
    counts("S05", "the policy host is a CNAME", alias=True),
    void("S05", "the policy host is a CNAME, certificate of the target", alias=True,
         cert="ok:other"),
    Case("S06", "a policy of the parent domain does not count", delivered("pkix"),
         sts=Sts(mx=ELSEWHERE, txt=()),
         records=('_mta-sts.up TXT "v=STSv1; id=1;"',)),
]

DNS = [
    Case("S10", "TXT SERVFAIL, nothing cached: not known, so it waits",
         held("dns-failure"), sts=Sts(), faults={"_mta-sts TXT": "servfail"}),
    Case("S10", "TXT without its signatures", held("dnssec-invalid"), zone=SIGNED, sts=Sts(),
         faults={"_mta-sts TXT": "strip"}),
    void("S09", "the policy host has no address", address="none"),
    void("S09", "the address look-up of the policy host fails",
         faults={"mta-sts A": "servfail"}),
    void("S18", "the policy host's address is a private one", address="10.1.2.3"),
    void("S18", "the policy host's address is link-local metadata", address="169.254.169.254"),
    Case("S09", "TXT bogus in a cut of its own", held("dnssec-invalid"), zone=SIGNED, sts=Sts(),
         zones={"_mta-sts": BOGUS}),
]


def http(rules, text, **answer):
    return void(rules, text, answer=answer)


POLICY = ("version: STSv1\nmode: enforce\nmx: elsewhere.%d\nmax_age: 86400\n")

FETCH = [
    http("S11", "status 404", status="404 Not Found"),
    http("S11", "status 500", status="500 Internal Server Error"),
    http("S11", "status 204", status="204 No Content"),
    http("S11", "status 201", status="201 Created"),
    http("S11", "status 206", status="206 Partial Content"),
    http("S11", "status 301 with a policy as its body", status="301 Moved Permanently",
         headers=("Location: https://mta-sts.corp.example/.well-known/mta-sts.txt",)),
    http("S11", "status 302 to itself", status="302 Found",
         headers=("Location: /.well-known/mta-sts.txt",)),
    http("S11", "status 307", status="307 Temporary Redirect",
         headers=("Location: /.well-known/mta-sts.txt",)),
    http("S11", "another path", path="/mta-sts.txt"),
    counts("S12", "caching headers do not matter",
           answer={"headers": ("Cache-Control: no-store, max-age=0", "Expires: 0")}),
    void("S13", "policy host's certificate expired", cert="ok:expired"),
    void("S13", "policy host's certificate self-signed", cert="self:"),
    void("S13", "policy host's certificate of another name", cert="ok:other"),
    void("S13", "policy host's name in the CN only", cert="ok:cn"),
    void("S13", "policy host's name in the CN beside another DNS name", cert="ok:cn-right"),
    void("S13", "policy host's certificate names the domain only", cert="ok:apex"),
    void("S13", "policy host's wildcard one label too high", cert="ok:wild2"),
    void("S13", "policy host's partial wildcard", cert="ok:partial"),
    void("S13", "policy host's certificate of an unknown CA", cert="private:"),
    counts("S13", "policy host's wildcard certificate", cert="ok:wild"),
    counts("S13", "policy host's name among others", cert="ok:many"),
    http("S14", "text/html", type="text/html"),
    http("S14", "no content type", type=""),
    http("S14", "application/octet-stream", type="application/octet-stream"),
    http("S14", "text/plainer", type="text/plainer"),
    counts("S14", "text/plain; charset=utf-8", answer={"type": "text/plain; charset=utf-8"}),
    counts("S14", "Text/Plain", answer={"type": "Text/Plain"}),
    void("S15", "body of more than 64 KiB", body=POLICY + "x: y\n" * 14000),
    void("S15", "body of more than 64 KiB, length not said", body=POLICY + "x: y\n" * 14000,
         answer={"length": False}),
    counts("S15", "body of 60 KiB", body=POLICY + "x: y\n" * 12000),
    http("S15", "body cut off in the middle", how="cut"),
    http("S15", "body cut off, length not said, TLS not ended", how="cut", length=False,
         headers=("X-Test: 1",)),
    Case("S16", "an answer that takes longer than mail waits", held("policy-unavailable"),
         sts=Sts(answer={"delay": 12})),
    counts("S16", "an answer that takes two seconds", answer={"delay": 2}),
    http("S18", "no TLS on the policy host's port", how="garbage"),
    http("S18", "policy host closes the connection", how="close"),
    http("S18", "policy host speaks TLS 1.1 at most", tls_max="TLSv1_1"),
    http("S18", "body said to be gzip", headers=("Content-Encoding: gzip",)),
    http("S18", "header of more than 16 KiB", headers=("X-Fill: " + "f" * 20000,)),
]


def body(rules, text, *lines, end="\r\n", good=False):
    kind = counts if good else void
    return kind(rules, text, body=end.join(lines + ("",)))


V, E, X, A = "version: STSv1", "mode: enforce", "mx: elsewhere.%d", "max_age: 86400"

PARSE = [
    body("S19", "CRLF", V, E, X, A, good=True),
    body("S19", "LF", V, E, X, A, end="\n", good=True),
    counts("S19", "no end of the last line", body="\n".join((V, E, X, A))),
    body("S19", "white space at line ends", V + "  ", E + "\t", X + " ", A + " ", good=True),
    body("S19", "no space behind the colon", "version:STSv1", "mode:enforce", "mx:elsewhere.%d",
         "max_age:86400", good=True),
    body("S19", "bare CR", V, E, X, A, end="\r"),
    body("S20", "no version", E, X, A),
    body("S20", "another version", "version: STSv2", E, X, A),
    body("S20", "no mode", V, X, A),
    body("S20", "no max_age", V, E, X),
    body("S20", "enforce without mx", V, E, A),
    body("S20", "testing without mx", V, "mode: testing", A),
    body("S20", "an HTML page", "<!DOCTYPE html>", "<title>Welcome</title>"),
    void("S20", "an empty body", body="\n"),
    body("S20", "mx before mode before version", A, X, E, V, good=True),
    body("S21", "two modes, enforce first", V, E, "mode: none", X, A, good=True),
    body("S21", "two modes, none first", V, "mode: none", E, X, A),
    body("S21", "two max_age", V, E, X, A, "max_age: rubbish", good=True),
    body("S21", "two versions, the second rubbish", V, "version: STSv9", E, X, A, good=True),
    body("S21", "unknown keys", V, E, X, A, "contact: postmaster@%d", "x_y.z-1: 2", good=True),
    body("S21", "unknown key with a colon and UTF-8 in its value", V, E, X, A,
         "note: a: \u00e4\u00f6", good=True),
    counts("S22", "max_age above the maximum is cut", age="9999999999",
           log="MTA-STS policy of %d: max_age is capped"),
    body("S22", "max_age of eleven digits", V, E, X, "max_age: 86400000000"),
    body("S22", "max_age negative", V, E, X, "max_age: -1"),
    body("S22", "max_age with a unit", V, E, X, "max_age: 1d"),
    counts("S23", "max_age 0 counts for this delivery", age="0",
           log="MTA-STS policy of %d: max_age is only 0 s"),
    counts("S23", "max_age 1", age="1", log="MTA-STS policy of %d: max_age is only 1 s"),
    body("S24", "mode Enforce", V, "mode: Enforce", X, A),
    body("S24", "mode report", V, "mode: report", X, A),
    body("S24", "key nmx", V, E, "nmx: elsewhere.%d", A),
    body("S24", "an address as mx", V, E, "mx: 192.0.2.1", A),
    body("S24", "mx of an asterisk alone", V, E, "mx: *", A),
    body("S24", "an asterisk inside mx", V, E, "mx: mx.*.%d", A),
    body("S24", "a line without a colon", V, E, X, "rubbish", A),
    body("S24", "an empty mx", V, E, "mx:", A),
]


def lists(text, want, *mx, hosts=(Host(),)):
    return Case("S31", text, want, hosts, sts=Sts(mx=mx))


MATCH = [
    lists("exact name", delivered("sts"), "mx.%d"),
    lists("exact name in capitals", delivered("sts"), "MX.%d"),
    lists("exact name with a dot at its end", delivered("sts"), "mx.%d."),
    lists("wildcard of one label", delivered("sts"), "*.%d"),
    lists("the second of two patterns", delivered("sts"), "other.%d", "mx.%d"),
    lists("wildcard of two labels does not match", held("sts-mx-mismatch", "sts"), "*.example"),
    lists("wildcard does not match a deeper host", held("sts-mx-mismatch", "sts"), "*.%d",
          hosts=(Host("a.mx"),)),
    lists("wildcard does not match the domain itself", held("sts-mx-mismatch", "sts"), "*.%d",
          hosts=(Host("@"),)),
    lists("a suffix is no match", held("sts-mx-mismatch", "sts"), "x.%d"),
    lists("the domain alone is no match for its host", held("sts-mx-mismatch", "sts"), "%d"),
    Case("S33", "MX host is a CNAME, its own name is listed", delivered("sts"),
         (Host(alias="real"),), sts=Sts()),
    Case("S33", "MX host is a CNAME, only the target is listed", held("sts-mx-mismatch", "sts"),
         (Host(alias="real"),), sts=Sts(mx=("real.%d",))),
    Case("S41", "implicit MX that is listed", delivered("sts", at="@"), (Host("@"),),
         sts=Sts(mx=("%d",))),
    Case("S41", "implicit MX that is not listed", held("sts-mx-mismatch", "sts"), (Host("@"),),
         sts=Sts(mx=("mx.%d",))),
]


def shows(rules, text, cert, reason=""):
    want = held(reason, "sts") if reason else delivered("sts")
    return Case(rules, text, want, one(cert), sts=Sts(mx=("mx.%d", "*.%d")))


MISMATCH = "certificate-host-mismatch"
CERT = [
    shows("S35", "MX certificate good", "ok"),
    shows("S35", "MX certificate expired", "ok:expired", "certificate-expired"),
    shows("S35", "MX certificate self-signed", "self:", "certificate-not-trusted"),
    shows("S35", "MX certificate of an unknown CA", "private:", "certificate-not-trusted"),
    shows("S35", "MX certificate, chain incomplete", "silent:", "certificate-not-trusted"),
    shows("S32", "MX certificate of another name", "ok:other", MISMATCH),
    shows("S32", "MX certificate of the domain only", "ok:apex", MISMATCH),
    shows("S32", "MX name in the CN only", "ok:cn", MISMATCH),
    shows("S32", "MX name in the CN beside another DNS name", "ok:cn-right", MISMATCH),
    shows("S32", "MX certificate with a wildcard", "ok:wild"),
    shows("S32", "MX certificate with a wildcard one label too high", "ok:wild2", MISMATCH),
    shows("S32", "MX certificate with a partial wildcard", "ok:partial", MISMATCH),
    shows("S32", "MX certificate with an inner wildcard", "ok:inside", MISMATCH),
    shows("S32", "MX certificate with a longer name", "ok:longer", MISMATCH),
    shows("S32", "MX certificate in capitals", "ok:upper"),
    shows("S32", "MX name as the third of the certificate", "ok:many"),
    Case("S32", "certificate of a listed name that is not this host's", held(MISMATCH, "sts"),
         one("ok:apex"), sts=Sts(mx=("mx.%d", "%d"))),
]


def tls(rules, how, reason):
    return Case(rules, "enforce and STARTTLS %s" % how, held(reason, "sts"),
                one("ok", starttls=how), sts=Sts())


MODE = [
    tls("S42", "no", "starttls-not-supported"),
    tls("S37", "refuse", "starttls-refused"),
    tls("S37", "mangle", "starttls-mangled"),
    tls("S37", "garbage", "tls-alert"),
    tls("S37", "close", "tls-eof"),
    tls("S37", "inject", "starttls-injection"),
    Case("S35", "enforce and TLS 1.1 at most", held("tls-too-old", "sts"),
         one("ok", tls_max="TLSv1_1"), sts=Sts()),
    Case("S36", "first MX not listed, second listed", delivered("sts", at="mx2"),
         (Host(), Host("mx2", 20)), sts=Sts(mx=("mx2.%d",))),
    Case("S36", "first MX fails on its certificate, second good", delivered("sts", at="mx2"),
         (Host(cert="self:"), Host("mx2", 20)), sts=Sts(mx=("*.%d",)),
         log="host mx.%d.*reason=certificate-not-trusted"),
    Case("S36", "both MX not listed", held("sts-mx-mismatch", "sts"), (Host(), Host("mx2", 20)),
         sts=Sts(mx=ELSEWHERE)),
    Case("S37", "enforce raises a relay that asks for encryption only",
         held("certificate-not-trusted", "sts"), one("self:"), sts=Sts(), lax=True),
    Case("S38", "testing, host not listed", delivered("sts-testing"),
         sts=Sts("testing", mx=ELSEWHERE)),
    Case("S38", "testing does not lower the default: no STARTTLS",
         held("starttls-not-supported", "sts-testing"), one("ok", starttls="no"),
         sts=Sts("testing")),
    Case("S38", "testing does not lower the default: self-signed",
         held("certificate-not-trusted", "sts-testing"), one("self:"), sts=Sts("testing")),
    Case("S38", "testing, relay asks for encryption only", delivered("sts-testing"),
         one("self:"), sts=Sts("testing"), lax=True),
    Case("S39", "none, host not listed", delivered("pkix"), sts=Sts("none", mx=ELSEWHERE)),
    Case("S39", "none without mx", delivered("pkix"), sts=Sts("none", mx=())),
    Case("S39", "none does not lower the default", held("certificate-not-trusted", "pkix"),
         one("self:"), sts=Sts("none")),
    Case("S39", "none does not excuse from TLS", held("starttls-not-supported", "pkix"),
         one("ok", starttls="no"), sts=Sts("none")),
]

CASES = RECORD + DNS + FETCH + PARSE + MATCH + CERT + MODE
