# SPDX-License-Identifier: ISC
"""kit: what every system test begins with.

	from kit import check, run

	def scenario():
	    ...
	    check(x == 1, "x is one")

	run(scenario)

Prints "ok - text" or "not ok - text" for each check; exit status 0 when all
are ok, 1 when one is not, 2 when the test could not be carried out.  What
stands in tests/peer, tests/torture and rules/ can be imported behind it.
"""
import os
import sys
import time
import traceback

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(TESTS, part) for part in ("peer", "torture", "system/rules")]

import proc  # noqa: E402

state = {"ok": 0, "not ok": 0}
cleanup = []


def check(good, text, detail=""):
    word = "ok" if good else "not ok"
    state[word] += 1
    print(
        "%s - %s%s" % (word, text, ": " + str(detail) if detail and not good else ""), flush=True
    )
    return bool(good)


def note(text):
    print("# " + text, flush=True)


def later(thing):
    """Stops it at the end, last first."""
    cleanup.append(thing)
    return thing


def attempt(text, function, *args, **kw):
    """A check that waits for something: its value, or None after "not ok"."""
    try:
        value = function(*args, **kw)
        check(True, text)
        return value if value is not None else True
    except proc.Failed as e:
        check(False, text, e)
        return None


def finish(thing):
    try:
        thing.stop()
        if hasattr(thing, "complaints"):
            said = thing.complaints()
            check(not said, "the daemon met no bug", "\n".join(said[:20]))
    except Exception as e:  # ending the rest matters more
        print("# stopping %r: %s" % (thing, e), flush=True)


def run(scenario):
    proc.end_politely()
    began = time.monotonic()
    status = 0
    try:
        scenario()
    except proc.Failed as e:
        print("not ok - %s: %s" % (scenario.__name__, e), flush=True)
        status = 2
    except Exception:  # a test that breaks is a failed test, with its trace
        print(
            "not ok - %s: unexpected:\n%s" % (scenario.__name__, traceback.format_exc()),
            flush=True,
        )
        status = 2
    finally:
        for thing in reversed(cleanup):
            finish(thing)
    if status == 0 and state["not ok"]:
        status = 1
    note("%d ok, %d not ok, %.1f s" % (state["ok"], state["not ok"], time.monotonic() - began))
    sys.exit(status)
