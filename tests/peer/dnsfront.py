# SPDX-License-Identifier: ISC
"""dnsfront: stands between a resolver and the authoritative server, and fails
single questions as told: one type of one name, where a broken zone would fail
all of them.

	front.fail("mx.a.example", "AAAA", SERVFAIL)
"""
import socket
import struct
import threading

SERVFAIL, REFUSED, DROP, STRIP = "servfail", "refused", "drop", "strip"
TYPES = {"A": 1, "NS": 2, "CNAME": 5, "MX": 15, "TXT": 16, "AAAA": 28, "TLSA": 52}
RCODES = {SERVFAIL: 2, REFUSED: 5}


def question(packet):
    """(name, type, offset behind it) of a query."""
    at, labels = 12, []
    while packet[at]:
        labels.append(packet[at + 1 : at + 1 + packet[at]].decode("latin-1").lower())
        at += 1 + packet[at]
    kind = struct.unpack("!H", packet[at + 1 : at + 3])[0]
    return ".".join(labels), kind, at + 5


class Front:
    """Answers on address like the server at upstream, UDP and TCP."""

    def __init__(self, address, upstream):
        self.address = address
        self.upstream = upstream
        self.faults = {}
        self.asked = []
        while True:
            self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.udp.bind((address, 0))
            self.port = self.udp.getsockname()[1]
            self.tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            try:
                self.tcp.bind((address, self.port))
                break
            except OSError:
                self.udp.close()
                self.tcp.close()
        self.udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
        self.tcp.listen(64)
        self.open = True
        for work in (self._datagrams, self._connections):
            threading.Thread(target=work, daemon=True).start()

    def fail(self, name, kind, how):
        """SERVFAIL, REFUSED, DROP (no answer) or STRIP (no signatures in it)."""
        self.faults[name.rstrip(".").lower(), TYPES[kind]] = how

    def mend(self, name, kind):
        self.faults.pop((name.rstrip(".").lower(), TYPES[kind]), None)

    def stop(self):
        self.open = False
        self.udp.close()
        try:
            self.tcp.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.tcp.close()

    def _judged(self, query):
        """(query to pass on, answer to give at once); both None: silence."""
        name, kind, end = question(query)
        how = self.faults.get((name, kind))
        if how == DROP:
            return None, None
        if how in RCODES:
            head = query[:2] + bytes([0x80 | query[2] & 0x79, 0x80 | RCODES[how]])
            return None, head + b"\0\1\0\0\0\0\0\0" + query[12:end]
        if how == STRIP and query[end : end + 3] == b"\0\0\x29":
            query = query[: end + 7] + bytes([query[end + 7] & 0x7F]) + query[end + 8 :]
        return query, None

    def _datagrams(self):
        while self.open:
            try:
                query, peer = self.udp.recvfrom(65535)
            except OSError:
                return
            threading.Thread(target=self._datagram, args=(query, peer), daemon=True).start()

    def _datagram(self, query, peer):
        try:
            ask, answer = self._judged(query)
            if ask is not None:
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as up:
                    up.settimeout(5)
                    up.connect(self.upstream)
                    up.send(ask)
                    answer = up.recv(65535)
            if answer is not None:
                self.udp.sendto(answer, peer)
        except (OSError, IndexError, struct.error):
            pass

    def _connections(self):
        while self.open:
            try:
                sock, _ = self.tcp.accept()
            except OSError:
                return
            threading.Thread(target=self._connection, args=(sock,), daemon=True).start()

    def _connection(self, sock):
        try:
            with sock, socket.create_connection(self.upstream, 5) as up:
                sock.settimeout(10)
                while True:
                    query = framed(sock)
                    ask, answer = self._judged(query)
                    if ask is not None:
                        up.sendall(struct.pack("!H", len(ask)) + ask)
                        answer = framed(up)
                    if answer is None:
                        return
                    sock.sendall(struct.pack("!H", len(answer)) + answer)
        except (OSError, EOFError, IndexError, struct.error):
            pass


def framed(sock):
    """One message with its two octets of length (RFC 1035 s4.2.2)."""
    return exactly(sock, struct.unpack("!H", exactly(sock, 2))[0])


def exactly(sock, n):
    data = b""
    while len(data) < n:
        more = sock.recv(n - len(data))
        if not more:
            raise EOFError
        data += more
    return data
