#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""mx: a scriptable SMTP server that writes down everything it sees: each byte
on the wire, each command, each message.  A test asks it afterwards what
reached it: "no MAIL, RCPT, DATA, BDAT or AUTH arrived", "not one byte of this
text was on the wire in clear".

In a test:        sink = Sink(address, port, Script(cert=c)); ...; sink.close()
As a process:     mx.py '{"address": .., "port": .., "cert": .., "key": .., "log": ..}'
                  (one JSON line a message; for load, where threads of the test
                  itself would be in the way)
"""
import base64
import itertools
import json
import re
import socket
import ssl
import sys
import threading
import time
from dataclasses import dataclass, field

from mx_line import Gone, Line

ENVELOPE = ("MAIL", "RCPT", "DATA", "BDAT", "AUTH", "VRFY", "EXPN")
CAPS = ("PIPELINING", "SIZE 104857600", "8BITMIME", "ENHANCEDSTATUSCODES", "CHUNKING", "SMTPUTF8")
DEFAULTS = {
    "BANNER": "220 %(name)s ESMTP",
    "HELO": "250 %(name)s",
    "STARTTLS": "220 2.0.0 go ahead",
    "MAIL": "250 2.1.0 sender ok",
    "RCPT": "250 2.1.5 recipient ok",
    "DATA": "354 go ahead",
    "DOT": "250 2.0.0 stored",
    "BDAT": "250 2.0.0 chunk",
    "RSET": "250 2.0.0 reset",
    "NOOP": "250 2.0.0 ok",
    "QUIT": "221 2.0.0 bye",
    "AUTH": "503 5.5.1 no",
}


@dataclass
class Script:
    """What the server does.

    starttls  yes | no (not offered, 502 when asked) | mangle (offered as
              XXXXXXXA) | refuse (454) | inject (a reply follows the 220 in the
              same packet) | garbage (220, then no TLS) | close | stall
    replies   verb (BANNER EHLO STARTTLS MAIL RCPT DATA DOT BDAT RSET QUIT ...) to
              text, bytes (sent raw), a list (used up first to last, then the
              usual answer) or a function of (session, line)
    drop, stall   verbs at which the connection is cut, or never answered
    tarpit    seconds before each reply
    tls_caps  offered under TLS only, such as REQUIRETLS
    messages  cut the connection after so many messages
    bdat      yes | unknown (502, and what follows it is taken for commands)
    implicit  TLS from the first byte
    users     name to password: AUTH with the mechanisms in auth, offered under
              TLS only, or auth_in = "clear" or "both"
    client_ca   PEM file: a client certificate of this issuer is demanded
    """

    cert: object = None
    name: str = "mx.test"
    starttls: str = "yes"
    tls_max: str = ""
    caps: tuple = CAPS
    tls_caps: tuple = ()
    replies: dict = field(default_factory=dict)
    drop: tuple = ()
    stall: tuple = ()
    tarpit: float = 0
    messages: int = 0
    bdat: str = "yes"
    keep: bool = True
    implicit: bool = False
    auth: tuple = ("PLAIN", "LOGIN")
    auth_in: str = "tls"
    users: dict = field(default_factory=dict)
    client_ca: str = ""
    extra: str = ""  # for the test's own use


@dataclass
class Message:
    session: int
    tls: bool
    sender: str
    recipients: list
    data: bytes


class Session:
    """One connection.  wire: every byte received as it was on the wire;
    inside: what came out of TLS; commands: (tls, verb, line)."""

    def __init__(self, number, peer):
        self.number = number
        self.peer = peer
        self.tls = None
        self.sni = None
        self.wire = bytearray()
        self.inside = bytearray()
        self.commands = []
        self.messages = []
        self.user = None  # who logged in
        self.error = ""
        self.closed = False
        self.began = time.time()

    def verbs(self):
        return [verb for _, verb, _ in self.commands]

    def seen(self):
        """All bytes that were readable by this server or on its wire."""
        return bytes(self.wire) + b"\n" + bytes(self.inside)


def note_sni(engine, name, context):
    engine.belongs_to.sni = name


class Sink:
    """A server on one address.  Change .script at any time: it holds from the
    next reply on.  Everything it learns is in .sessions."""

    def __init__(self, address, port, script, log=None, backlog=512):
        self.address = address
        self.script = script
        self.sessions = []
        self.log = log
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._open = set()
        self._contexts = {}
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._listener = socket.socket(family, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((address, port))
        self._listener.listen(backlog)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    # ---- what a test asks ----

    def messages(self):
        with self._lock:
            return [m for s in self.sessions for m in s.messages]

    def commands(self, *verbs):
        with self._lock:
            return [c for s in self.sessions for c in s.commands if not verbs or c[1] in verbs]

    def envelope(self):
        """Commands that told it about a message.  Empty for a rogue, always."""
        return self.commands(*ENVELOPE)

    def leaked(self, *secrets):
        """Which of these byte strings were seen, in clear or inside TLS."""
        with self._lock:
            seen = b"\n".join(s.seen() for s in self.sessions).lower()
        return [s for s in secrets if s.lower() in seen]

    def clear(self):
        with self._lock:
            self.sessions = []

    def close(self):
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()
        with self._lock:
            for s in list(self._open):
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    # ---- the server ----

    def _accept(self):
        while True:
            try:
                sock, peer = self._listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            session = Session(next(self._numbers), peer)
            with self._lock:
                self.sessions.append(session)
                self._open.add(sock)
            threading.Thread(target=self._serve, args=(sock, session), daemon=True).start()

    def _context(self, session):
        script = self.script
        key = (script.cert.chain, script.tls_max, script.client_ca)
        if key not in self._contexts:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            if script.tls_max:
                context.set_ciphers("ALL:@SECLEVEL=0")
            context.load_cert_chain(script.cert.chain, script.cert.key)
            if script.tls_max:
                context.minimum_version = ssl.TLSVersion.TLSv1
                context.maximum_version = getattr(ssl.TLSVersion, script.tls_max)
            if script.client_ca:
                context.load_verify_locations(script.client_ca)
                context.verify_mode = ssl.CERT_REQUIRED
            context.sni_callback = note_sni
            self._contexts[key] = context
        return self._contexts[key]

    def _serve(self, sock, session):
        line = Line(sock, session)
        try:
            _Dialogue(self, line, session).run()
        except Gone as e:
            session.error = str(e)
        except (OSError, ssl.SSLError) as e:
            session.error = "%s: %s" % (type(e).__name__, e)
        finally:
            session.closed = True
            with self._lock:
                self._open.discard(sock)
            sock.close()

    def note(self, message):
        if self.log:
            ids = re.search(rb"(?mi)^X-Test-Id: *(\S+)", message.data[:65536])
            with self._lock:
                self.log.write(
                    json.dumps(
                        {
                            "id": ids.group(1).decode() if ids else None,
                            "tls": message.tls,
                            "from": message.sender,
                            "to": message.recipients,
                            "size": len(message.data),
                            "time": time.time(),
                        }
                    )
                    + "\n"
                )
                self.log.flush()


class _Dialogue:
    """The SMTP conversation of one session."""

    def __init__(self, sink, line, session):
        self.sink = sink
        self.line = line
        self.session = session
        self.reset()

    def reset(self):
        self.sender = None
        self.recipients = []
        self.chunks = bytearray()

    def say(self, verb, line=""):
        script = self.sink.script
        if verb in script.drop:
            raise Gone("dropped at " + verb)
        if verb in script.stall:
            self.hang()
        if script.tarpit:
            time.sleep(script.tarpit)
        reply = script.replies.get(verb)
        if isinstance(reply, list):
            reply = reply.pop(0) if reply else None
        elif callable(reply):
            reply = reply(self.session, line)
        if reply is None:
            reply = self.ehlo() if verb == "EHLO" else DEFAULTS.get(verb, "500 5.5.2 what?")
        if isinstance(reply, bytes):
            self.line.send(reply)
            return "000"
        reply = reply.replace("%(name)s", script.name)
        self.line.send(reply.replace("\n", "\r\n").encode() + b"\r\n")
        return reply.split("\n")[-1][:3]

    def ehlo(self):
        caps = list(self.sink.script.caps)
        if not self.session.tls:
            offer = {"no": None, "mangle": "XXXXXXXA"}.get(self.sink.script.starttls, "STARTTLS")
            caps += [offer] if offer and not self.sink.script.implicit else []
        else:
            caps += self.sink.script.tls_caps
        where = self.sink.script.auth_in
        if self.sink.script.users and where in ("both", "tls" if self.session.tls else "clear"):
            caps.append("AUTH " + " ".join(self.sink.script.auth))
        words = ["%(name)s"] + caps
        return "\n".join("250%s%s" % (" " if w is words[-1] else "-", w) for w in words)

    def hang(self):
        while True:
            self.line.fill()
            self.line.buffer.clear()

    def auth(self, text):
        """RFC 4954: PLAIN and LOGIN."""
        words = text.split()
        try:
            if words[1].upper() == "PLAIN":
                raw = words[2].encode() if len(words) > 2 else self.ask("")
                _, name, password = base64.b64decode(raw, validate=True).split(b"\0")
            else:
                name = base64.b64decode(self.ask("Username:"), validate=True)
                password = base64.b64decode(self.ask("Password:"), validate=True)
            name, password = name.decode(), password.decode()
        except (IndexError, ValueError):
            self.line.send(b"501 5.5.2 cannot decode\r\n")
            return
        if self.sink.script.users.get(name) == password:
            self.session.user = name
            self.line.send(b"235 2.7.0 welcome\r\n")
        else:  # a rude server: repeats what it heard
            self.line.send(b"535 5.7.8 no: %s %s\r\n" % (name.encode(), password.encode()))

    def ask(self, what):
        self.line.send(b"334 " + base64.b64encode(what.encode()) + b"\r\n")
        return self.line.line().strip()

    def run(self):
        if self.sink.script.implicit:
            self.line.start_tls(self.sink._context(self.session))
        if self.say("BANNER")[:1] == "5":
            self.hang()
        while True:
            raw = self.line.line()
            text = raw.decode("utf-8", "backslashreplace").rstrip("\r\n")
            verb = text[:8].upper() if text[:8].upper() == "STARTTLS" else text[:4].upper()
            self.session.commands.append((bool(self.session.tls), verb, text))
            self.step(verb, text)

    def step(self, verb, text):
        if verb == "STARTTLS":
            self.starttls()
            return
        if verb == "AUTH" and self.sink.script.users:
            self.auth(text)
            return
        if verb == "MAIL" and self.sink.script.users and not self.session.user:
            self.line.send(b"530 5.7.0 log in first\r\n")
            return
        if verb == "DATA" and self.recipients:
            if self.say("DATA", text) == "354":
                self.stored(self.line.body())
            return
        if verb == "DATA":
            self.line.send(b"503 5.5.1 no recipients\r\n")
            return
        if verb == "BDAT":
            self.bdat(text)
            return
        ok = self.say(verb, text)[:1] == "2"
        if verb == "MAIL" and ok:
            self.reset()
            self.sender = address(text)
        elif verb == "RCPT" and ok:
            self.recipients.append(address(text))
        elif verb in ("RSET", "EHLO", "HELO"):
            self.reset()
        elif verb == "QUIT":
            raise Gone("quit")

    def bdat(self, text):
        words = text.split()
        if self.sink.script.bdat == "unknown":
            self.line.send(b"502 5.5.1 BDAT is not implemented\r\n")
            return
        self.chunks += self.line.take(int(words[1]))
        if words[-1].upper() == "LAST":
            self.stored(bytes(self.chunks))
        elif self.say("BDAT", text)[:1] != "2":
            self.recipients, self.chunks = [], bytearray()

    def stored(self, data):
        script = self.sink.script
        keep = Message(
            self.session.number, bool(self.session.tls), self.sender, self.recipients, data
        )
        answer = script.replies.get("DOT")
        # On stable storage (so to speak) before the reply: a cut between the
        # two is the duplicate window, and the ledger must show it.
        if answer is None:
            if script.keep:
                self.session.messages.append(keep)
            self.sink.note(keep)
            self.say("DOT")
        elif self.say("DOT")[:1] == "2":
            self.session.messages.append(keep)
            self.sink.note(keep)
        self.reset()
        if script.messages and len(self.session.messages) >= script.messages:
            raise Gone("enough")

    def starttls(self):
        how = self.sink.script.starttls
        if how == "no" or self.session.tls:
            self.line.send(b"502 5.5.1 not implemented\r\n")
        elif how == "mangle":
            self.line.send(b"500 5.5.1 unrecognized\r\n")
        elif how == "refuse":
            self.line.send(b"454 4.7.0 TLS not available due to temporary reason\r\n")
        elif how == "garbage":
            self.line.send(b"220 go ahead\r\n")
            self.line.fill()  # the client's first TLS record
            self.line.send(b"\x80\x00\xff not TLS at all\r\n" * 20)
            self.hang()
        elif how == "close":
            self.line.send(b"220 go ahead\r\n")
            raise Gone("closed after 220")
        elif how == "stall":
            self.line.send(b"220 go ahead\r\n")
            self.hang()
        else:
            more = b"250-injected\r\n250 AUTH PLAIN\r\n" if how == "inject" else b""
            if self.say_starttls(more):
                self.line.start_tls(self.sink._context(self.session))
                self.reset()

    def say_starttls(self, more):
        if more:
            self.line.send(b"220 2.0.0 go ahead\r\n" + more)
            return True
        return self.say("STARTTLS") == "220"


def address(text):
    m = re.search(r"<([^>]*)>", text)
    return m.group(1) if m else text.split(":", 1)[-1].strip().split(" ")[0]


class _Files:
    def __init__(self, chain, key):
        self.chain, self.key = chain, key


def main():
    want = json.loads(sys.argv[1])
    cert = _Files(want["cert"], want["key"]) if "cert" in want else None
    with open(want["log"], "a", encoding="utf-8") as log:
        sink = Sink(
            want["address"],
            want["port"],
            Script(cert=cert, keep=False, **want.get("script", {})),
            log=log,
        )
        print("listening on %s:%d" % (sink.address, sink.port), flush=True)
        while True:
            time.sleep(3600)
            sink.clear()


if __name__ == "__main__":
    main()
