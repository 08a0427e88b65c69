# SPDX-License-Identifier: ISC
"""nginx: a real nginx as policy host: one HTTPS server a name, told apart by
SNI, and no answer to any other name."""
import os

import proc

HEAD = """
daemon off;
master_process off;
pid %(dir)s/pid;
error_log %(dir)s/error.log info;
events { }
http {
	access_log %(dir)s/access.log;
	client_body_temp_path %(dir)s/t1;
	proxy_temp_path %(dir)s/t2;
	fastcgi_temp_path %(dir)s/t3;
	uwsgi_temp_path %(dir)s/t4;
	scgi_temp_path %(dir)s/t5;
	server { listen %(listen)s ssl default_server; ssl_reject_handshake on; }
"""
HOST = """
	server {
		listen %(listen)s ssl;
		server_name %(name)s;
		ssl_certificate %(chain)s;
		ssl_certificate_key %(key)s;
		location / { return 404; }
		location = /.well-known/mta-sts.txt { %(answer)s }
	}
"""


class Nginx:
    """hosts: {name: (Cert, policy text or a raw nginx answer starting "return")}"""

    def __init__(self, scratch, servers, address):
        self.scratch = scratch
        self.servers = servers
        self.address = address
        self.path = scratch.dir("nginx")
        self.hosts = {}
        self.port = None
        self.process = None

    def host(self, name, cert, policy):
        self.hosts[name] = (cert, policy)

    def _configure(self):
        listen = "%s:%d" % (self.address, self.port)
        text = HEAD % {"dir": self.path, "listen": listen}
        for name, (cert, policy) in self.hosts.items():
            if policy.startswith("return"):
                answer = policy
            else:
                path = self.scratch.write("nginx/%s.txt" % name, policy)
                answer = "default_type text/plain; alias %s;" % path
            text += HOST % {
                "listen": listen,
                "name": name,
                "chain": cert.chain,
                "key": cert.key,
                "answer": answer,
            }
        return self.scratch.write("nginx/conf", text + "}\n")

    def start(self):
        if self.port is None:
            self.port = proc.free_port((self.address,))
        conf = self._configure()
        self.process = proc.Process(
            "nginx",
            [self.servers.program("nginx"), "-p", self.path, "-c", conf],
            os.path.join(self.path, "log"),
            env=self.servers.env(),
        )
        proc.until(
            "nginx", lambda: proc.answers(self.address, self.port), 20, process=self.process
        )

    def stop(self):
        if self.process is not None:
            self.process.stop()
            self.process = None

    def reload(self):
        self.stop()
        self.start()

    def requests(self):
        try:
            with open(os.path.join(self.path, "access.log"), encoding="utf-8") as f:
                return f.read()
        except FileNotFoundError:
            return ""
