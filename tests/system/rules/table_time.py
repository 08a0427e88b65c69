# SPDX-License-Identifier: ISC
"""What changes between two messages: MTA-STS over time, rules S08 to S30.

Each row: the first state with what becomes of the first message, what happens
then, and what becomes of the second one."""
from dataclasses import dataclass

from case import UNSIGNED, Case, Host, Sts, Want, delivered, held
from zones import txt

ELSEWHERE = ("elsewhere.%d",)
FIRST, SECOND = "v=STSv1; id=1;", "v=STSv1; id=2;"
STRANGER = held("certificate-not-trusted", "sts")


@dataclass
class Then:
    """txt: the records now (None: as before).  txt_fault, web_fault: of the DNS.
    sts: the policy now.  cert: what the MX shows now.  fetches: requests for
    the policy in all, if that matters."""

    want: Want
    txt: tuple = None
    txt_fault: str = ""
    sts: Sts = None
    cert: str = ""
    fetches: int = -1
    log: str = ""


def row(rules, text, then, first=None, sts=None):
    case = Case(rules, text, first or delivered("sts"), (Host(),), sts or Sts(txt=(FIRST,)),
                zone=UNSIGNED)
    return case, then


def failing(**answer):
    return Sts(answer=answer)


MISMATCH = held("sts-mx-mismatch", "sts")
NONE_LEFT = Sts(txt=(FIRST,), age="1")
ROWS = [
    row("S08", "record gone, cached policy holds: good host",
        Then(delivered("sts"), txt=())),
    row("S08", "record gone, cached policy holds: stranger",
        Then(STRANGER, txt=(), cert="self:")),
    row("S08", "record gone, policy host gone, cached policy holds",
        Then(STRANGER, txt=(), cert="self:", sts=failing(how="close"))),
    row("S09", "record look-up SERVFAIL, cached policy holds: good host",
        Then(delivered("sts"), txt_fault="servfail")),
    row("S09", "record look-up SERVFAIL, cached policy holds: stranger",
        Then(STRANGER, txt_fault="servfail", cert="self:")),
    row("S02", "two records, cached policy holds",
        Then(STRANGER, txt=(FIRST, SECOND), cert="self:")),
    row("S04", "broken record, cached policy holds",
        Then(STRANGER, txt=("v=STSv1;",), cert="self:")),
    row("S25", "new id, policy host refuses connections",
        Then(STRANGER, txt=(SECOND,), cert="self:", sts=failing(how="close"))),
    row("S25", "new id, policy host answers 404",
        Then(STRANGER, txt=(SECOND,), cert="self:", sts=failing(status="404 Not Found"))),
    row("S25", "new id, policy host's certificate is a stranger's",
        Then(STRANGER, txt=(SECOND,), cert="self:", sts=Sts("none", cert="self:"))),
    row("S25", "new id, redirect to a policy of mode none",
        Then(STRANGER, txt=(SECOND,), cert="self:",
             sts=Sts("none", answer={"status": "302 Found", "headers": ("Location: /x",)}))),
    row("S25", "new id, policy does not parse",
        Then(STRANGER, txt=(SECOND,), cert="self:", sts=Sts(body="mode: none\n"))),
    row("S25", "new id, policy as HTML",
        Then(STRANGER, txt=(SECOND,), cert="self:", sts=Sts("none", answer={"type": "text/html"}))),
    row("S25", "new id, policy of mode enforce without mx",
        Then(STRANGER, txt=(SECOND,), cert="self:", sts=Sts(mx=()))),
    row("S25", "new id, policy host fails, good host still gets mail",
        Then(delivered("sts"), txt=(SECOND,), sts=failing(status="500 Oops"))),
    row("S26", "new id, mode none: the orderly way off",
        Then(delivered("pkix"), txt=(SECOND,), sts=Sts("none", mx=()), fetches=2,
             log=r"MTA-STS policy of %d is weaker now: none \(id 2\) replaces enforce \(id 1\)")),
    row("S26", "new id, mode testing",
        Then(delivered("sts-testing"), txt=(SECOND,), sts=Sts("testing", mx=ELSEWHERE), fetches=2,
             log=r"MTA-STS policy of %d is weaker now: testing \(id 2\) replaces enforce")),
    row("S29", "new id, policy lists another host",
        Then(MISMATCH, txt=(SECOND,), sts=Sts(mx=ELSEWHERE), fetches=2)),
    row("S29", "same id, policy changed: it is not fetched again",
        Then(delivered("sts"), sts=Sts(mx=ELSEWHERE), fetches=1)),
    row("S29", "same id, nothing changed: one fetch for both",
        Then(delivered("sts"), fetches=1)),
    row("S29", "from testing to enforce: stranger",
        Then(STRANGER, txt=(SECOND,), sts=Sts(), cert="self:", fetches=2),
        delivered("sts-testing"), Sts("testing", txt=(FIRST,))),
    row("S29", "from none to enforce: host not listed",
        Then(MISMATCH, txt=(SECOND,), sts=Sts(mx=ELSEWHERE), fetches=2),
        delivered("pkix"), Sts("none", mx=(), txt=(FIRST,))),
    row("S29", "policy listed another host, now lists this one",
        Then(delivered("sts", copies=2), txt=(SECOND,), sts=Sts(), fetches=2),
        MISMATCH, Sts(mx=ELSEWHERE, txt=(FIRST,))),
    row("S17", "a failed fetch is not repeated for the same id",
        Then(delivered("pkix"), sts=Sts(mx=ELSEWHERE), fetches=1),
        delivered("pkix"), Sts(txt=(FIRST,), answer={"status": "404 Not Found"})),
    row("S17", "a failed fetch is repeated for a new id",
        Then(MISMATCH, txt=(SECOND,), sts=Sts(mx=ELSEWHERE), fetches=2),
        delivered("pkix"), Sts(txt=(FIRST,), answer={"status": "404 Not Found"})),
    row("S09", "no record first, then a policy",
        Then(MISMATCH, txt=(SECOND,), sts=Sts(mx=ELSEWHERE), fetches=1),
        delivered("pkix"), Sts(txt=())),
    row("S22", "max_age capped, not overflown: it holds without a record",
        Then(STRANGER, txt=(), cert="self:"), None, Sts(txt=(FIRST,), age="9999999999")),
    row("S23", "max_age of a second is over: fetched again",
        Then(MISMATCH, sts=Sts(mx=ELSEWHERE), fetches=2), None, NONE_LEFT),
]


def change(world, case, then):
    """Lets it happen; the zones have to be loaded again afterwards."""
    zone = world.net.dns.zones[case.domain + "."]
    owner = "_mta-sts." + zone.name
    if then.txt is not None:
        zone.records = [r for r in zone.records if r[0] != owner]
        for record in then.txt:
            zone.add("_mta-sts", "TXT", txt(record))
    if then.txt_fault:
        world.front.fail(owner, "TXT", then.txt_fault)
    if then.sts is not None:
        world.policy(case, then.sts)
    if then.cert:
        sink = case.sinks["mx"]
        sink.script.cert = world.shop.make(then.cert, "mx." + case.domain, case.domain)
