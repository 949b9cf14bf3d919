"""A seeded corpus of HTTP/1.1 request streams: valid ones, and the same with the faults that smuggling is made of.

Each case is what one connection sends: one to three requests one after the other. The same seed gives the same
corpus, so a case is named by seed and number.
"""

import random

METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "PROPFIND", "REPORT", "LINK"]
TARGETS = ["/", "/a", "/a/b/c", "/a?b=c", "/?", "/a%20b", "/%41?x=%zz", "*", "/a|b", "/a{b}[c]^`", "//a//", "/..;/a", "/a?b?c",
           "http://b/", "http://b:81/c?d", "https://b", "http://b?x=y", "http://[::1]:80/x", "http://u@b/", "/~u/!$&'()*+,;=:@",
           "/a#b", "a", "", "/a\\b", "/\x80", "HTTP://B/", "http://", "/" + "p" * 300]
VERSIONS = ["HTTP/1.1"] * 24 + ["HTTP/1.0"] * 4 + ["HTTP/2.0", "HTTP/1.2", "HTTP/0.9", "http/1.1", "HTTP/1.10", "HTTP/1", ""]
HOSTS = ["a", "shop.example", "shop.example:8080", "10.0.0.1:80", "[::1]:80", "", "a b", "u@a", "a:x"]
FIELDS = ["Accept: */*", "User-Agent: x/1 (y; z)", "Cookie: a=b; c=d", "X-Empty:", "X-Tab:\tv\t", "x-obs: \xe4\xff", "X-Long: " + "v" * 200,
          "Connection: keep-alive", "Connection: close", "Connection: close, x-a", "connection: upgrade", "Upgrade: websocket", "X-A: 1",
          "Expect: 100-continue", "Expect: x", "TE: trailers", "Trailer: x-sum", "Keep-Alive: timeout=5", "Proxy-Connection: keep-alive",
          "Via: 1.1 x", "X-Forwarded-For: 1.2.3.4", "!#$%&'*+-.^_`|~: v", "my_field: 1", "Date: now", "Referer: http://x/?a:b"]
# What attacks are made of: each of these lines alone, or two together.
BAD_FIELDS = ["Content-Length: +5", "Content-Length: -1", "Content-Length: 5, 5", "Content-Length: 5,6", "Content-Length: 0x5", "Content-Length:",
              "Content-Length: 5 5", "Content-Length:\t5", "Content-Length: 5\t", "Transfer-Encoding:\tchunked", "Transfer-Encoding: chunked\t", "Content-Length: 18446744073709551621", "Content-Length: 9223372036854775808", "Content-Length: 00005",
              "Content-Length : 5", "Content-Length\t: 5", " Content-Length: 5", "Content_Length: 5", "Content-Length: 5\x0b",
              "Content-Length: 5", "Content-Length: 6", "content-length: 0", "Transfer-Encoding: chunked", "Transfer-Encoding: Chunked",
              "Transfer-Encoding:\x0bchunked", "Transfer-Encoding: xchunked", "Transfer-Encoding: chunked, identity", "Transfer-Encoding: identity",
              "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: chunked, chunked", "Transfer-Encoding: chunked;q=1", "Transfer-Encoding: \"chunked\"",
              "Transfer-Encoding : chunked", "Transfer-Encoding:\r\n chunked", "Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
              "X: a\r\n\tTransfer-Encoding: chunked", "X: a\nTransfer-Encoding: chunked", "X: a\rTransfer-Encoding: chunked", "X: \x00", "X\x00: a",
              "X Y: a", ": a", "novalue", "Host: b", "host:a", "X: a\r\n b", "\x80: a", "X(: a", "X: \x7f", "Transfer-Encoding: ,chunked",
              "Transfer-Encoding: chunked,", "Connection: content-length", "Connection: transfer-encoding"]
SIZES = ["{:x}", "{:X}", "{:04x}", "{:x};a", "{:x};a=b", "{:x};a=\"b c\"", "{:x};a=\"b\\\"c\";d"]
BAD_SIZES = ["0x{:x}", "+{:x}", "-{:x}", " {:x}", "{:x} ", "{:x}\t", "{:x};", "{:x}; a", "{:x};a=", "{:x};a\x00", "{:x}\n", "{:x};a=\"\n\"", "1{:016x}",
             "{:x};\xff", "{:x};a b", "{:x},", "{:017x}", "{:x};a =b", "{:x};;", ""]
