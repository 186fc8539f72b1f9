"""An object store of the S3 kind, in memory and in this process, for tests of what is written to one.

It is strict where a real store is: every request must be signed (AWS Signature Version 4), the signature must be that of the request
as it came, and the body must have the SHA-256 that was signed. It is as bad as a real store can be where it is told to: see Faults.
"""

import base64
import datetime
import hashlib
import hmac
import http.server
import ipaddress
import os
import random
import re
import socket
import ssl
import struct
import threading
import time
import urllib.parse
import urllib.request
from xml.sax.saxutils import escape

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

ACCESS_KEY, SECRET_KEY = "mbeaccess", "Geheim/ses+Wort"
REGION = "testland-1"
BUCKET = "mbe-test"
PAGE = 7        # names in one answer to a question for a list


class Faults:
    """What goes wrong, by chance: one of `kinds` for `share` of the requests."""

    KINDS = ("500", "503", "400", "reset", "lost", "200")

    def __init__(self, seed, share=0.15, kinds=KINDS, stalls=0):
        self.random = random.Random(seed)
        self.share = share
        self.kinds = kinds
        self.stalls = stalls    # so many requests are never answered
        self.seen = {}

    def next(self):
        kind = None
        if self.random.random() < self.share:
            kind = self.random.choice(self.kinds)
        if self.stalls and self.random.random() < self.share:
            self.stalls -= 1
            kind = "stall"
        if kind:
            self.seen[kind] = self.seen.get(kind, 0) + 1
        return kind


class Refused(Exception):
    """An answer that is an error: status and S3's code."""

    def __init__(self, status, code, message=""):
        super().__init__(code)
        self.status, self.code, self.message = status, code, message


class Upload:
    def __init__(self, key, headers):
        self.key = key
        self.headers = headers
        self.parts = {}


class Store:
    """Objects of one bucket, and who serves them. `problems` has what a client did wrong."""

    def __init__(self, tls=None):
        """tls: a folder for a certificate of its own, which nobody knows; None: plain HTTP."""
        self.lock = threading.Lock()
        self.certificate = make_certificate(tls) if tls else None
        self.objects = {}       # key: bytes
        self.headers = {}       # key: those that the object was written with
        self.uploads = {}       # id: Upload
        self.requests = []      # (method, target)
        self.problems = []
        self.faults = None
        self.denied = ()        # methods that nobody may use
        self.server = None
        self.port = None
        self.count = 0
        self.connections = set()

    # --- life ---------------------------------------------------------------------------------------------------------

    def start(self):
        store = self

        class Handler(RequestHandler):
            pass

        Handler.store = store
        self.server = Server(("127.0.0.1", self.port or 0), Handler)
        self.port = self.server.server_address[1]
        if self.certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate)
            # the handshake comes with the first read, in the connection's own thread
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def stop(self):
        """As if it were killed: nobody listens, every connection is cut. What is stored stays; start() has it again."""
        if not self.server:
            return
        self.server.shutdown()
        self.server.server_close()
        self.server = None
        with self.lock:
            connections = list(self.connections)
        for connection in connections:
            reset(connection)

    @property
    def endpoint(self):
        return "%s://127.0.0.1:%d" % ("https" if self.certificate else "http", self.port)

    # --- what a client is told ----------------------------------------------------------------------------------------

    def options(self):
        return ["--s3-endpoint=" + self.endpoint, "--s3-region=" + REGION, "--s3-path-style", "--s3-timeout=3",
                *(["--s3-ca-file=" + self.certificate] if self.certificate else [])]

    @staticmethod
    def environment():
        return {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY, "no_proxy": "127.0.0.1"}

    def archives(self):
        with self.lock:
            return sorted(k for k in self.objects if k.endswith("/backup.mbe"))


