"""RFC 9113 by httpwg-cli: every test passes, but for those that stand in httpwg-known.txt with a reason."""

import os
import pathlib
import re
import subprocess
import time
import unittest

import web
from gateway import Gateway

TOOL = os.environ.get("HTTPWG", "httpwg")
KNOWN = pathlib.Path(__file__).with_name("httpwg-known.txt")
BEGUN = re.compile(r"Running test: (RFC [^\n]+)")
PASSED = re.compile(r"Test passed: (RFC [^\n]+)")
# A reason that begins so: the test passes or fails by chance.
BY_CHANCE = "by chance:"


def known():
    lines = KNOWN.read_text(encoding="utf-8").splitlines()
    split = (line.partition(" | ") for line in lines if line and not line.startswith("#"))
    return {name.strip(): reason.strip() for name, _, reason in split}


class Http2(unittest.TestCase):
    def run_tool(self):
        port, stop = web.start()
        self.addCleanup(stop)
        gateway = Gateway(port)
        self.addCleanup(gateway.stop)
        command = [TOOL, "--address", f"127.0.0.1:{gateway.port}", "--frame-timeout", "2000", "--connect-timeout", "5000", "--verbose"]
        environment = {**os.environ, "RUST_LOG": "off", "SEQUENTIAL": "1"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=400)
        # A test that panics says nothing more than that it has begun.
        passed = {name.strip() for name in PASSED.findall(done.stderr)}
        found = {name.strip(): name.strip() in passed for name in BEGUN.findall(done.stderr)}
        if os.environ.get("HTTPWG_LOG"):
            pathlib.Path(os.environ["HTTPWG_LOG"]).write_text(done.stdout + done.stderr, encoding="utf-8")
        self.assertGreater(len(found), 100, done.stderr[-2000:])
        return found

    def test_no_failure_is_new_and_none_is_forgotten(self):
        began = time.monotonic()
        found, expected = self.run_tool(), known()
        failed = sorted(name for name, passed in found.items() if not passed)
        print(f"\nRFC 9113: {len(found) - len(failed)} of {len(found)} pass ({time.monotonic() - began:.0f} s)")
        new = [name for name in failed if name not in expected]
        mended = [name for name, reason in expected.items() if found.get(name) and not reason.startswith(BY_CHANCE)]
        gone = [name for name in expected if name not in found]
        self.assertEqual(new, [], "new failures")
        self.assertEqual(mended, [], "these pass now: take them out of httpwg-known.txt")
        self.assertEqual(gone, [], "httpwg-cli has no such tests")

    def test_every_known_failure_has_a_reason(self):
        self.assertEqual([name for name, reason in known().items() if not reason], [])
