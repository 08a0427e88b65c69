# SPDX-License-Identifier: ISC
"""judge: sends a message for every case, and says of each whether what became
of it is what the rule demands."""
import re
import threading
import time

from build import SENDER, fill
from client import Client, message

CLEAR = re.compile(rb"(?im)^(?:MAIL FROM|RCPT TO|DATA\b|BDAT|AUTH )")


def secret(case):
    return b"secret of " + case.domain.encode()


def send_all(daemon, cases, sessions=4):
    """One message a case.  The refusals, which nobody expects."""
    bad = []

    def work(mine):
        with Client("127.0.0.1", daemon.port) as c:
            c.ehlo()
            for case in mine:
                body = secret(case) + b"\r\n"
                r = c.mail(SENDER, case.recipient, message(SENDER, case.recipient, body=body,
                                                           ident=case.domain))
                if r.code != 250:
                    bad.append("%s: %s" % (case.domain, r))

    lanes = [threading.Thread(target=work, args=(cases[i::sessions],)) for i in range(sessions)]
    for lane in lanes:
        lane.start()
    for lane in lanes:
        lane.join()
    return bad


def fates(daemon, cases, timeout, since=0):
    """The delivery line of each case, once it is there: the last, or the
    first that says what is wanted.  That it waits is no fate while there is time."""
    end = time.monotonic() + timeout
    while True:
        lines = {}
        for d in daemon.deliveries(since):
            lines.setdefault(d.to, []).append(d)
        found = {}
        for case in cases:
            mine = lines.get(case.recipient, [])
            right = [d for d in mine if d.status == case.want.status]
            tried = [d for d in mine if d.get("try") != "0"]
            over = time.monotonic() > end
            if not over and 0 < len(right) < case.want.copies:
                right = tried = []  # the other copies are on their way
            found[case.domain] = (right or tried or (mine if over else None) or [None])[-1]
        if all(found.values()) or over:
            return found
        time.sleep(0.2)


def complaints(case, fate, log):
    """What is not as it should be: the fate, the wire of each peer, the log."""
    yield from _fate(case, fate)
    for label, sink in case.sinks.items():
        if label == case.want.at and case.want.status == "sent":
            yield from _arrived(case, label, sink)
        else:
            yield from _silent(case, label, sink)
    if case.log and not re.search(fill(case.log, case), log):
        yield "the log does not say /%s/" % fill(case.log, case)


def _fate(case, fate):
    want = case.want
    if fate is None:
        yield "nothing became of it"
        return
    if fate.status != want.status:
        yield "it was " + fate.line[fate.line.find("relay=") :]
        return
    expected = {"reason": want.reason, "policy": want.policy, **want.keys}
    for key, value in expected.items():
        if value and fate.get(key, "-") != fill(value, case):
            yield "%s is not %s in %s" % (key, value, fate.line[fate.line.find("relay=") :])


def _arrived(case, label, sink):
    got = [m for m in sink.messages() if m.recipients == [case.recipient]]
    if len(got) != case.want.copies:
        yield "%s got %d copies" % (label, len(got))
    if case.want.clear:
        return
    if any(not m.tls for m in got) or any(not tls for tls, _, _ in sink.envelope()):
        yield "%s got it in clear" % label
    for session in sink.sessions:
        if CLEAR.search(session.wire) or secret(case) in session.wire:
            yield "%s saw the message on the wire" % label


def _silent(case, label, sink):
    """A connection that the case forbids: not one word about the message."""
    told = sink.envelope()
    if told:
        yield "%s was told %r" % (label, told[0][2])
    if sink.leaked(secret(case), case.recipient.encode()):
        yield "%s saw content" % label
    for session in sink.sessions:
        if CLEAR.search(session.wire):
            yield "%s saw an envelope in clear" % label
