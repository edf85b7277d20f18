//! The API format of Example Vendor's servers. `CHANGE` marks what is theirs; the rest can stay.
const c = @import("prony");
const descriptor = @import("descriptor.zig");

const Failure = error{ NoReply, StrangePart };

/// The kind of an error, after its words: they fit behind "failed to".
fn tell(failure: [*c]const c.prony_error, err: Failure) i32 {
    return switch (err) {
        error.NoReply => c.prony_fail(failure, c.PRONY_MALFORMED, "read a reply: it is no JSON object"),
        error.StrangePart => c.prony_fail(failure, c.PRONY_UNSUPPORTED, "write a part that is neither a text nor an image"),
    };
}

/// Writes the content of a message: a lone text, or none, as a string, anything else as a list of parts.
fn writeContent(message: c.prony_message, request: [*c]const c.prony_request) Failure!void {
    if (message.part_count == 0) return c.prony_put(request, "\"\"");
    const parts = message.parts[0..message.part_count];
    if (parts.len == 1 and parts[0].kind == c.PRONY_PART_TEXT) return c.prony_put_json(request, parts[0].data);
    for (parts, 0..) |part, at| {
        c.prony_put(request, if (at == 0) "[" else ",");
        switch (part.kind) {
            c.PRONY_PART_TEXT => {
                c.prony_put(request, "{\"type\":\"text\",\"text\":");
                c.prony_put_json(request, part.data);
                c.prony_put(request, "}");
            },
            c.PRONY_PART_IMAGE => {
                c.prony_put(request, "{\"type\":\"image_url\",\"image_url\":{\"url\":");
                c.prony_put_json(request, part.data);
                c.prony_put(request, "}}");
            },
            else => return error.StrangePart,
        }
    }
    c.prony_put(request, "]");
}

/// Writes a request. CHANGE: the body that the server takes.
fn writeRequest(turn: c.prony_turn, request: [*c]const c.prony_request) Failure!void {
    c.prony_put(request, "{\"model\":");
    c.prony_put_json(request, turn.model);
    c.prony_put(request, ",\"messages\":[");
    for (0..turn.message_count) |at| {
        c.prony_put(request, if (at == 0) "{\"role\":" else ",{\"role\":");
        c.prony_put_json(request, turn.messages[at].role);
        c.prony_put(request, ",\"content\":");
        try writeContent(turn.messages[at], request);
        c.prony_put(request, "}");
    }
    const streaming = "],\"stream\":true,\"stream_options\":{\"include_usage\":true}";
    c.prony_put(request, if (turn.streaming != 0) streaming else "],\"stream\":false");
    if (turn.max_tokens > 0) {
        c.prony_put(request, ",\"max_tokens\":");
        c.prony_put_number(request, turn.max_tokens);
    }
    c.prony_put(request, "}");
    request.*.merge.?(request, turn.extra_json); // The user's own fields come last, and win.
}

/// Reads an event of a stream, or a whole response, which is read like one large event. CHANGE: what is in a reply.
fn readReply(bytes: c.prony_text, out: [*c]const c.prony_events) Failure!void {
    const reply = c.prony_json(bytes);
    if (reply.length == 0 or reply.data[0] != '{') return error.NoReply;
    const choices = c.prony_json_get(reply, "choices");
    var choice = c.prony_json_nothing();
    while (c.prony_json_next(choices, &choice) != 0) {
        const index: u32 = @truncate(c.prony_json_number(c.prony_json_get(choice, "index"), 0));
        const delta = c.prony_json_get(choice, "delta");
        const said = if (delta.data != null) delta else c.prony_json_get(choice, "message");
        out.*.json_text.?(out, c.PRONY_CONTENT, index, c.prony_json_get(said, "content"));
        const reason = c.prony_json_get(choice, "finish_reason");
        if (c.prony_json_is_string(reason) != 0) out.*.finish.?(out, index, c.prony_json_inner(reason));
    }
    var tokens = c.prony_no_usage();
    const usage = c.prony_json_get(reply, "usage");
    tokens.prompt = c.prony_json_number(c.prony_json_get(usage, "prompt_tokens"), c.PRONY_ABSENT);
    tokens.completion = c.prony_json_number(c.prony_json_get(usage, "completion_tokens"), c.PRONY_ABSENT);
    if (tokens.completion != c.PRONY_ABSENT) out.*.usage.?(out, &tokens);
    const failure = c.prony_json_get(c.prony_json_get(reply, "error"), "message");
    if (c.prony_json_is_string(failure) != 0) {
        var message: [512]u8 = undefined;
        out.*.@"error".?(out, 0, c.prony_text_of(""), c.prony_json_copy(failure, &message, message.len));
    }
}

// The functions of the table. A panic of Zig's ends the process: what may fail returns an error instead.
fn format(_: ?*anyopaque, turn: [*c]const c.prony_turn, request: [*c]const c.prony_request, failure: [*c]const c.prony_error) callconv(.c) i32 {
    writeRequest(turn.*, request) catch |err| return tell(failure, err);
    return c.PRONY_OK;
}

fn event(_: ?*anyopaque, _: c.prony_text, bytes: c.prony_text, out: [*c]const c.prony_events, failure: [*c]const c.prony_error) callconv(.c) i32 {
    if (c.prony_is(bytes, "[DONE]") != 0) { // CHANGE: how a stream ends
        out.*.done.?(out);
        return c.PRONY_OK;
    }
    return body(null, 200, bytes, out, failure);
}

fn body(_: ?*anyopaque, _: u32, bytes: c.prony_text, out: [*c]const c.prony_events, failure: [*c]const c.prony_error) callconv(.c) i32 {
    readReply(bytes, out) catch |err| return tell(failure, err);
    return c.PRONY_OK;
}

const chat: c.prony_endpoint = .{
    .size = @sizeOf(c.prony_endpoint),
    .type_name = "ExampleVendorZig",
    .format = format,
    .event = event,
    .body = body,
};
const endpoints = [_][*c]const c.prony_endpoint{&chat};

pub export const prony_plugin_c_v1: c.prony_plugin = .{
    .size = @sizeOf(c.prony_plugin),
    .epoch = c.PRONY_EPOCH,
    .minor = c.PRONY_MINOR,
    .endpoints = &endpoints,
    .endpoint_count = endpoints.len,
};

const chats = descriptor.endpoint("ExampleVendorZig", c.PRONY_NO_OPTIONS);
const described = descriptor.text("example-vendor-zig", "0.1.0", "", chats, "");
export const prony_plugin_descriptor: [described.len:0]u8 linksection(descriptor.section) = described[0..described.len :0].*;
