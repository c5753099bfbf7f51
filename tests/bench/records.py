"""How many ring records a small request costs, counted in a recording (docs/formats.md)."""
import collections
import struct

FILE_HEADER_BYTES = 192
# struct pinfo_header of bpf/wire.h: size, type, reserved, pid, tid, time_ns
HEADER = struct.Struct("<IHHIIQ")
RECEIVED, RESPONSE, CLOSE, SAMPLE, SEGMENT, EXCHANGE = 1, 2, 3, 4, 15, 17


def count(path):
    """{record type: number} of a recording."""
    data = path.read_bytes()
    found = collections.Counter()
    at = FILE_HEADER_BYTES
    while at < len(data):
        size, kind, *_ = HEADER.unpack_from(data, at)
        found[kind] += 1
        at += (size + 7) // 8 * 8
    return found


def per_request(path, requests):
    """(records of connections, stack samples) a request."""
    found = count(path)
    return (sum(found[kind] for kind in (RECEIVED, RESPONSE, CLOSE, SEGMENT, EXCHANGE)) / requests,
            found[SAMPLE] / requests)
