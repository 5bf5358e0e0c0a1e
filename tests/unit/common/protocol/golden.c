/* SPDX-License-Identifier: MIT */
/*
 * The golden messages themselves. Adjacent fields of one type have different values, so
 * that a test sees it if two are swapped.
 */
#include "tests/unit/common/protocol/golden.h"

#define S(text)                                   \
    {                                             \
        (const uint8_t *)(text), sizeof(text) - 1 \
    }
#define ID(n)                                                                         \
    {                                                                                 \
        {                                                                             \
            n, n + 1, n + 2, n + 3, n + 4, n + 5, n + 6, n + 7, n + 8, n + 9, n + 10, \
                n + 11, n + 12, n + 13, n + 14, n + 15                                \
        }                                                                             \
    }
#define RESULTS "tcp://10.0.0.2:5558"
#define LINES   "lines=1 end=0a"
#define OTHER   "tcp://192.0.2.2:5558"
#define INPUT   "\1words"

static const struct ledger_entry ledger[] = {
    {4, 9, ENTRY_DONE}, {5, 10, ENTRY_RUNNING}, {70000, 11, ENTRY_QUEUED}};
static const struct range ranges[] = {{5, 2}, {9, 1}};
static const struct range newly[] = {{0, 2}};
/* Marks: what the source wrote, the seq, and the CRC-32 of both. */
#define SINKS                   \
    {                           \
        {S(RESULTS), S("")},    \
        {                       \
            S(OTHER),           \
            {                   \
                key, sizeof key \
            }                   \
        }                       \
    }
#define MARK_0 S("\100\066\000\000\000\000\000\000\000\000\040\033\326\216")
#define MARK_1 S("\100\061\061\000\000\000\000\000\000\000\001\164\263\245\002")
#define MARK_2 S("\100\063\060\000\000\000\000\000\000\000\002\376\064\060\306")
#define MARK_4 S("\100\063\062\065\000\000\000\000\000\000\000\004\365\363\117\003")

static const uint8_t key[] = {
    0xE0, 0xE1, 0xE2, 0xE3, 0xE4, 0xE5, 0xE6, 0xE7, 0xE8, 0xE9, 0xEA,
    0xEB, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF2, 0xF3, 0xF4, 0xF5,
    0xF6, 0xF7, 0xF8, 0xF9, 0xFA, 0xFB, 0xFC, 0xFD, 0xFE, 0xFF,
};
static const struct endpoint_entry one_sink[] = {{S(RESULTS), S("")}};
static const struct endpoint_entry two_endpoints[] = SINKS;
static const struct capability isolates[] = {{S("isolate")}};
static const struct task_entry tasks[] = {{0, 1, TASK_BY_VALUE, 6, 1, 0, MARK_0},
                                          {1, 2, TASK_BY_VALUE, 5, 1, 60000, MARK_1}};
static const struct result_entry results[] = {{0, 1, 6, 1234, MARK_0, NULL, 0},
                                              {1, 2, 5, 987, MARK_1, NULL, 0}};
static const struct result_entry empty_results[] = {
    {2, 3, 0, UINT64_C(1) << 40, MARK_2, NULL, 0}};
static const struct bad_record bad[] = {
    {301, 306, 6, FAILURE_EXIT, 3, S("tr: bad \351\n")},
    {302, 312, 7, FAILURE_LOST, 0, S("")}};
static const struct task_entry long_task[] = {{0, 1, TASK_BY_VALUE, 600, 1, 0, MARK_0}};
static const struct result_entry long_result[] = {{0, 1, 600, 1234, MARK_0, NULL, 0}};
static const struct result_entry lent_result[] = {
    {0, 1, 1 << 20, 1234, MARK_0, NULL, 0}};
