# SPDX-License-Identifier: ISC
"""report: the figures of all relays side by side, and the ratios."""
import time

ORDER = ("relayd", "postfix", "pipe")


def seconds(us):
    """A time in ms, from microseconds."""
    return "-" if us is None else "%.1f" % (us / 1000) if us < 100000 else "%.0f" % (us / 1000)


def mib(n):
    return "%.1f" % (n / 2**20)


MAIL = (("messages", "messages", str), ("rate", "messages/s", "{:.0f}".format),
        ("rate_in", "accepted/s", "{:.0f}".format), ("cpu", "CPU ms/message", "{:.3f}".format),
        ("accept", "250 after, ms, median", seconds), ("p50", "arrived after, ms, median", seconds),
        ("p99", "  99 %", seconds), ("memory", "peak memory, MiB", mib),
        ("connections", "connections out", str), ("handshakes", "  TLS handshakes", str),
        ("resumed", "  of these resumed", str), ("lost", "lost", str), ("doubled", "doubled", str),
        ("refused", "refused or cut off", str), ("clear", "MAIL in clear", str))
IDLE = (("held", "connections held", str), ("opened", "seconds to open them", "{:.1f}".format),
        ("cpu", "CPU ms/s while idle", lambda v: "%.1f" % (v * 1000)), ("memory", "memory, MiB", mib),
        ("each", "  KiB a connection", lambda v: "%.1f" % (v / 1024)),
        ("p50", "mail then arrives after, ms", seconds), ("p99", "  99 %", seconds), ("lost", "lost", str),
        ("doubled", "doubled", str))
PHASES = (("fast", "one destination, as fast as it goes", MAIL),
          ("spread", "{0} destinations, as fast as it goes", MAIL),
          ("steady", "{1} messages a second", MAIL), ("idle", "{2} idle connections", IDLE))
PHASE_NAMES = tuple(p[0] for p in PHASES)


def row(title, cells):
    return "%-36s" % title + "".join("%14s" % c for c in cells)


def table(bench, done):
    names = [n for n in ORDER if n in done]
    out = []
    for phase, title, rows in PHASES:
        if not any(phase in done[n] for n in names):
            continue
        out += ["", row(title.format(bench.destinations, bench.rate, bench.idle), names)]
        for key, label, show in rows:
            cells = [done[n].get(phase, {}).get(key) for n in names]
            if key in ("refused", "clear") and not any(cells):
                continue
            out.append(row("  " + label, ["-" if c is None else show(c) for c in cells]))
    return out


def ratio(done, a, b, phase, key):
    try:
        return done[a][phase][key] / done[b][phase][key]
    except (KeyError, TypeError, ZeroDivisionError):
        return None


# what, compared with whom, which figure, the aim for the fast run, is more better, where it says something
AIMS = (("rate, of Postfix's", "postfix", "rate", 10, 1, "fast spread"),
        ("CPU a message, of Postfix's", "postfix", "cpu", .1, -1, "fast spread steady"),
        ("rate, of the pipe's", "pipe", "rate", .5, 1, "fast spread"),
        ("CPU a message, of the pipe's", "pipe", "cpu", None, -1, "fast spread steady"),
        ("median time to arrive, of Postfix's", "postfix", "p50", None, -1, "steady idle"),
        ("median time to arrive, of the pipe's", "pipe", "p50", None, -1, "steady idle"),
        ("memory, of Postfix's", "postfix", "memory", None, -1, "fast spread steady idle"))


def aims(done):
    out = []
    for title, other, key, want, better, where in AIMS:
        cells = []
        for phase in PHASE_NAMES:
            r = ratio(done, "relayd", other, phase, key) if phase in where.split() else None
            cells.append("-" if r is None else "%.2f" % r if r < 9.95 else "%.1f" % r)
        if all(c == "-" for c in cells):
            continue
        fast = ratio(done, "relayd", other, "fast", key)
        note = ""
        if want is not None and fast is not None:
            note = "   aim %g: %s" % (want, "reached" if (fast - want) * better >= 0 else "missed")
        out.append("%-36s" % ("  " + title) + "".join("%9s" % c for c in cells) + note)
    if out:
        out[:0] = ["", "%-36s" % "relayd" + "".join("%9s" % c for c in PHASE_NAMES)]
    return out


def failed(results):
    """Did a relay lose or double a message?"""
    return any(r.get("lost") or r.get("doubled") or r.get("clear") for r in results.values())


def text(bench, done, absent, facts):
    out = [facts["machine"],
           "before: load average %.1f (what else ran here), 80 KiB append and fdatasync %.2f ms" % (
               facts["load"], facts["sync"]),
           "%d B messages on %d sessions, plain SMTP in, verified STARTTLS out; %s; took %.0f s" % (
               bench.bytes, bench.sessions, time.strftime("%Y-%m-%d %H:%M"), facts["seconds"])]
    out += table(bench, done) + aims(done)
    out += ["", *("%s was not measured: %s" % (n, why.splitlines()[0]) for n, why in absent.items())]
    return "\n".join(out).rstrip()


def save(path, body):
    """Keeps what people have written below, from the first "## " on."""
    try:
        with open(path, encoding="utf-8") as f:
            notes = f.read().partition("\n## ")
    except FileNotFoundError:
        notes = ("", "", "")
    with open(path, "w", encoding="utf-8") as f:
        f.write("# What `make bench BENCH_ARGS=--save` found\n\n"
                "CPU is that of all processes of a relay; memory the sum of their proportional\n"
                "shares (PSS). Latency counts from the moment a message was (due to be) sent.\n"
                "With nothing to hold it back the sender is always ahead, so the latency of the\n"
                "fast runs is mostly time in the queue.\n\n```\n" + body + "\n```\n" + notes[1] + notes[2])