def make_certificate(folder):
    """Path of a file with a key and a certificate for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mbe test store")])
    now = datetime.datetime.utcnow()
    certificate = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1) \
        .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=2)) \
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False) \
        .sign(key, hashes.SHA256())
    path = os.path.join(folder, "store.pem")
    with open(path, "wb") as f:
        f.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        f.write(certificate.public_bytes(serialization.Encoding.PEM))
    return path


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        """A client that goes away is its own business."""


def reset(connection):
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    connection.close()


# --- signatures -------------------------------------------------------------------------------------------------------

def _hmac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signature(method, path, query, headers, signed, body_hash, scope, date):
    """Of a request as it came: path and query are as they were sent, the query's parts sorted by us."""
    parts = sorted(query.split("&")) if query else []
    lines = [method, path, "&".join(parts)]
    lines += ["%s:%s" % (name, " ".join(headers.get(name, "").split())) for name in signed]
    canonical = "\n".join([*lines, "", ";".join(signed), body_hash])
    to_sign = "\n".join(["AWS4-HMAC-SHA256", date, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + SECRET_KEY).encode()
    for word in scope.split("/"):
        key = _hmac(key, word)
    return hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()


def check_signature(method, target, headers, body):
    """Raises Refused as a store would."""
    path, _, query = target.partition("?")
    found = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=([^/]+)/([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})",
                         headers.get("authorization", ""))
    if not found:
        raise Refused(403, "AccessDenied", "not signed")
    access, scope, signed, given = found.groups()
    signed = signed.split(";")
    must = ["host"] + [h for h in headers if h.startswith("x-amz-")]
    if access != ACCESS_KEY:
        raise Refused(403, "InvalidAccessKeyId")
    if signed != sorted(signed) or set(must) - set(signed) or set(signed) - set(headers):
        raise Refused(403, "SignatureDoesNotMatch", "signed headers %s, needed %s of %s" % (signed, must, sorted(headers)))
    if scope.split("/")[1:] != [REGION, "s3", "aws4_request"]:
        raise Refused(400, "AuthorizationHeaderMalformed", "scope %s" % scope)
    if any("=" not in part for part in query.split("&") if part):
        raise Refused(403, "SignatureDoesNotMatch", "a query part without =")
    body_hash = headers.get("x-amz-content-sha256", "")
    if body_hash != hashlib.sha256(body).hexdigest():
        raise Refused(400, "XAmzContentSHA256Mismatch")
    if given != signature(method, path, query, headers, signed, body_hash, scope, headers["x-amz-date"]):
        raise Refused(403, "SignatureDoesNotMatch")


