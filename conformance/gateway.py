"""A region gateway that runs from a file, for as long as a test class needs it."""

import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time
import unittest

PROGRAM = os.environ.get("REGION_GATEWAY", "region-gateway")
START_SECONDS = 20


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Gateway:
    """One route for every host, to one backend. Fields of the file: docs/gateway-file.md."""

    def __init__(self, backend_port, protocol="http"):
        self.port = free_port()
        self.folder = tempfile.TemporaryDirectory()
        config = pathlib.Path(self.folder.name, "gateway.yaml")
        config.write_text(
            f'listen: {{http: "127.0.0.1:{self.port}", admin: "127.0.0.1:0"}}\n'
            f'backends: {{back: {{endpoints: ["127.0.0.1:{backend_port}"], protocol: {protocol}}}}}\n'
            "routes: [{name: all, backend: back}]\n"
        )
        self.log = open(pathlib.Path(self.folder.name, "log"), "w+", encoding="utf-8")
        command = [PROGRAM, "--config", str(config), "--lame-duck-seconds=0"]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        self.wait_until_up()

    def wait_until_up(self):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                time.sleep(0.02)
        self.log.seek(0)
        raise RuntimeError(f"the gateway is not up:\n{self.log.read()}")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        self.folder.cleanup()


class GatewayTest(unittest.TestCase):
    """A class names its backend by `start_backend`, which gives a port and how to stop it."""

    protocol = "http"

    @classmethod
    def start_backend(cls):
        raise NotImplementedError

    @classmethod
    def setUpClass(cls):
        backend_port, stop = cls.start_backend()
        cls.addClassCleanup(stop)
        cls.gateway = Gateway(backend_port, cls.protocol)
        cls.addClassCleanup(cls.gateway.stop)
