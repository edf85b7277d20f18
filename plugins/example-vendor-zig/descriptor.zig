//! What `PRONY_PLUGIN_DESCRIPTOR` of the contract writes in C: JSON that prony reads from the file before it runs any code of it.
const builtin = @import("builtin");
const std = @import("std");
const c = @import("prony");

/// The section in which prony looks for it.
pub const section = if (builtin.object_format == .macho) "__DATA,__prony" else ".prony.plugin";

/// "0" is a debug build, of which prony warns.
const optimised = switch (builtin.mode) {
    .debug => "0",
    .small => "s",
    else => "on",
};

/// An endpoint's type, and the JSON Schema of its options.
pub fn endpoint(comptime type_name: []const u8, comptime options: []const u8) []const u8 {
    return "{\"type\":\"" ++ type_name ++ "\",\"options\":" ++ options ++ "}";
}

/// A service: the same, and two JSON arrays of message types, what it hears and what it publishes.
pub fn service(comptime type_name: []const u8, comptime options: []const u8, comptime hears: []const u8, comptime publishes: []const u8) []const u8 {
    return "{\"type\":\"" ++ type_name ++ "\",\"options\":" ++ options ++ ",\"subscriptions\":" ++ hears ++
        ",\"publishes\":" ++ publishes ++ "}";
}

/// The descriptor. Of several endpoints, or services, one stands behind the other with a comma between them, and so it is with what
/// the library uses of the machine, such as `c.PRONY_USES_NETWORK`.
pub fn text(comptime name: []const u8, comptime version: []const u8, comptime uses: []const u8, comptime endpoints: []const u8, comptime services: []const u8) []const u8 {
    const versions = std.fmt.comptimePrint(
        "\"epoch\":{d},\"minor\":{d},\"min_host_minor\":{d}",
        .{ c.PRONY_EPOCH, c.PRONY_MINOR, c.PRONY_MIN_HOST_MINOR },
    );
    return "{\"schema\":1,\"language\":\"c\",\"name\":\"" ++ name ++ "\",\"version\":\"" ++ version ++ "\"," ++ versions ++
        ",\"compiler\":\"zig " ++ builtin.zig_version_string ++ "\",\"opt_level\":\"" ++ optimised ++
        "\",\"capabilities\":[" ++ uses ++ "],\"endpoints\":[" ++ endpoints ++ "],\"services\":[" ++ services ++ "]}";
}