TRAILERS = ["X-Sum: 1", "y:", "X: a b\t"]
BAD_TRAILERS = ["Content-Length: 5", "Transfer-Encoding: chunked", "X : 1", " X: 1", "novalue", "X: \x00", "Host: b"]
INSERTS = ["\r", "\n", "\r\n", "\x00", " ", "\t", ":", ";", ",", "\x0b", "\x7f", "\x80", "0", "A", "_", "\r\n\r\n", "%", "\"", "HTTP/1.1"]


def latin1(text):
    return text.encode("latin-1")


def content(rng):
    return "".join(rng.choice("ab \r\n0GET/:") for _ in range(rng.choice([0, 1, 5, 17, 300])))


def chunked(rng, faulty):
    wire = ""
    for _ in range(rng.randrange(4)):
        text = content(rng) or "x"
        size = rng.choice(BAD_SIZES if faulty and rng.random() < 0.3 else SIZES).format(len(text))
        end = rng.choice(["", "\n", "\r", "x\r\n"]) if faulty and rng.random() < 0.1 else "\r\n"
        wire += size + "\r\n" + text + end
    wire += rng.choice(["0", "00", "0;a=b"]) + "\r\n"
    for _ in range(rng.choice([0, 0, 0, 1, 2])):
        wire += rng.choice(BAD_TRAILERS if faulty and rng.random() < 0.5 else TRAILERS) + "\r\n"
    return wire + "\r\n"


def request(rng, faulty):
    method = rng.choice(METHODS)
    target = rng.choice(TARGETS if faulty else TARGETS[:14])
    version = rng.choice(VERSIONS) if faulty else "HTTP/1.1"
    if target == "*" and not faulty:
        method = "OPTIONS"
    lines = ["Host: " + rng.choice(HOSTS if faulty else HOSTS[:5])]
    lines += rng.sample(FIELDS, rng.randrange(6))
    if rng.random() < 0.02:
        lines += [f"X-{number}: {number}" for number in range(rng.choice([40, 98, 120]))]
    body = ""
    kind = rng.randrange(3)
    if kind == 1:
        body = content(rng)
        lines.append(rng.choice(["Content-Length: ", "content-length:", "Content-Length:  "]) + str(len(body)))
    elif kind == 2:
        body = chunked(rng, faulty)
        lines.append(rng.choice(["Transfer-Encoding: chunked", "transfer-encoding: CHUNKED", "Transfer-Encoding:chunked "]))
    if faulty and rng.random() < 0.6:
        lines += rng.sample(BAD_FIELDS, rng.choice([1, 1, 2]))
    if rng.random() < 0.7:
        rng.shuffle(lines)
    return f"{method} {target} {version}".rstrip(" ") + "\r\n" + "".join(line + "\r\n" for line in lines) + "\r\n" + body


def mutated(rng, wire):
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        at = rng.randrange(len(wire) + 1)
        action = rng.randrange(5)
        if action == 0:
            wire = wire[:at] + rng.choice(INSERTS) + wire[at:]
        elif action == 1:
            wire = wire[:at] + wire[at + rng.choice([1, 1, 2, 5]):]
        elif action == 2 and at < len(wire):
            wire = wire[:at] + chr(rng.randrange(256)) + wire[at + 1:]
        elif action == 3:
            lines = wire.split("\r\n")
            line = rng.randrange(len(lines))
            lines.insert(rng.randrange(len(lines)), lines[line])
            wire = "\r\n".join(lines)
        else:
            wire = wire.replace("\r\n", rng.choice(["\n", "\r", "\r\r\n", "\r\n ", "\r\n\r\n"]), 1)
    return wire


def case(rng):
    kind = rng.random()
    wire = "".join(request(rng, kind > 0.3 and rng.random() < 0.5) for _ in range(rng.choice([1, 1, 2, 3])))
    if rng.random() < 0.05:
        wire = rng.choice(["\r\n", "\r\n\r\n", "\n", " "]) + wire
    return latin1(mutated(rng, wire) if kind > 0.65 else wire)


def cases(seed, count):
    rng = random.Random(seed)
    return [case(rng) for _ in range(count)]
