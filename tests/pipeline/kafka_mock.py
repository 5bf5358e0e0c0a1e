# SPDX-License-Identifier: MIT
"""librdkafka's own mock cluster of one broker. It prints where that listens; then commands come, a line each:

topic NAME PARTITIONS · down · up

each answered by a line. It ends with its standard input.
"""

import ctypes
import ctypes.util
import sys

TYPE_PRODUCER = 0
library = ctypes.CDLL(ctypes.util.find_library("rdkafka") or "librdkafka.so.1")
for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_handle_mock_cluster"):
    getattr(library, name).restype = ctypes.c_void_p
library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p

error = ctypes.create_string_buffer(512)
conf = ctypes.c_void_p(library.rd_kafka_conf_new())
assert library.rd_kafka_conf_set(conf, b"test.mock.num.brokers", b"1", error, len(error)) == 0, error.value
handle = ctypes.c_void_p(library.rd_kafka_new(TYPE_PRODUCER, conf, error, ctypes.c_size_t(len(error))))
assert handle, error.value
cluster = ctypes.c_void_p(library.rd_kafka_handle_mock_cluster(handle))
print(library.rd_kafka_mock_cluster_bootstraps(cluster).decode(), flush=True)
for line in sys.stdin:
    word, *more = line.split()
    if word == "topic":
        code = library.rd_kafka_mock_topic_create(cluster, more[0].encode(), int(more[1]), 1)
    else:
        code = getattr(library, f"rd_kafka_mock_broker_set_{word}")(cluster, 1)
    assert code == 0, f"{line.strip()}: {code}"
    print("done", flush=True)