static const struct result_entry bad_results[] = {{4, 9, 12, 5678, MARK_4, bad, 2}};
static const struct range except[] = {{3, 1}};
static const struct range probe_except[] = {{0, 2}, {4, 1}};
static const struct done_entry dones[] = {{0, 1, 310, 1234, 0, 0, false},
                                          {1, 2, 1600, 987, 25000, 3, true}};
static const struct attempt_entry attempts[] = {{0, 1}, {1, 2}};
static const struct attempt_entry queued[] = {{5, 10}};

const struct golden goldens[] = {
    {"hello_worker",
     PAYLOAD_NONE,
     "9e0102c410a0a1a2a3a4a5a6a7a8a9aaabacadaeaf07a66e6f64652d37cd032c"
     "0200cf0123456789abcdefc40f6578656320747220612d7a20412d5ac4100000"
     "0000000000000000000000000000009091a769736f6c617465",
     {.type = MESSAGE_HELLO_WORKER,
      .hello_worker = {.version = 2,
                       .uuid = ID(0xA0),
                       .nonce = 7,
                       .host = S("node-7"),
                       .pid = 812,
                       .slots = 2,
                       .link = LINK_SHUT,
                       .program = 0x0123456789ABCDEF,
                       .command = S("exec tr a-z A-Z"),
                       .capabilities = isolates,
                       .capability_count = 1}}},
    {"hello_worker_again",
     PAYLOAD_NONE,
     "9e0102c410a0a1a2a3a4a5a6a7a8a9aaabacadaeaf08a66e6f64652d37cd032c"
     "0201cf0123456789abcdefc40f6578656320747220612d7a20412d5ac410d0d1"
     "d2d3d4d5d6d7d8d9dadbdcdddedf0199040902050a01ce000111700b0091a769"
     "736f6c617465",
     {.type = MESSAGE_HELLO_WORKER,
      .hello_worker = {.version = 2,
                       .uuid = ID(0xA0),
                       .nonce = 8,
                       .host = S("node-7"),
                       .pid = 812,
                       .slots = 2,
                       .link = LINK_OPEN,
                       .program = 0x0123456789ABCDEF,
                       .command = S("exec tr a-z A-Z"),
                       .run = ID(0xD0),
                       .epoch = 1,
                       .ledger = ledger,
                       .count = 3,
                       .capabilities = isolates,
                       .capability_count = 1}}},
    {"hello_worker_of_version_1",
     PAYLOAD_NONE,
     "920101",
     {.type = MESSAGE_HELLO_WORKER, .hello_worker = {.version = 1}}},
    {"hello_sink",
     PAYLOAD_NONE,
     "9a0202c410c0c1c2c3c4c5c6c7c8c9cacbcccdcecf019192b37463703a2f2f31"
     "302e302e302e323a35353538c400a573746f7265cd10e1ce10000000c290",
     {.type = MESSAGE_HELLO_SINK,
      .hello_sink = {.version = 2,
                     .incarnation = ID(0xC0),
                     .nonce = 1,
                     .endpoints = one_sink,
                     .endpoint_count = 1,
                     .host = S("store"),
                     .pid = 4321,
                     .max_result = 1 << 28,
                     .finished = false}}},
    {"hello_sink_finished",
     PAYLOAD_NONE,
     "9a0202c410c0c1c2c3c4c5c6c7c8c9cacbcccdcecf019292b37463703a2f2f31"
     "302e302e302e323a35353538c40092b47463703a2f2f3139322e302e322e323a"
     "35353538c420e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9"
     "fafbfcfdfeffa573746f7265cd10e1ce10000000c390",
     {.type = MESSAGE_HELLO_SINK,
      .hello_sink = {.version = 2,
                     .incarnation = ID(0xC0),
                     .nonce = 1,
                     .endpoints = two_endpoints,
                     .endpoint_count = 2,
                     .host = S("store"),
                     .pid = 4321,
                     .max_result = 1 << 28,
                     .finished = true}}},
    {"welcome_sink",
     PAYLOAD_NONE,
     "dc00120302c410b0b1b2b3b4b5b6b7b8b9babbbcbdbebfccfacd2710ce100000"
     "00ce08000000ae6c696e65733d3120656e643d3061c4000000c4100000000000"
     "0000000000000000000000009000c40601776f7264730090",
     {.type = MESSAGE_WELCOME,
      .welcome = {.version = 2,
                  .uid = ID(0xB0),
                  .heartbeat_ms = 250,
                  .liveness_ms = 10000,
                  .max_result = 1 << 28,
                  .buffer = 1 << 27,
                  .format = S(LINES),
                  .header = S(""),
                  .input = S(INPUT)}}},
    {"welcome_worker",
     PAYLOAD_NONE,
     "dc00120302c410b0b1b2b3b4b5b6b7b8b9babbbcbdbebfccfacd2710ce100000"
     "0000ae6c696e65733d3120656e643d3061c4000707c410d0d1d2d3d4d5d6d7d8"
     "d9dadbdcdddedf019192b37463703a2f2f31302e302e302e323a35353538c400"
     "cf0123456789abcdefc4000090",
     {.type = MESSAGE_WELCOME,
      .welcome = {.version = 2,
                  .uid = ID(0xB0),
                  .heartbeat_ms = 250,
                  .liveness_ms = 10000,
                  .max_result = 1 << 28,
                  .buffer = 0,
                  .format = S(LINES),
                  .header = S(""),
                  .session = 7,
                  .nonce = 7,
                  .run = ID(0xD0),
                  .epoch = 1,
                  .endpoints = one_sink,
                  .endpoint_count = 1,
                  .program = 0x0123456789ABCDEF}}},
    {"welcome_with_header",
     PAYLOAD_NONE,
     "dc00120302c410b0b1b2b3b4b5b6b7b8b9babbbcbdbebfccfacd2710ce100000"
     "0000ae6c696e65733d3420656e643d3061c40a6e616d650973697a650a0802c4"
     "10d0d1d2d3d4d5d6d7d8d9dadbdcdddedf019292b37463703a2f2f31302e302e"
     "302e323a35353538c40092b47463703a2f2f3139322e302e322e323a35353538"
     "c420e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfd"
     "feff00c4000290",
     {.type = MESSAGE_WELCOME,
      .welcome = {.version = 2,
                  .uid = ID(0xB0),
                  .heartbeat_ms = 250,
                  .liveness_ms = 10000,
                  .max_result = 1 << 28,
                  .buffer = 0,
                  .format = S("lines=4 end=0a"),
                  .header = S("name\tsize\n"),
                  .session = 8,
                  .nonce = 2,
                  .run = ID(0xD0),
                  .epoch = 1,
                  .endpoints = two_endpoints,
                  .endpoint_count = 2,
                  .header_out = 2}}},
    {"reject",
     PAYLOAD_NONE,
     "930401c420746869732076656e74696c61746f7220737065616b732046414e46"
     "4f4c442f32",
     {.type = MESSAGE_REJECT,
      .reject = {.reason = REJECT_VERSION,
                 .text = S("this ventilator speaks FANFOLD/2")}}},
    {"begin",
     PAYLOAD_NONE,
     "9805c410b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc410d0d1d2d3d4d5d6d7d8d9"
     "dadbdcdddedf0100c400c40601776f72647390",
     {.type = MESSAGE_BEGIN,
      .begin = {.uid = ID(0xB0), .run = ID(0xD0), .epoch = 1, .input = S(INPUT)}}},
    {"begin_again",
     PAYLOAD_NONE,
     "9805c410b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc410d0d1d2d3d4d5d6d7d8d9"
     "dadbdcdddedf0103c41100ff4033300000000000000002acdeb6cdc40601776f"
     "7264739405020901",
     {.type = MESSAGE_BEGIN,
      .begin =
          {.uid = ID(0xB0),
           .run = ID(0xD0),
           .epoch =
               1,
           .position = 3,
           .mark = S(
               "\000\377\100\063\060\000\000\000\000\000\000\000\002\254\336\266\315"),
           .input = S(INPUT),
           .held = ranges,
           .count = 2}}},
    {"who", PAYLOAD_NONE, "9106", {.type = MESSAGE_WHO}},
    {"task",
     11,
     "9307079297000100060100c40e40360000000000000000201bd68e9701020005"
     "01cdea60c40f403131000000000000000174b3a502",
     {.type = MESSAGE_TASK, .task = {.session = 7, .entries = tasks, .count = 2}}},
    {"result",
     11,
     "9508c410d0d1d2d3d4d5d6d7d8d9dadbdcdddedf01c410a0a1a2a3a4a5a6a7a8"
     "a9aaabacadaeaf9296000106cd04d2c40e40360000000000000000201bd68e90"
     "96010205cd03dbc40f403131000000000000000174b3a50290",
     {.type = MESSAGE_RESULT,
      .result = {.run = ID(0xD0),
                 .epoch = 1,
                 .uuid = ID(0xA0),
                 .entries = results,
                 .count = 2}}},
    {"result_of_no_bytes",
     0,
     "9508c410d0d1d2d3d4d5d6d7d8d9dadbdcdddedf01c410a0a1a2a3a4a5a6a7a8"
     "a9aaabacadaeaf9196020300cf0000010000000000c40f403330000000000000"
     "0002fe3430c690",
     {.type = MESSAGE_RESULT,
      .result = {.run = ID(0xD0),
                 .epoch = 1,
                 .uuid = ID(0xA0),
                 .entries = empty_results,
                 .count = 1}}},
    {"result_with_bad_records",
     25,
     "9508c410d0d1d2d3d4d5d6d7d8d9dadbdcdddedf01c410a0a1a2a3a4a5a6a7a8"
     "a9aaabacadaeaf919604090ccd162ec410403332350000000000000004f5f34f"
     "039296cd012dcd0132060003c40a74723a2062616420e90a96cd012ecd013807"
     "0800c400",
     {.type = MESSAGE_RESULT,
      .result = {.run = ID(0xD0),
                 .epoch = 1,
                 .uuid = ID(0xA0),
                 .entries = bad_results,
                 .count = 1}}},
    {"task_compressed",
     41,
     "9407079197000100cd02580100c40e40360000000000000000201bd68e01",
     {.type = MESSAGE_TASK,
      .task = {.session = 7,
               .entries = long_task,
               .count = 1,
               .compression = PAYLOAD_ZSTD}}},
    {"result_lent",
     14,
     "9608c410d0d1d2d3d4d5d6d7d8d9dadbdcdddedf01c410a0a1a2a3a4a5a6a7a8"
     "a9aaabacadaeaf91960001ce00100000cd04d2c40e40360000000000000000201"
     "bd68e9003",
     {.type = MESSAGE_RESULT,
      .result = {.run = ID(0xD0),
                 .epoch = 1,
                 .uuid = ID(0xA0),
                 .entries = lent_result,
                 .count = 1,
                 .compression = PAYLOAD_LENT}}},
    {"result_compressed",
     42,
     "9608c410d0d1d2d3d4d5d6d7d8d9dadbdcdddedf01c410a0a1a2a3a4a5a6a7a8"
     "a9aaabacadaeaf91960001cd0258cd04d2c40e40360000000000000000201bd6"
     "8e9002",
     {.type = MESSAGE_RESULT,
      .result = {.run = ID(0xD0),
                 .epoch = 1,
                 .uuid = ID(0xA0),
                 .entries = long_result,
                 .count = 1,
                 .compression = PAYLOAD_LZ4}}},
    {"done",
     PAYLOAD_NONE,
     "93090792970001cd0136cd04d20000c2970102cd0640cd03dbcd61a803c3",
     {.type = MESSAGE_DONE, .done = {.session = 7, .entries = dones, .count = 2}}},
    {"failed",
     PAYLOAD_NONE,
     "990a070204cd0136cd11d70003c40a74723a2062616420e90a",
     {.type = MESSAGE_FAILED,
      .failed = {.session = 7,
                 .seq = 2,
                 .attempt = 4,
                 .waited_us = 310,
                 .run_us = 4567,
                 .cause = FAILURE_EXIT,
                 .code = 3,
                 .text = S("tr: bad \351\n")}}},
    {"returned",
     PAYLOAD_NONE,
     "930b0792050a",
     {.type = MESSAGE_RETURNED,
      .returned = {.session = 7, .entries = queued, .count = 1}}},
    {"forget",
     PAYLOAD_NONE,
     "940c07c29400010102",
     {.type = MESSAGE_FORGET,
      .forget = {.session = 7, .entries = attempts, .count = 2}}},
    {"forget_only_queued",
     PAYLOAD_NONE,
     "940c07c392050a",
     {.type = MESSAGE_FORGET,
      .forget = {.session = 7, .only_queued = true, .entries = queued, .count = 1}}},
    {"progress",
     PAYLOAD_NONE,
     "980d019200020000000000",
     {.type = MESSAGE_PROGRESS, .progress = {.epoch = 1, .held = newly, .count = 1}}},
    {"progress_released",
     PAYLOAD_NONE,
     "980d01900706630503",
     {.type = MESSAGE_PROGRESS,
      .progress = {.epoch = 1,
                   .released = 7,
                   .committed = 6,
                   .bytes = 99,
                   .parked = 5,
                   .failed = 3}}},
    {"skip",
     4,
     "9c0e0102040b0501c40f4031350000000000000002b056a5b403010bc40a6974"
     "2063726173686564",
     {.type = MESSAGE_SKIP,
      .skip = {.epoch = 1,
               .seq = 2,
               .length = 4,
               .offset = 11,
               .record = 5,
               .records = 1,
               .mark =
                   S("\100\061\065\000\000\000\000\000\000\000\002\260\126\245\264"),
               .attempts = 3,
               .cause = FAILURE_SIGNAL,
               .code = 11,
               .text = S("it crashed")}}},
    {"end",
     PAYLOAD_NONE,
     "960f01020000c400",
     {.type = MESSAGE_END, .end = {.epoch = 1, .total = 2}}},
    {"end_interrupted",
     PAYLOAD_NONE,
     "960f090702cc82c40a6e616d650973697a650a",
     {.type = MESSAGE_END,
      .end = {.epoch = 9,
              .total = 7,
              .outcome = OUTCOME_INTERRUPTED,
              .status = 130,
              .header = S("name\tsize\n")}}},
    {"finished",
     PAYLOAD_NONE,
     "9710010000c400000b",
     {.type = MESSAGE_FINISHED, .finished = {.epoch = 1, .bytes = 11}}},
    {"finished_disk_full",
     PAYLOAD_NONE,
     "9710020104c4174e6f207370616365206c656674206f6e2064657669636503cf"
     "0000000200000000",
     {.type = MESSAGE_FINISHED,
      .finished = {.epoch = 2,
                   .outcome = OUTCOME_STOPPED,
                   .status = 4,
                   .text = S("No space left on device"),
                   .dead_letters = 3,
                   .bytes = UINT64_C(1) << 33}}},
    {"stop", PAYLOAD_NONE, "931100c400", {.type = MESSAGE_STOP}},
    {"goodbye",
     PAYLOAD_NONE,
     "921207",
     {.type = MESSAGE_GOODBYE, .goodbye = {.session = 7}}},
    {"ping",
     PAYLOAD_NONE,
     "95130701c29400010102",
     {.type = MESSAGE_PING,
      .ping = {.session = 7, .link = LINK_OPEN, .running = attempts, .count = 2}}},
    {"ping_leaving",
     PAYLOAD_NONE,
     "95130002c390",
     {.type = MESSAGE_PING, .ping = {.link = LINK_UNKNOWN, .leaving = true}}},
    {"pong", PAYLOAD_NONE, "9114", {.type = MESSAGE_PONG}},
    {"isolate",
     25,
     "9e15080409001905cdea60c410403332350000000000000004f5f34f03cd012c"
     "cd012b03c2920301",
     {.type = MESSAGE_ISOLATE,
      .isolate = {.session = 8,
                  .seq = 4,
                  .attempt = 9,
                  .length = 25,
                  .records = 5,
                  .limit_ms = 60000,
                  .mark = MARK_4,
                  .offset = 300,
                  .record = 299,
                  .tries = 3,
                  .probe = false,
                  .except = except,
                  .count = 1}}},
    {"isolate_compressed",
     43,
     "9f1508040900cd025805cdea60c410403332350000000000000004f5f34f03cd"
     "012ccd012b03c292030102",
     {.type = MESSAGE_ISOLATE,
      .isolate = {.session = 8,
                  .seq = 4,
                  .attempt = 9,
                  .length = 600,
                  .records = 5,
                  .limit_ms = 60000,
                  .mark = MARK_4,
                  .offset = 300,
                  .record = 299,
                  .tries = 3,
                  .probe = false,
                  .except = except,
                  .count = 1,
                  .compression = PAYLOAD_LZ4}}},
    {"isolate_probe",
     25,
     "9e1508040800190500c410403332350000000000000004f5f34f03cd012ccd01"
     "2b02c39400020401",
     {.type = MESSAGE_ISOLATE,
      .isolate = {.session = 8,
                  .seq = 4,
                  .attempt = 8,
                  .length = 25,
                  .records = 5,
                  .mark = MARK_4,
                  .offset = 300,
                  .record = 299,
                  .tries = 2,
                  .probe = true,
                  .except = probe_except,
                  .count = 2}}},
    {"welcome_of_version_3",
     PAYLOAD_NONE,
     "920303",
     {.type = MESSAGE_WELCOME, .welcome = {.version = 3}}},
    {"refused",
     PAYLOAD_NONE,
     "991601c410a0a1a2a3a4a5a6a7a8a9aaabacadaeaf0102000400c41569747320"
     "6d61726b206973206f66207461736b2030",
     {.type = MESSAGE_REFUSED,
      .refused = {.epoch = 1,
                  .uuid = ID(0xA0),
                  .seq = 1,
                  .attempt = 2,
                  .marked = 0,
                  .cause = FAILURE_PROTOCOL,
                  .text = S("its mark is of task 0")}}},
    {"unknown", PAYLOAD_NONE, "92174d", {.type = MESSAGE_UNKNOWN, .unknown = {77}}},
    {"drain", PAYLOAD_NONE, "921807", {.type = MESSAGE_DRAIN, .drain = {7}}},
    {"drained", PAYLOAD_NONE, "921907", {.type = MESSAGE_DRAINED, .drained = {7}}},
    {"doubt",
     PAYLOAD_NONE,
     "941a070cc41a61206c696e65206d6f7265207468616e207761732061736b6564",
     {.type = MESSAGE_DOUBT,
      .doubt = {.session = 7, .from = 12, .text = S("a line more than was asked")}}},
    {"stalled",
     PAYLOAD_NONE,
     "941bc410c0c1c2c3c4c5c6c7c8c9cacbcccdcecfcd2ee0c40a746865206f7574"
     "707574",
     {.type = MESSAGE_STALLED,
      .stalled = {.incarnation = ID(0xC0),
                  .waited_ms = 12000,
                  .text = S("the output")}}},
};
const size_t golden_count = sizeof(goldens) / sizeof(goldens[0]);
