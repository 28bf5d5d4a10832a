"""HTTP/2 in raw frames: what no well-behaved client sends (RFC 9113; floods as in CVE-2023-44487 and CVE-2024-27316)."""

import os
import signal
import socket
import struct
import unittest

import web
from gateway import Gateway, GatewayTest

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST, SETTINGS, PING, GOAWAY, WINDOW, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, END_HEADERS, ACK = 1, 4, 1
PROTOCOL_ERROR, FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, COMPRESSION_ERROR, CALM = 1, 3, 6, 9, 11
OK = 0x88  # `:status: 200` of the static table
GET = [(":method", "GET"), (":scheme", "http"), (":authority", "a.test"), (":path", "/a")]


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def block(fields):
    """Literal fields without indexing or Huffman coding; lengths below 127 only."""
    parts = (part.encode() for field in fields for part in field)
    coded = [bytes([len(part)]) + part for part in parts]
    return b"".join(b"\x00" + name + value for name, value in zip(coded[::2], coded[1::2]))


class Client:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.buffer = b""

    def begin(self):
        self.send(PREFACE + frame(SETTINGS, 0, 0))
        return self

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError:
            pass  # The other end gave up, and has said why.

    def ask(self, stream=1, fields=(), end=END_STREAM):
        self.send(frame(HEADERS, END_HEADERS | end, stream, block([*GET, *fields])))

    def next(self):
        """The next frame as (kind, flags, stream, payload); None at the end."""
        while len(self.buffer) < 9 or len(self.buffer) < 9 + int.from_bytes(self.buffer[:3], "big"):
            try:
                more = self.socket.recv(65536)
            except ConnectionResetError:
                return None
            if not more:
                return None
            self.buffer += more
        size = int.from_bytes(self.buffer[:3], "big")
        kind, flags, stream = self.buffer[3], self.buffer[4], struct.unpack(">I", self.buffer[5:9])[0]
        payload, self.buffer = self.buffer[9 : 9 + size], self.buffer[9 + size :]
        return kind, flags, stream, payload

    def until(self, *kinds):
        """The next frame of these kinds; None at the end."""
        while (found := self.next()) is not None and found[0] not in kinds:
            pass
        return found

    def close(self):
        self.socket.close()


