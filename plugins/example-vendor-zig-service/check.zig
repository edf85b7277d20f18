//! What the service counts and publishes, tried through the tables that prony uses: `zig build test`.
const std = @import("std");
const c = @import("prony");
const plugin = @import("plugin.zig");

var published: [4096]u8 = undefined;
var length: usize = 0;

fn lent(text: []const u8) c.prony_text {
    return .{ .data = text.ptr, .length = text.len };
}

// A host whose messages are JSON as they are, and which keeps what is published.
fn onLog(_: [*c]const c.prony_host, _: u32, _: c.prony_text, _: c.prony_text) callconv(.c) void {}
fn onPublish(_: [*c]const c.prony_host, _: c.prony_text, json: c.prony_text) callconv(.c) u32 {
    if (json.length > published.len) return c.PRONY_PUBLISH_TOO_LARGE;
    @memcpy(published[0..json.length], json.data[0..json.length]);
    length = json.length;
    return c.PRONY_PUBLISHED;
}
fn asJson(_: [*c]const c.prony_host, bytes: c.prony_text, context: ?*anyopaque, take: c.prony_take) callconv(.c) i32 {
    if (c.prony_json(bytes).data == null) return 0;
    take.?(context, bytes);
    return 1;
}
fn onWords(_: [*c]const c.prony_error, _: c.prony_text) callconv(.c) void {}

const words: c.prony_error = .{ .size = @sizeOf(c.prony_error), .message = onWords, .hint = onWords };
const host: c.prony_host = .{
    .size = @sizeOf(c.prony_host),
    .epoch = c.PRONY_EPOCH,
    .minor = c.PRONY_MINOR,
    .log = onLog,
    .publish_json = onPublish,
    .message_json = asJson,
};
const service = plugin.prony_plugin_c_v1.services[0];

fn hear(made: ?*anyopaque, kind: []const u8, message: []const u8) i32 {
    return service.*.on_message.?(made, lent(kind), lent(message), &words);
}

test "it counts what it hears, and begins anew" {
    var made: ?*anyopaque = null;
    try std.testing.expectEqual(c.PRONY_OK, service.*.create.?(lent("{}"), &host, &made, &words));
    defer service.*.destroy.?(made);
    const batch = "{\"records\":[{\"output_tokens\":5,\"error\":null},{\"output_tokens\":2,\"error\":{\"type\":\"timeout\"}}]}";
    try std.testing.expectEqual(c.PRONY_OK, hear(made, "record_batch", batch));
    try std.testing.expectEqual(c.PRONY_OK, hear(made, "phase_recorded", "{}"));
    const expected = "{\"requests\":2,\"failed\":1,\"output_tokens\":7,";
    try std.testing.expect(std.mem.startsWith(u8, published[0..length], expected));
    try std.testing.expect(c.prony_json(lent(published[0..length])).data != null);
    try std.testing.expectEqual(c.PRONY_MALFORMED, hear(made, "record_batch", "["));
}
