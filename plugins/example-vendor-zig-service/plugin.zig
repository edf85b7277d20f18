//! A service of Example Vendor's, beside the load. `CHANGE` marks what is theirs; the rest can stay.
const std = @import("std");
const c = @import("prony");
const descriptor = @import("descriptor.zig");

// What it hears and says. CHANGE: your own.
const records = "record_batch";
const recorded = "phase_recorded";
const tally = "example_vendor_zig_service_tally";

const memory = std.heap.c_allocator;

/// It counts. It is called from one thread at a time and must return soon: long work goes into a thread of its own.
const Tally = struct {
    host: [*c]const c.prony_host,
    requests: u64 = 0,
    failed: u64 = 0,
    output_tokens: u64 = 0,

    /// CHANGE: what it does with what it hears.
    fn count(own: *Tally, batch: c.prony_text) void {
        const list = c.prony_json_get(c.prony_json(batch), "records");
        var record = c.prony_json_nothing();
        while (c.prony_json_next(list, &record) != 0) {
            const failure = c.prony_json_get(record, "error");
            own.requests += 1;
            if (failure.data != null and c.prony_is(failure, "null") == 0) own.failed += 1;
            own.output_tokens += c.prony_json_number(c.prony_json_get(record, "output_tokens"), 0);
        }
    }

    /// Publishes what it has counted, with a table that people see, and begins anew. CHANGE: your own message.
    fn publish(own: *Tally, failure: [*c]const c.prony_error) i32 {
        var room: [512]u8 = undefined;
        const form = "{{\"requests\":{d},\"failed\":{d},\"output_tokens\":{d},\"prony_table\":{{" ++
            "\"title\":\"Requests as counted by Example Vendor\",\"columns\":[\"requests\",\"failed\",\"output tokens\"]," ++
            "\"rows\":[[{d},{d},{d}]]}}}}";
        const sums = .{ own.requests, own.failed, own.output_tokens, own.requests, own.failed, own.output_tokens };
        const message = std.fmt.bufPrint(&room, form, sums) catch
            return c.prony_fail(failure, c.PRONY_IO, "write the tally: it has no room");
        own.requests = 0;
        own.failed = 0;
        own.output_tokens = 0;
        own.host.*.log.?(own.host, c.PRONY_LOG_INFO, lent(tally), lent(message));
        if (own.host.*.publish_json.?(own.host, lent(tally), lent(message)) != c.PRONY_PUBLISHED)
            return c.prony_fail(failure, c.PRONY_IO, "publish the tally: the bus does not take it");
        return c.PRONY_OK;
    }
};

fn lent(text: []const u8) c.prony_text {
    return .{ .data = text.ptr, .length = text.len };
}

fn create(_: c.prony_text, host: [*c]const c.prony_host, service: [*c]?*anyopaque, failure: [*c]const c.prony_error) callconv(.c) i32 {
    const made = memory.create(Tally) catch return c.prony_fail(failure, c.PRONY_IO, "get memory for the service");
    made.* = .{ .host = host };
    service.* = made;
    return c.PRONY_OK;
}

fn destroy(service: ?*anyopaque) callconv(.c) void {
    memory.destroy(tallyOf(service));
}

fn tallyOf(service: ?*anyopaque) *Tally {
    return @ptrCast(@alignCast(service.?));
}

fn take(service: ?*anyopaque, batch: c.prony_text) callconv(.c) void {
    tallyOf(service).count(batch);
}

fn onMessage(service: ?*anyopaque, kind: c.prony_text, bytes: c.prony_text, failure: [*c]const c.prony_error) callconv(.c) i32 {
    const own = tallyOf(service);
    if (c.prony_is(kind, recorded) != 0) return own.publish(failure);
    if (c.prony_is(kind, records) != 0 and own.host.*.message_json.?(own.host, bytes, own, take) == 0)
        return c.prony_fail(failure, c.PRONY_MALFORMED, "read a message of requests");
    return c.PRONY_OK;
}

const hears = [_][*c]const u8{ records, recorded };
const billing: c.prony_service = .{
    .size = @sizeOf(c.prony_service),
    .type_name = "ExampleVendorZigService",
    .subscriptions = &hears,
    .subscription_count = hears.len,
    .create = create,
    .on_message = onMessage,
    .destroy = destroy,
};
const services = [_][*c]const c.prony_service{&billing};

pub export const prony_plugin_c_v1: c.prony_plugin = .{
    .size = @sizeOf(c.prony_plugin),
    .epoch = c.PRONY_EPOCH,
    .minor = c.PRONY_MINOR,
    .services = &services,
    .service_count = services.len,
};

const heard = "[\"" ++ records ++ "\",\"" ++ recorded ++ "\"]";
const published = "[\"" ++ tally ++ "\"]";
const counting = descriptor.service("ExampleVendorZigService", c.PRONY_NO_OPTIONS, heard, published);
const described = descriptor.text("example-vendor-zig-service", "0.1.0", "", "", counting);
export const prony_plugin_descriptor: [described.len:0]u8 linksection(descriptor.section) = described[0..described.len :0].*;
