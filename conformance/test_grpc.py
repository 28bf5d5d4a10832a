"""gRPC by grpcio's own client and server, through the gateway: calls of all four kinds, trailers, errors, deadlines."""

import concurrent.futures
import time

import grpc

from gateway import GatewayTest

STATUS = grpc.StatusCode.FAILED_PRECONDITION


def unary(request, context):
    context.set_trailing_metadata((("seen-bin", b"\x00\xff"), ("length", str(len(request)))))
    return request


def refuse(_request, context):
    context.set_trailing_metadata((("why", "closed"),))
    context.abort(STATUS, "the shop is closed: 关")


def count(request, _context):
    for number in range(int(request)):
        yield str(number).encode()


def add(requests, _context):
    return str(sum(int(request) for request in requests)).encode()


def echo(requests, _context):
    yield from requests


def hang(_request, context):
    while context.is_active():
        time.sleep(0.01)
    return b""


def start():
    of = {
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
        "Refuse": grpc.unary_unary_rpc_method_handler(refuse),
        "Hang": grpc.unary_unary_rpc_method_handler(hang),
        "Count": grpc.unary_stream_rpc_method_handler(count),
        "Add": grpc.stream_unary_rpc_method_handler(add),
        "Echo": grpc.stream_stream_rpc_method_handler(echo),
    }
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(8))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Shop", of),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return port, lambda: server.stop(None)


class Grpc(GatewayTest):
    protocol = "h2c"

    @classmethod
    def start_backend(cls):
        return start()

    def setUp(self):
        self.channel = grpc.insecure_channel(f"127.0.0.1:{self.gateway.port}")
        self.addCleanup(self.channel.close)

    def test_a_unary_call_brings_its_trailers(self):
        for size in (0, 1, 1 << 10, 1 << 20):
            answer, call = self.channel.unary_unary("/test.Shop/Unary").with_call(b"x" * size, timeout=10)
            trailers = dict(call.trailing_metadata())
            self.assertEqual((len(answer), trailers["length"], trailers["seen-bin"]), (size, str(size), b"\x00\xff"))

    def test_an_error_comes_as_it_is(self):
        with self.assertRaises(grpc.RpcError) as raised:
            self.channel.unary_unary("/test.Shop/Refuse")(b"", timeout=10)
        error = raised.exception
        self.assertEqual((error.code(), error.details()), (STATUS, "the shop is closed: 关"))
        self.assertIn(("why", "closed"), [tuple(pair) for pair in error.trailing_metadata()])

    def test_an_unknown_method_is_unimplemented(self):
        with self.assertRaises(grpc.RpcError) as raised:
            self.channel.unary_unary("/test.Shop/Nothing")(b"", timeout=10)
        self.assertEqual(raised.exception.code(), grpc.StatusCode.UNIMPLEMENTED)

    def test_a_server_streams(self):
        answers = list(self.channel.unary_stream("/test.Shop/Count")(b"1000", timeout=20))
        self.assertEqual(answers, [str(number).encode() for number in range(1000)])

    def test_a_client_streams(self):
        numbers = (str(number).encode() for number in range(1000))
        self.assertEqual(self.channel.stream_unary("/test.Shop/Add")(numbers, timeout=20), b"499500")

    def test_both_stream_and_neither_waits_for_the_other_to_end(self):
        answers = []

        def questions():
            for number in range(20):
                # The next question is asked when the last one is answered.
                deadline = time.monotonic() + 10
                while len(answers) < number and time.monotonic() < deadline:
                    time.sleep(0.001)
                yield str(number).encode()

        for answer in self.channel.stream_stream("/test.Shop/Echo")(questions(), timeout=20):
            answers.append(int(answer))
        self.assertEqual(answers, list(range(20)))

    def test_a_deadline_ends_the_call(self):
        with self.assertRaises(grpc.RpcError) as raised:
            self.channel.unary_unary("/test.Shop/Hang")(b"", timeout=0.3)
        self.assertEqual(raised.exception.code(), grpc.StatusCode.DEADLINE_EXCEEDED)

    def test_many_calls_share_a_connection(self):
        calls = [self.channel.unary_unary("/test.Shop/Unary").future(b"x", timeout=20) for _ in range(200)]
        self.assertEqual({call.result() for call in calls}, {b"x"})
