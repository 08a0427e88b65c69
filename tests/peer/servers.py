# SPDX-License-Identifier: ISC
"""servers: the downloaded server programs (tests/peer/fetch-servers) and how
to run them from where they were unpacked."""
import glob
import os
import subprocess

import proc


class Servers:
    def __init__(self, scratch, path=None):
        self.scratch = scratch
        self.path = path or proc.SERVERS
        done = subprocess.run(
            [os.path.join(proc.HERE, "fetch-servers"), self.path],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise proc.Failed(done.stderr.strip() or "fetch-servers failed")
        self.root = scratch.tree(os.path.join(self.path, "root"))

    def program(self, name):
        for folder in ("usr/sbin", "usr/bin", "sbin", "bin"):
            path = os.path.join(self.root, folder, name)
            if os.path.exists(path):
                return path
        raise proc.Failed("no program %s among the fetched servers" % name)

    def libraries(self):
        return sorted(
            glob.glob(os.path.join(self.root, "usr/lib/*-linux-gnu*"))
            + glob.glob(os.path.join(self.root, "lib/*-linux-gnu*"))
        )

    def env(self, **more):
        return {
            "PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
            "LC_ALL": "C",
            "LD_LIBRARY_PATH": ":".join(self.libraries()),
            **more,
        }

    def env_named(self, users, groups=None, root=False):
        """The same, and the program sees exactly these users: {name: uid}.
        Servers insist on users of their own, which this machine does not have.
        root: it also believes that it is root and may become each of them."""
        uid, gid = proc.unprivileged()
        users = dict({"root": 0}, **users)
        passwd = self.scratch.write(
            "passwd-" + "-".join(users),
            "".join(
                "%s:x:%d:%d::/:/bin/false\n" % (n, u, gid if u == uid else u)
                for n, u in users.items()
            ),
        )
        groups = dict({n: gid if u == uid else u for n, u in users.items()}, **(groups or {}))
        group = self.scratch.write(
            "group-" + "-".join(users), "".join("%s:x:%d:\n" % (n, g) for n, g in groups.items())
        )
        env = self.env(
            LD_PRELOAD=self._library("libnss_wrapper.so"),
            NSS_WRAPPER_PASSWD=passwd,
            NSS_WRAPPER_GROUP=group,
        )
        if root:
            env["LD_PRELOAD"] += ":" + self._library("libuid_wrapper.so")
            env.update(UID_WRAPPER="1", UID_WRAPPER_ROOT="1")
        return env

    def _library(self, name):
        for folder in self.libraries():
            if os.path.exists(os.path.join(folder, name)):
                return os.path.join(folder, name)
        raise proc.Failed("no library %s among the fetched servers" % name)


class MailServer:
    """One of them that takes mail: path, port, hosts, argv and env are its own."""

    log_name, errors_name = "log", "stderr"
    process = None

    def start(self):
        name = type(self).__name__
        errors = os.path.join(self.path, self.errors_name)
        self.process = proc.Process(name.lower(), self.argv, errors, env=self.env)
        for address in self.hosts:
            proc.until("%s on %s" % (name, address),
                       lambda a=address: proc.answers(a, self.port), 20, process=self.process)

    def stop(self):
        if self.process is not None:
            self.process.stop()
            self.process = None

    def log(self):
        try:
            with open(os.path.join(self.path, self.log_name), encoding="utf-8", errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""
