# SPDX-License-Identifier: ISC
"""policyhost: a scriptable MTA-STS policy host: one certificate and one answer
a name, told apart by SNI.  It takes the place of nginx.Nginx where the server
has to misbehave.  Answers may be changed while it runs."""
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field


@dataclass
class Answer:
    """What one name answers.

    how     serve | close (no TLS) | garbage (not TLS) | cut (half of the body)
    type    content type, "" for none;  length: is Content-Length said?
    delay   seconds before the answer
    asked   request lines that came
    """

    body: str = ""
    status: str = "200 OK"
    type: str = "text/plain"
    headers: tuple = ()
    delay: float = 0
    how: str = "serve"
    length: bool = True
    path: str = "/.well-known/mta-sts.txt"
    tls_max: str = ""
    cert: object = None
    asked: list = field(default_factory=list)


class PolicyHost:
    def __init__(self, address):
        self.address = address
        self.hosts = {}
        self.port = None
        self._listener = None
        self._contexts = {}

    def host(self, name, cert, answer):
        """answer: an Answer, or the policy's text."""
        answer = answer if isinstance(answer, Answer) else Answer(answer)
        answer.cert = cert
        self.hosts[name] = answer
        return answer

    def start(self):
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((self.address, self.port or 0))
        self._listener.listen(256)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self):
        if self._listener is not None:
            try:
                self._listener.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            self._listener.close()
            self._listener = None

    def reload(self):
        """Nothing to do: answers are read when they are asked for."""

    def asked(self, domain):
        """Request lines that came for the policy of this domain."""
        return self.hosts["mta-sts." + domain].asked

    # ---- the server ----

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except (OSError, AttributeError):
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _context(self, cert, tls_max=""):
        key = (cert.chain, tls_max)
        if key not in self._contexts:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(cert.chain, cert.key)
            if tls_max:
                context.set_ciphers("ALL:@SECLEVEL=0")
                context.minimum_version = ssl.TLSVersion.TLSv1
                context.maximum_version = getattr(ssl.TLSVersion, tls_max)
            self._contexts[key] = context
        return self._contexts[key]

    def _name(self, sock):
        """The SNI of the ClientHello that waits there, without taking it."""
        end = time.monotonic() + 5
        while time.monotonic() < end:
            seen = sock.recv(4096, socket.MSG_PEEK).lower()
            for name, answer in self.hosts.items():
                if b"\0" + bytes([len(name)]) + name.encode() in seen:
                    return answer
            if not seen:
                return None
            time.sleep(0.01)
        return None

    def _serve(self, sock):
        try:
            sock.settimeout(30)
            answer = self._name(sock)
            if answer is None or answer.how == "close":
                return
            if answer.how == "garbage":
                sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + answer.body.encode())
                return
            context = self._context(answer.cert, answer.tls_max)
            with context.wrap_socket(sock, server_side=True) as tls:
                self._answer(tls, answer)
                tls.unwrap().close()
        except OSError:
            pass
        finally:
            sock.close()

    def _answer(self, tls, answer):
        asked = b""
        while b"\r\n\r\n" not in asked and len(asked) < 65536:
            data = tls.recv(4096)
            if not data:
                return
            asked += data
        line = asked.split(b"\r\n")[0].decode("latin-1")
        answer.asked.append(line)
        time.sleep(answer.delay)
        body = answer.body.encode("utf-8", "surrogateescape")
        status = answer.status
        if line.split(" ")[1] != answer.path:
            status, body = "404 Not Found", b"no such page\n"
        head = ["HTTP/1.1 " + status, "Connection: close", *answer.headers]
        if answer.type:
            head.append("Content-Type: " + answer.type)
        if answer.length:
            head.append("Content-Length: %d" % len(body))
        if answer.how == "cut":
            body = body[: len(body) // 2]
        tls.sendall("\r\n".join(head + ["", ""]).encode() + body)
