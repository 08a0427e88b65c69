# SPDX-License-Identifier: ISC
"""mx_line: the connection of a scripted SMTP server: socket, TLS engine and
line buffer.  TLS runs over memory buffers, so that each byte on the wire is
seen as it was, whatever it turns out to be."""
import ssl


class Gone(Exception):
    """The peer closed, or the script says so."""


class Line:
    """Socket, TLS engine and line buffer of one session."""

    def __init__(self, sock, session):
        self.sock = sock
        self.session = session
        self.buffer = bytearray()
        self.engine = None

    def _raw(self):
        data = self.sock.recv(262144)
        if not data:
            raise Gone("closed by peer")
        if self.engine is None or len(self.session.wire) < 65536:
            self.session.wire += data
        return data

    def _pump(self):
        out = self.outgoing.read()
        if out:
            self.sock.sendall(out)

    def fill(self):
        if self.engine is None:
            self.buffer += self._raw()
            return
        while True:
            try:
                data = self.engine.read(262144)
            except ssl.SSLWantReadError:
                self._pump()
                self.incoming.write(self._raw())
                continue
            if not data:
                raise Gone("TLS closed")
            if len(self.session.inside) < 1 << 20:
                self.session.inside += data
            self.buffer += data
            return

    def send(self, data):
        if self.engine is None:
            self.sock.sendall(data)
            return
        view = memoryview(data)
        while view:
            view = view[self.engine.write(view) :]
            self._pump()

    def start_tls(self, context):
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        if self.buffer:  # what a client sent too early is not TLS
            self.incoming.write(bytes(self.buffer))
            self.buffer.clear()
        engine = context.wrap_bio(self.incoming, self.outgoing, server_side=True)
        engine.belongs_to = self.session
        self.engine = engine
        while True:
            try:
                engine.do_handshake()
                self._pump()
                break
            except ssl.SSLWantReadError:
                self._pump()
                self.incoming.write(self._raw())
            except ssl.SSLError:
                self._pump()
                raise
        self.session.tls = engine.version()

    def line(self):
        while True:
            end = self.buffer.find(b"\n")
            if end >= 0:
                line = bytes(self.buffer[: end + 1])
                del self.buffer[: end + 1]
                return line
            if len(self.buffer) > 65536:
                raise Gone("endless line")
            self.fill()

    def take(self, n):
        while len(self.buffer) < n:
            self.fill()
        data = bytes(self.buffer[:n])
        del self.buffer[:n]
        return data

    def body(self):
        """DATA content without dot-stuffing (RFC 5321 s4.5.2)."""
        at = 0
        while True:
            if self.buffer.startswith(b".\r\n"):
                end, skip = 0, 3
                break
            end = self.buffer.find(b"\r\n.\r\n", at)
            if end >= 0:
                end, skip = end + 2, 3
                break
            at = max(0, len(self.buffer) - 5)
            self.fill()
        raw = bytes(self.buffer[:end])
        del self.buffer[: end + skip]
        return (b"\r\n" + raw).replace(b"\r\n.", b"\r\n")[2:]
