# SPDX-License-Identifier: ISC
"""letter: a message that is easily damaged in transit: leading dots, trailing
blanks, long lines, bytes beyond ASCII, empty lines at the end."""
import base64
import hashlib


def letter(sender, recipient, number):
    mark = hashlib.sha256(recipient.encode()).hexdigest()
    body = [
        "Please find the payroll of July attached (%s)." % mark,
        ".",
        ". a line that begins with a dot",
        "..two dots",
        ".\t.",
        "",
        "trailing blanks   ",
        "\ttab, umlauts \u00e4\u00f6\u00fc, \u20ac, \u5b57",
        "From the start of a line",
        "x" * 990,
        "--frontier--",
        "DATA",
        "QUIT",
        "RCPT TO:<victim@example.net>",
        ">From quoted",
        "=20=0D=0A",
        base64.b64encode(hashlib.sha512(mark.encode()).digest() * 3).decode(),
        "",
        "last line, then two empty ones",
        "",
        "",
    ]
    head = [
        "From: Payroll <%s>" % sender,
        "To: <%s>" % recipient,
        "Subject: Payroll %d, confidential" % number,
        "Date: Mon, 02 Jun 2025 10:00:00 +0200",
        "Message-ID: <%s@corp.example>" % mark[:20],
        "X-Folded: one",
        "\ttwo",
        " three",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 8bit",
        "",
    ]
    return "\r\n".join(head + body + [""]).encode(), mark.encode()
