"""What people do with curl, over HTTP/1.1 and HTTP/2."""

import json
import subprocess

import web
from gateway import GatewayTest

VERSIONS = {"1.1": "--http1.1", "2": "--http2-prior-knowledge"}


class Curl(GatewayTest):
    @classmethod
    def start_backend(cls):
        return web.start()

    def curl(self, version, path, *options, body=None):
        out = "\n%{http_code} %{http_version} %{num_connects}"
        command = ["curl", "-sS", "--max-time", "20", VERSIONS[version], "-w", out, *options]
        url = f"http://127.0.0.1:{self.gateway.port}{path}"
        done = subprocess.run([*command, url], input=body, capture_output=True, timeout=30)
        self.assertEqual(done.returncode, 0, done.stderr)
        content, _, told = done.stdout.rpartition(b"\n")
        status, spoken, connects = told.decode().split()
        self.assertEqual(spoken, version)
        return int(status), content, int(connects)

    def test_get(self):
        for version in VERSIONS:
            status, content, _ = self.curl(version, "/a?b=c")
            asked = json.loads(content)
            self.assertEqual((status, asked["method"], asked["path"]), (200, "GET", "/a?b=c"))
            self.assertEqual(asked["fields"]["x-forwarded-for"], "127.0.0.1")

    def test_head_has_a_length_and_no_body(self):
        for version in VERSIONS:
            status, head, _ = self.curl(version, "/large", "--head")
            self.assertEqual(status, 200)
            self.assertIn(b"content-length: 262144", head.lower())

    def test_bodies_come_back(self):
        for version in VERSIONS:
            for size in (0, 1, 100_000, 3_000_000):
                body = b"x" * size
                for framing in ([], ["-H", "Transfer-Encoding: chunked"] if version == "1.1" else []):
                    status, content, _ = self.curl(version, "/echo", "--data-binary", "@-", *framing, body=body)
                    self.assertEqual((status, len(content)), (200, size), (version, framing))

    def test_100_continue(self):
        # curl waits for it longer than for the whole.
        patient = ["--expect100-timeout", "15", "--max-time", "10"]
        # Over HTTP/2 nothing says it, so curl goes on after a second of its own.
        for version, options in {"1.1": patient, "2": []}.items():
            expect = ["-H", "Expect: 100-continue", "--data-binary", "@-", *options]
            status, content, _ = self.curl(version, "/echo", *expect, body=b"x" * 2000)
            self.assertEqual((status, len(content)), (200, 2000))

    def test_a_connection_serves_again(self):
        # Not by prior knowledge of HTTP/2: there curl 7.88 fails at its second request, with any server.
        again = f"http://127.0.0.1:{self.gateway.port}/echo"
        _, _, connects = self.curl("1.1", "/a", again)
        self.assertEqual(connects, 0)

    def test_large_answers_are_whole(self):
        for version in VERSIONS:
            _, content, _ = self.curl(version, "/large")
            self.assertEqual(content, b"0123456789abcdef" * (1 << 14))

    def test_http_10(self):
        url = f"http://127.0.0.1:{self.gateway.port}/a"
        done = subprocess.run(["curl", "-sS", "--http1.0", "-i", url], capture_output=True, timeout=30)
        self.assertIn(b" 200 ", done.stdout.splitlines()[0], done.stderr)

    def test_methods(self):
        for version in VERSIONS:
            for method in ("PUT", "PATCH", "DELETE", "OPTIONS"):
                status, content, _ = self.curl(version, "/a", "-X", method)
                self.assertEqual((status, json.loads(content)["method"]), (200, method))
            status, _, _ = self.curl(version, "/a", "-X", "TRACE")
            self.assertEqual(status, 405)

    def test_a_head_that_is_too_large(self):
        for version in VERSIONS:
            status, _, _ = self.curl(version, "/a", "-H", "x-large: " + "x" * 40_000)
            self.assertEqual(status, 431)
            status, _, _ = self.curl(version, "/" + "x" * 9000)
            self.assertEqual(status, 414)
