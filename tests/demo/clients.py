# SPDX-License-Identifier: ISC
"""clients: real mail programs, as an old server or a script would use them.
Each sends one finished message, unchanged."""
import shutil
import subprocess


def swaks(port, sender, recipient, message, scratch):
    # swaks gets the message as it goes over the wire, dots doubled, ended by a dot.
    stuffed = (b"\r\n" + message).replace(b"\r\n.", b"\r\n..")[2:] + b"."
    path = scratch.write("message.swaks", stuffed)
    return [
        "swaks",
        "--silent",
        "2",
        "--server",
        "127.0.0.1",
        "--port",
        str(port),
        "--ehlo",
        "printer.corp.example",
        "--from",
        sender,
        "--to",
        recipient,
        "--no-data-fixup",
        "--data",
        "@" + path,
    ], None


def msmtp(port, sender, recipient, message, scratch):
    return [
        "msmtp",
        "--file=/dev/null",
        "--host=127.0.0.1",
        "--port=%d" % port,
        "--tls=off",
        "--auth=off",
        "--domain=erp.corp.example",
        "--from=" + sender,
        "--set-from-header=off",
        "--set-date-header=off",
        "--set-msgid-header=off",
        "--remove-bcc-headers=off",
        "--",
        recipient,
    ], message.replace(b"\r\n", b"\n")


def curl(port, sender, recipient, message, scratch):
    path = scratch.write("message.curl", message)
    return [
        "curl",
        "-sS",
        "--url",
        "smtp://127.0.0.1:%d/scanner.corp.example" % port,
        "--mail-from",
        sender,
        "--mail-rcpt",
        recipient,
        "--upload-file",
        path,
    ], None


ALL = [f for f in (swaks, msmtp, curl) if shutil.which(f.__name__)]


def send(program, port, sender, recipient, message, scratch):
    """Runs one; its complaint, or "" when the mail was accepted."""
    argv, stdin = program(port, sender, recipient, message, scratch)
    done = subprocess.run(
        argv,
        input=stdin if stdin is not None else b"",
        capture_output=True,
        timeout=60,
        check=False,
    )
    if done.returncode == 0:
        return ""
    return "%s: exit %d: %s" % (
        program.__name__,
        done.returncode,
        (done.stderr or done.stdout).decode(errors="replace").strip()[-300:],
    )
