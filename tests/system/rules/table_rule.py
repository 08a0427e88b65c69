# SPDX-License-Identifier: ISC
"""What the administrator says: rules that raise, exceptions that lower,
monitor mode (rule P02; the design's section on exceptions)."""
from case import SIGNED, Case, Host, Sts, dane, delivered, held, one

PLAIN = {"allow": "plaintext"}
CRYPT = {"allow": "encrypt"}
WEAK = {"allow": "weak-tls"}


def over(what):
    return {**what, "overrides": "published"}


def rule(text, want, level, *args, **kw):
    return Case("P02", text, want, *args, rule={"require": level}, **kw)


RAISE = [
    rule("DANE demanded, nothing published", held("dane-required"), "dane"),
    rule("DANE demanded, signed zone without TLSA", held("dane-required"), "dane", zone=SIGNED),
    rule("DANE demanded, MTA-STS published only", held("dane-required"), "dane", sts=Sts()),
    rule("DANE demanded, TLSA does not match", held("tlsa-mismatch", "dane"), "dane",
         dane("3 1 1 wrong"), zone=SIGNED),
    rule("MTA-STS demanded, nothing published", held("sts-required"), "sts"),
    rule("MTA-STS demanded, in mode testing", held("sts-required"), "sts", sts=Sts("testing")),
    rule("MTA-STS demanded, in mode none", held("sts-required"), "sts", sts=Sts("none")),
    rule("MTA-STS demanded, policy not to be had", held("sts-required"), "sts",
         sts=Sts(answer={"status": "404 Not Found"})),
    rule("MTA-STS demanded and published", delivered("sts"), "sts", sts=Sts()),
    rule("MTA-STS demanded, DANE there: the stronger one will do", delivered("dane"), "sts",
         dane("3 1 1", cert="self:"), zone=SIGNED),
    rule("verification demanded, relay's default is encryption", held("certificate-not-trusted"),
         "verify", one("self:"), lax=True),
    rule("verification demanded and given, relay's default is encryption", delivered("pkix"),
         "verify", lax=True),
    rule("DANE demanded, relay's default is encryption", held("dane-required"), "dane", lax=True),
]


def excuse(text, want, what, *args, **kw):
    return Case("P02", text, want, *args, exception=what, **kw)