def ask(endpoint, method, path, query=""):
    """Text of the answer to a signed request without a body, of any store that has our keys."""
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    scope = "%s/us-east-1/s3/aws4_request" % now[:8]
    empty = hashlib.sha256(b"").hexdigest()
    headers = {"host": endpoint.split("//")[1], "x-amz-content-sha256": empty, "x-amz-date": now}
    signed = sorted(headers)
    headers["Authorization"] = "AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s" % (
        ACCESS_KEY, scope, ";".join(signed), signature(method, path, query, headers, signed, empty, scope, now))
    request = urllib.request.Request(endpoint + path + ("?" + query if query else ""), method=method, headers=headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read().decode()


def create_bucket(endpoint):
    ask(endpoint, "PUT", "/%s" % BUCKET)


# --- requests ---------------------------------------------------------------------------------------------------------

class RequestHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    store = None

    def setup(self):
        super().setup()
        with self.store.lock:
            self.store.connections.add(self.connection)

    def finish(self):
        with self.store.lock:
            self.store.connections.discard(self.connection)
        try:
            super().finish()
        except OSError:
            pass

    def log_message(self, *_args):      # pylint: disable=arguments-differ
        pass

    def answer(self, status, body=b"", headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if not any(name == "Content-Length" for name, _ in headers):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status, code, message=""):
        self.answer(status, ("<?xml version=\"1.0\"?><Error><Code>%s</Code><Message>%s</Message></Error>" %
                             (code, escape(message))).encode())

    def one(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {}
        for name, value in self.headers.items():
            headers[name.lower()] = value
        store = self.store
        with store.lock:
            store.requests.append((self.command, self.path))
            kind = store.faults.next() if store.faults else None
        try:
            check_signature(self.command, self.path, headers, body)
            if self.command in store.denied:
                raise Refused(403, "AccessDenied", "%s is not for you" % self.command)
            if kind == "500":
                raise Refused(500, "InternalError", "as told")
            if kind == "400" and body:      # it did not come in time, a store says
                raise Refused(400, "RequestTimeout", "as told")
            if kind in ("503", "400"):
                raise Refused(503, "SlowDown", "as told")
            # an upload whose begin nobody was told of stays: of that the scenarios want none
            if kind == "reset" or (kind == "lost" and self.command == "POST" and "uploads=" in self.path):
                self.cut()
                return
            if kind == "stall":
                self.connection.settimeout(60)
                self.connection.recv(1)     # until the client has had enough
                self.cut()
                return
            if kind == "200" and self.command == "POST" and "uploadId=" in self.path:
                self.answer(200, b"<Error><Code>InternalError</Code><Message>as told</Message></Error>")
                return
            with store.lock:
                status, answer, more = self.serve(headers, body)
        except Refused as e:
            if e.status in (400, 403, 501) and e.message != "as told":
                with store.lock:
                    store.problems.append("%s %s: %s %s" % (self.command, self.path, e.code, e.message))
            self.refuse(e.status, e.code, e.message)
            return
        if kind == "lost":      # it is done, and nobody is told
            self.cut()
            return
        self.answer(status, answer, more)

    def cut(self):
        self.close_connection = True
        reset(self.connection)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = one

    # --- what a store does; with its lock -----------------------------------------------------------------------------

    def serve(self, headers, body):
        path, _, text = self.path.partition("?")
        query = dict(urllib.parse.parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text)))
        bucket, _, key = urllib.parse.unquote(path[1:]).partition("/")
        if bucket != BUCKET:
            raise Refused(404, "NoSuchBucket")
        if "uploadId" in query:
            return self.serve_upload(key, query, headers, body)
        if "uploads" in query:
            return self.begin_upload(key, headers) if self.command == "POST" else self.list_uploads(query)
        if not key:
            return self.list_objects(query)
        return self.serve_object(key, headers, body)

    def serve_object(self, key, headers, body):
        store = self.store
        if self.command == "PUT":
            store.objects[key] = body
            store.headers[key] = headers
            return 200, b"", [("ETag", '"%s"' % hashlib.md5(body).hexdigest())]
        if self.command == "DELETE":
            store.objects.pop(key, None)
            return 204, b"", []
        if key not in store.objects:
            raise Refused(404, "NoSuchKey")
        data = store.objects[key]
        if self.command == "HEAD":
            return 200, b"", [("Content-Length", str(len(data)))]
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", headers.get("range", ""))
        if not found:
            return 200, data, []
        begin, end = int(found[1]), int(found[2])
        if begin >= len(data):
            raise Refused(416, "InvalidRange")
        part = data[begin:end + 1]
        return 206, part, [("Content-Range", "bytes %d-%d/%d" % (begin, begin + len(part) - 1, len(data)))]

    def list_objects(self, query):
        if query.get("list-type") != "2":
            raise Refused(501, "NotImplemented", "a list of another type")
        after = base64.b64decode(query.get("continuation-token", "")).decode()
        names = sorted(k for k in self.store.objects if k.startswith(query.get("prefix", "")) and k > after)
        more = names[PAGE:]
        xml = "".join("<Contents><Key>%s</Key><Size>%d</Size></Contents>" % (escape(k), len(self.store.objects[k]))
                      for k in names[:PAGE])
        if more:
            xml += "<NextContinuationToken>%s</NextContinuationToken>" % base64.b64encode(names[PAGE - 1].encode()).decode()
        return 200, ("<ListBucketResult><IsTruncated>%s</IsTruncated>%s</ListBucketResult>" %
                     (str(bool(more)).lower(), xml)).encode(), []

    def list_uploads(self, query):
        xml = "".join("<Upload><Key>%s</Key><UploadId>%s</UploadId><Initiated>2099-01-01T00:00:00.000Z</Initiated></Upload>" %
                      (escape(u.key), i) for i, u in self.store.uploads.items() if u.key.startswith(query.get("prefix", "")))
        return 200, ("<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>%s</ListMultipartUploadsResult>" % xml).encode(), []

    def begin_upload(self, key, headers):
        store = self.store
        store.count += 1
        name = "2~%d/+=" % store.count
        store.uploads[name] = Upload(key, headers)
        return 200, ("<InitiateMultipartUploadResult><UploadId>%s</UploadId></InitiateMultipartUploadResult>" % name).encode(), []

    def serve_upload(self, key, query, headers, body):
        upload = self.store.uploads.get(query["uploadId"])
        if not upload or upload.key != key:
            raise Refused(404, "NoSuchUpload")
        if self.command == "PUT":
            number = int(query["partNumber"])
            tag = '"%s"' % hashlib.md5(body).hexdigest()
            upload.parts[number] = (tag, body)
            return 200, b"", [("ETag", tag)]
        if self.command == "DELETE":
            del self.store.uploads[query["uploadId"]]
            return 204, b"", []
        return self.complete(key, query["uploadId"], upload, headers, body.decode())

    def complete(self, key, name, upload, headers, xml):
        parts = re.findall(r"<Part><PartNumber>(\d+)</PartNumber><ETag>([^<]*)</ETag></Part>", xml)
        if headers.get("if-none-match") == "*" and key in self.store.objects:
            raise Refused(412, "PreconditionFailed")
        if [int(n) for n, _ in parts] != sorted(upload.parts) or any(upload.parts[int(n)][0] != tag for n, tag in parts):
            raise Refused(400, "InvalidPart")
        if any(len(upload.parts[int(n)][1]) < 5 << 20 for n, _ in parts[:-1]):
            raise Refused(400, "EntityTooSmall")
        self.store.objects[key] = b"".join(upload.parts[int(n)][1] for n, _ in parts)
        self.store.headers[key] = upload.headers
        del self.store.uploads[name]
        return 200, b"<CompleteMultipartUploadResult><ETag>\"x-2\"</ETag></CompleteMultipartUploadResult>", []
