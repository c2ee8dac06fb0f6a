# An HTTPS server with the real one's TLS key that stands between clients and it. What it answers is the caller's to say:
# import between; between.serve(answer), answer(mode, method, path, headers, body) -> (status, body). The mode is the word
# in the file "mode"; the port is written to the file "port". The real server's address is the first argument.
import http.client
import http.server
import os
import ssl
import sys

# No default context for each call: it reads all of the system's roots.
CLIENT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
CLIENT.check_hostname, CLIENT.verify_mode = False, ssl.CERT_NONE
OURS = ("host", "connection", "content-length")


def real(method, path, headers, body):
    c = http.client.HTTPSConnection(sys.argv[1], context=CLIENT)
    c.request(method, path, body, {k: v for k, v in headers.items() if k.lower() not in OURS})
    r = c.getresponse()
    return r.status, r.read()


def handler(answer):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body are two writes: the second would wait for the first's delayed ACK.
        disable_nagle_algorithm = True

        def handle_any(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            with open("mode") as f:
                mode = f.read().strip()
            status, text = answer(mode, self.command, self.path, self.headers, body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PATCH = handle_any

        def log_message(self, *a):
            pass

    return Handler


def serve(answer):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler(answer))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain("server/tls.crt", "server/tls.key")
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    with open("port.new", "w") as f:
        f.write(str(server.server_address[1]))
    os.rename("port.new", "port")
    server.serve_forever()