LOWER = [
    excuse("exception plaintext, no STARTTLS",
           delivered("none", clear=True, keys={"exception": "EX-%e"}), PLAIN,
           one("ok", starttls="no")),
    excuse("exception plaintext, TLS is there and is used",
           delivered("", keys={"tls": "TLSv1.3"}), PLAIN),
    excuse("exception plaintext, TLS with a self-signed certificate",
           delivered("", keys={"tls": "TLSv1.3"}), PLAIN, one("self:")),
    excuse("exception encrypt, self-signed", delivered("none", keys={"exception": "EX-%e"}),
           CRYPT, one("self:")),
    excuse("exception encrypt, another name", delivered("none"), CRYPT, one("ok:other")),
    excuse("exception encrypt, no STARTTLS", held("starttls-not-supported"), CRYPT,
           one("ok", starttls="no")),
    excuse("exception encrypt, plaintext behind the 220", held("starttls-injection"), CRYPT,
           one("ok", starttls="inject")),
    excuse("exception encrypt does not allow TLS 1.1", held("tls-too-old"), CRYPT,
           one("self:", tls_max="TLSv1_1")),
    excuse("exception weak-tls, TLS 1.1", delivered("", keys={"tls": "TLSv1.1"}), WEAK,
           one("ok", tls_max="TLSv1_1")),
    excuse("exception weak-tls does not excuse a self-signed certificate",
           held("certificate-not-trusted"), WEAK, one("self:")),
    excuse("exception weak-tls does not excuse from TLS", held("starttls-not-supported"), WEAK,
           one("ok", starttls="no")),
    excuse("exception plaintext below MTA-STS enforce does not hold",
           held("starttls-not-supported", "sts"), PLAIN, one("ok", starttls="no"), sts=Sts()),
    excuse("exception encrypt below MTA-STS enforce does not hold",
           held("certificate-not-trusted", "sts"), CRYPT, one("self:"), sts=Sts()),
    excuse("exception encrypt, host not listed by MTA-STS", held("sts-mx-mismatch", "sts"),
           CRYPT, sts=Sts(mx=("other.%d",))),
    excuse("exception plaintext below DANE does not hold",
           held("starttls-not-supported", "dane"), PLAIN,
           dane("3 1 1", starttls="no"), zone=SIGNED),
    excuse("exception encrypt below DANE does not hold", held("tlsa-mismatch", "dane"), CRYPT,
           dane("3 1 1 wrong"), zone=SIGNED),
    excuse("exception encrypt, TLSA look-up fails", held("tlsa-lookup"), CRYPT,
           zone=SIGNED, faults={"tlsa TLSA": "servfail"},
           records=('_%p._tcp.mx TXT "no TLSA here"',)),
    excuse("exception that overrides MTA-STS enforce, no STARTTLS",
           delivered("none", clear=True, keys={"exception": "EX-%e"}), over(PLAIN),
           one("ok", starttls="no"), sts=Sts()),
    excuse("exception that overrides MTA-STS enforce, self-signed",
           delivered("none", keys={"exception": "EX-%e"}), over(CRYPT), one("self:"), sts=Sts()),
    excuse("exception that overrides MTA-STS, host not listed", delivered("none"), over(CRYPT),
           sts=Sts(mx=("other.%d",))),
    excuse("exception that overrides DANE, wrong key",
           delivered("none", keys={"exception": "EX-%e"}), over(CRYPT),
           dane("3 1 1 wrong"), zone=SIGNED),
    excuse("exception that overrides DANE to encrypt, no STARTTLS",
           held("starttls-not-supported"), over(CRYPT), dane("3 1 1", starttls="no"),
           zone=SIGNED),
    excuse("exception that overrides, TLSA look-up fails", delivered("none"), over(CRYPT),
           zone=SIGNED, faults={"tlsa TLSA": "servfail"},
           records=('_%p._tcp.mx TXT "no TLSA here"',)),
    excuse("no exception helps against a bogus MX", held("dnssec-invalid"), over(PLAIN),
           zone=SIGNED, faults={"@ MX": "strip"}),
    excuse("exception for one host, the other one is held to the rule",
           delivered("", at="mx2"), {**CRYPT, "hosts": ["mx2.%d"]},
           (Host(cert="self:"), Host("mx2", 20, "self:"))),
    excuse("exception below a rule that demands verification",
           delivered("none"), CRYPT, one("self:"), rule={"require": "verify"}),
]

MONITOR = {"mode": "monitor"}


def would(reason, **kw):
    return delivered("", keys={"would": "refuse", "would_reason": reason}, **kw)


def watch(text, want, *args, **kw):
    return Case("D26" if "DANE" in text else "P11", "monitor: " + text, want, *args,
                rule=MONITOR, **kw)


WATCH = [
    watch("no STARTTLS", would("starttls-not-supported", clear=True), one("ok", starttls="no")),
    watch("self-signed", would("certificate-not-trusted"), one("self:")),
    watch("expired", would("certificate-expired"), one("ok:expired")),
    watch("another name", would("certificate-host-mismatch"), one("ok:other")),
    watch("TLS 1.1", would("tls-too-old"), one("ok", tls_max="TLSv1_1")),
    watch("DANE mismatch", would("tlsa-mismatch"), dane("3 1 1 wrong"), zone=SIGNED),
    watch("MTA-STS does not list the host", would("sts-mx-mismatch"),
          sts=Sts(mx=("other.%d",))),
    watch("good certificate, nothing to report", delivered("pkix")),
    watch("STARTTLS refused", would("starttls-refused", clear=True), one("ok", starttls="refuse")),
    Case("P02", "monitor with DANE demanded, nothing published", would("dane-required"),
         rule={"require": "dane", **MONITOR}),
]

CASES = RAISE + LOWER + WATCH
