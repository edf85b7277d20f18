//! What the API format writes and reads, tried through the tables that prony uses: `zig build test`.
const std = @import("std");
const c = @import("prony");
const plugin = @import("plugin.zig");

/// What the plugin has written or reported.
var seen: [4096]u8 = undefined;
var length: usize = 0;

fn note(text: []const u8) void {
    @memcpy(seen[length..][0..text.len], text);
    length += text.len;
}

fn expect(expected: []const u8) !void {
    defer length = 0;
    try std.testing.expectEqualStrings(expected, seen[0..length]);
}

fn lent(text: []const u8) c.prony_text {
    return .{ .data = text.ptr, .length = text.len };
}

// A host that writes down what it is given.
fn onWords(_: [*c]const c.prony_error, text: c.prony_text) callconv(.c) void {
    note(text.data[0..text.length]);
}
fn onBytes(_: [*c]const c.prony_request, bytes: c.prony_text) callconv(.c) void {
    note(bytes.data[0..bytes.length]);
}
fn onJson(_: [*c]const c.prony_events, _: u32, _: u32, value: c.prony_text) callconv(.c) void {
    length += c.prony_json_copy(value, seen[length..].ptr, seen.len - length).length;
}
fn onUsage(_: [*c]const c.prony_events, usage: [*c]const c.prony_usage) callconv(.c) void {
    var text: [64]u8 = undefined;
    note(std.fmt.bufPrint(&text, "|{d} tokens", .{usage.*.completion}) catch "|many tokens");
}
fn onFinish(_: [*c]const c.prony_events, _: u32, reason: c.prony_text) callconv(.c) void {
    note("|");
    note(reason.data[0..reason.length]);
}
fn onError(_: [*c]const c.prony_events, _: u32, _: c.prony_text, message: c.prony_text) callconv(.c) void {
    note(message.data[0..message.length]);
}
fn onDone(_: [*c]const c.prony_events) callconv(.c) void {
    note("|done");
}

const words: c.prony_error = .{ .size = @sizeOf(c.prony_error), .message = onWords, .hint = onWords };
const request: c.prony_request = .{ .size = @sizeOf(c.prony_request), .body = onBytes, .merge = onBytes };
const events: c.prony_events = .{
    .size = @sizeOf(c.prony_events),
    .json_text = onJson,
    .usage = onUsage,
    .finish = onFinish,
    .@"error" = onError,
    .done = onDone,
};
const endpoint = plugin.prony_plugin_c_v1.endpoints[0];

fn readBody(status: u32, bytes: []const u8) i32 {
    return endpoint.*.body.?(null, status, lent(bytes), &events, &words);
}

fn formatPart(part: c.prony_part) i32 {
    const message: c.prony_message = .{ .role = lent("user"), .parts = &part, .part_count = 1 };
    const turn: c.prony_turn = .{
        .size = @sizeOf(c.prony_turn),
        .model = lent("vendor-1"),
        .messages = &message,
        .message_count = 1,
        .max_tokens = 8,
        .extra_json = lent("{\"seed\":7}"),
    };
    return endpoint.*.format.?(null, &turn, &request, &words);
}

test "a turn becomes a request" {
    try std.testing.expectEqual(c.PRONY_OK, formatPart(.{ .data = lent("Say \"hi\"") }));
    try expect("{\"model\":\"vendor-1\",\"messages\":[{\"role\":\"user\",\"content\":\"Say \\\"hi\\\"\"}]," ++
        "\"stream\":false,\"max_tokens\":8}{\"seed\":7}");
}

test "what the API format cannot say is an error" {
    try std.testing.expectEqual(c.PRONY_UNSUPPORTED, formatPart(.{ .kind = c.PRONY_PART_AUDIO }));
    length = 0;
}

test "a stream becomes an answer" {
    // prony splits streams by all rules.
    var lines = std.mem.splitScalar(u8, @embedFile("tests/stream.sse"), '\n');
    while (lines.next()) |line| {
        if (!std.mem.startsWith(u8, line, "data: ")) continue;
        const read = endpoint.*.event.?(null, lent(""), lent(line[6..]), &events, &words);
        try std.testing.expectEqual(c.PRONY_OK, read);
    }
    try expect("The capital is \"Paris\".|stop|6 tokens|done");
}

test "a whole answer is read as well" {
    try std.testing.expectEqual(c.PRONY_OK, readBody(200, @embedFile("tests/answer.json")));
    try expect("The capital is Paris.|stop|6 tokens");
}

test "a refusal is an error" {
    try std.testing.expectEqual(c.PRONY_OK, readBody(429, "{\"error\":{\"message\":\"slow down\"}}"));
    try expect("slow down");
}

test "what is no JSON is malformed" {
    try std.testing.expectEqual(c.PRONY_MALFORMED, readBody(200, "<html>"));
    try expect("read a reply: it is no JSON object");
}