class Frames(GatewayTest):
    @classmethod
    def start_backend(cls):
        return web.start()

    def client(self):
        client = Client(self.gateway.port)
        self.addCleanup(client.close)
        return client

    def assert_serves(self, client=None, stream=1):
        client = client or self.client().begin()
        client.ask(stream)
        found = client.until(HEADERS, RST, GOAWAY)
        self.assertIsNotNone(found, "closed")
        self.assertEqual((found[0], found[2], found[3][:1]), (HEADERS, stream, bytes([OK])), found)

    def assert_ends(self, client, *codes):
        """The connection ends, with one of these codes if it says one. h2 often says PROTOCOL_ERROR for a finer one."""
        found = client.until(GOAWAY)
        if found is not None:
            self.assertIn(struct.unpack(">I", found[3][4:8])[0], (*codes, PROTOCOL_ERROR))

    def test_a_preface_in_pieces(self):
        client = self.client()
        for byte in PREFACE:
            client.send(bytes([byte]))
        client.send(frame(SETTINGS, 0, 0))
        self.assert_serves(client)

    def test_settings_and_pings_are_acknowledged(self):
        client = self.client().begin()
        client.send(frame(PING, 0, 0, b"12345678"))
        self.assertEqual(client.until(PING), (PING, ACK, 0, b"12345678"))
        client = self.client().begin()
        while True:
            found = client.until(SETTINGS)
            if found[1] & ACK:
                break
        self.assertEqual(found, (SETTINGS, ACK, 0, b""))

    def test_frames_of_unknown_kinds_are_passed_over(self):
        client = self.client().begin()
        client.send(frame(0xBE, 0xFF, 0, b"x" * 100))
        self.assert_serves(client)

    def test_malformed_requests_end_their_stream_alone(self):
        without_path = [(":method", "GET"), (":scheme", "http"), (":authority", "a.test")]
        for name, fields in {
            "upper case": [*GET, ("X-Upper", "1")],
            "connection field": [*GET, ("connection", "keep-alive")],
            "te": [*GET, ("te", "gzip")],
            "no path": without_path,
            "empty path": [*without_path, (":path", "")],
            "two paths": [*GET, (":path", "/b")],
            "late pseudo field": [*without_path, ("a", "b"), (":path", "/a")],
            "unknown pseudo field": [*GET, (":colour", "red")],
            "status in a request": [*GET, (":status", "200")],
            "length that is not kept": [*GET, ("content-length", "5")],
            "transfer coding": [*GET, ("transfer-encoding", "chunked")],
            "white space in a name": [*GET, ("a b", "c")],
            "line feed in a value": [*GET, ("a", "b\nc: d")],
            "another host": [*GET, ("host", "b.test")],
        }.items():
            with self.subTest(name):
                client = self.client().begin()
                client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, block(fields)))
                found = client.until(RST, HEADERS, GOAWAY)
                self.assertIsNotNone(found, "closed without a word")
                if found[0] == HEADERS:
                    self.assertNotEqual(found[3][:1], bytes([OK]), "it was served")
                if found[0] != GOAWAY:
                    self.assert_serves(client, 3)

    def test_broken_frames_end_the_connection(self):
        for name, data, codes in [
            ("data on no stream", frame(DATA, 0, 0, b"x"), ()),
            ("settings of a wrong size", frame(SETTINGS, 0, 0, b"x" * 5), (FRAME_SIZE_ERROR,)),
            ("a ping of a wrong size", frame(PING, 0, 0, b"x" * 7), (FRAME_SIZE_ERROR,)),
            ("a window of nothing", frame(WINDOW, 0, 0, b"\0\0\0\0"), ()),
            ("a window that overflows", frame(WINDOW, 0, 0, b"\x7f\xff\xff\xff"), (FLOW_CONTROL_ERROR,)),
            ("fields that cannot be read", frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x80"), (COMPRESSION_ERROR,)),
            ("an even stream", frame(HEADERS, END_HEADERS | END_STREAM, 2, block(GET)), ()),
            ("a frame that is too long", frame(DATA, 0, 1, b"x" * 20_000), (FRAME_SIZE_ERROR,)),
            ("a continuation of nothing", frame(CONTINUATION, END_HEADERS, 1, block(GET)), ()),
        ]:
            with self.subTest(name):
                client = self.client().begin()
                client.send(data)
                self.assert_ends(client, *codes)

    def test_fields_without_end(self):
        client = self.client().begin()
        client.send(frame(HEADERS, END_STREAM, 1, block(GET)))
        more = frame(CONTINUATION, 0, 1, block([("a" * 60, "b" * 60)] * 100))
        for _ in range(2000):
            client.send(more)
        self.assert_ends(client, CALM, COMPRESSION_ERROR)
        self.assert_serves()

    def test_more_fields_than_are_allowed(self):
        client = self.client().begin()
        fields = [(f"x{number}", "y" * 100) for number in range(400)]
        payload = block([*GET, *fields])
        client.send(frame(HEADERS, END_STREAM, 1, payload[:16_000]))
        client.send(frame(CONTINUATION, 0, 1, payload[16_000:32_000]) + frame(CONTINUATION, END_HEADERS, 1, payload[32_000:]))
        found = client.until(HEADERS, RST, GOAWAY)
        self.assertTrue(found is None or found[0] != HEADERS or found[3][:1] != bytes([OK]), found)
        self.assert_serves()

    def test_requests_that_are_taken_back_at_once(self):
        client = self.client().begin()
        for stream in range(1, 20_001, 2):
            client.ask(stream)
            client.send(frame(RST, 0, stream, struct.pack(">I", 8)))
        self.assert_ends(client, CALM)
        self.assert_serves()

    def test_settings_without_end(self):
        client = self.client().begin()
        for _ in range(2000):
            client.send(frame(SETTINGS, 0, 0, b"\x00\x04\x00\x01\x00\x00") * 50)
        self.assert_serves()


class Drain(unittest.TestCase):
    def test_sigterm_says_goaway_and_finishes_what_has_begun(self):
        port, stop = web.start()
        self.addCleanup(stop)
        gateway = Gateway(port)
        self.addCleanup(gateway.stop)
        client = Client(gateway.port).begin()
        self.addCleanup(client.close)
        body = [(":method", "POST"), *GET[1:3], (":path", "/echo")]
        client.send(frame(HEADERS, END_HEADERS, 1, block(body)) + frame(PING, 0, 0, b"are you "))
        client.until(PING)
        os.kill(gateway.process.pid, signal.SIGTERM)
        self.assertIsNotNone(client.until(GOAWAY), "closed without GOAWAY")
        client.send(frame(DATA, END_STREAM, 1, b"late but whole"))
        found = client.until(HEADERS, RST)
        self.assertIsNotNone(found, "closed before the answer")
        self.assertEqual((found[0], found[3][:1]), (HEADERS, bytes([OK])))
        self.assertEqual(client.until(DATA)[3], b"late but whole")

