# SPDX-License-Identifier: ISC
"""client: a plain SMTP client for tests: says what it is told, byte for byte."""
import socket
import ssl


class Reply(str):
    """The reply text; .code is its number."""

    @property
    def code(self):
        return int(self[:3]) if self[:3].isdigit() else 0


class Client:
    def __init__(self, address, port, timeout=20, source=None, banner=True):
        self.sock = socket.create_connection(
            (address, port), timeout, source_address=(source, 0) if source else None
        )
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.banner = self.reply() if banner else None

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.close()

    def close(self):
        self.sock.close()

    def reset(self):
        """Ends the connection with a TCP reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data if isinstance(data, bytes) else data.encode())

    def line(self):
        while b"\n" not in self.buffer:
            data = self.sock.recv(65536)
            if not data:
                raise EOFError("connection closed after %r" % self.buffer)
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line.rstrip(b"\r").decode("utf-8", "backslashreplace")

    def reply(self):
        lines = [self.line()]
        while lines[-1][3:4] == "-":
            lines.append(self.line())
        return Reply("\n".join(lines))

    def replies_left(self, timeout=0.3):
        """Whatever else arrives within the time: for "exactly one reply"."""
        old = self.sock.gettimeout()
        self.sock.settimeout(timeout)
        got = []
        try:
            while True:
                got.append(self.reply())
        except (OSError, EOFError):
            pass
        self.sock.settimeout(old)
        return got

    def cmd(self, text):
        self.send(text + "\r\n")
        return self.reply()

    def ehlo(self, name="client.test"):
        return self.cmd("EHLO " + name)

    def starttls(self, context=None, name=None):
        r = self.cmd("STARTTLS")
        if r.code != 220:
            return r
        if context is None:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        self.sock = context.wrap_socket(self.sock, server_hostname=name)
        self.buffer = b""
        return r

    def envelope(self, sender, *recipients, options=""):
        """MAIL and RCPTs; the last reply."""
        r = self.cmd("MAIL FROM:<%s>%s" % (sender, options))
        for to in recipients:
            r = self.cmd("RCPT TO:<%s>" % to)
        return r

    def data(self, content):
        """DATA and a message (CRLF line ends), dot-stuffed; the final reply."""
        r = self.cmd("DATA")
        if r.code != 354:
            return r
        stuffed = (b"\r\n" + content).replace(b"\r\n.", b"\r\n..")[2:]
        self.send(
            stuffed + (b"" if stuffed.endswith(b"\r\n") or not stuffed else b"\r\n") + b".\r\n"
        )
        return self.reply()

    def mail(self, sender, recipients, content):
        if isinstance(recipients, str):
            recipients = [recipients]
        r = self.envelope(sender, *recipients)
        return self.data(content) if r.code == 250 else r

    def quit(self):
        r = self.cmd("QUIT")
        self.close()
        return r


def send(address, port, sender, recipients, content, **kw):
    """One message on a connection of its own; the final reply."""
    with Client(address, port, **kw) as c:
        c.ehlo()
        r = c.mail(sender, recipients, content)
        c.quit()
        return r


def message(sender, to, subject="test", body=b"", ident=None):
    """A small message with CRLF line ends."""
    head = (
        "From: <%s>\r\nTo: <%s>\r\nSubject: %s\r\nMessage-ID: <%s@client.test>\r\n"
        "Date: Mon, 02 Jun 2025 10:00:00 +0000\r\n" % (sender, to, subject, ident or "1")
    )
    if ident:
        head += "X-Test-Id: %s\r\n" % ident
    return head.encode() + b"\r\n" + body
