"""WebSocket (RFC 6455) by the `websockets` package's own client and server, through the gateway."""

import threading

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.sync.server import serve

from gateway import GatewayTest


def converse(socket):
    for message in socket:
        if message == "close":
            socket.close(4001, "as asked")
            return
        socket.send(message)


def decide(_connection, request):
    """Refuses one path before the handshake."""
    if request.path == "/forbidden":
        return _connection.respond(403, "not here\n")
    return None


def choose(_connection, offered):
    return "chat.v2" if "chat.v2" in offered else None


def start():
    options = {"process_request": decide, "subprotocols": ["chat.v2"], "select_subprotocol": choose, "max_size": 4 << 20}
    server = serve(converse, "127.0.0.1", 0, **options)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.socket.getsockname()[1], server.shutdown


class WebSocket(GatewayTest):
    @classmethod
    def start_backend(cls):
        return start()

    def connect(self, path="/", **options):
        socket = connect(f"ws://127.0.0.1:{self.gateway.port}{path}", open_timeout=10, max_size=4 << 20, **options)
        self.addCleanup(socket.close)
        return socket

    def test_texts_and_bytes_come_back(self):
        socket = self.connect()
        for message in ("", "hello", "好" * 1000, b"", b"\x00\xff" * 70_000, b"x" * (1 << 20)):
            socket.send(message)
            self.assertEqual(socket.recv(timeout=10), message)

    def test_a_message_in_pieces_is_one_message(self):
        socket = self.connect()
        socket.send(["a", "b", "c"])
        self.assertEqual(socket.recv(timeout=10), "abc")

    def test_a_ping_is_answered(self):
        self.assertTrue(self.connect().ping().wait(10))

    def test_the_servers_close_code_comes_through(self):
        socket = self.connect()
        socket.send("close")
        with self.assertRaises(ConnectionClosed) as raised:
            socket.recv(timeout=10)
        self.assertEqual((raised.exception.rcvd.code, raised.exception.rcvd.reason), (4001, "as asked"))

    def test_a_subprotocol_is_agreed_on(self):
        self.assertEqual(self.connect(subprotocols=["chat.v1", "chat.v2"]).subprotocol, "chat.v2")

    def test_compression_is_agreed_on(self):
        socket = self.connect()
        names = [extension.name for extension in socket.protocol.extensions]
        self.assertEqual(names, ["permessage-deflate"])

    def test_a_refused_handshake_says_why(self):
        with self.assertRaises(InvalidStatus) as raised:
            self.connect("/forbidden")
        self.assertEqual(raised.exception.response.status_code, 403)
        self.assertIn(b"not here", raised.exception.response.body)
