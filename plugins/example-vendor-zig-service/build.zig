// Builds the library beside plugins.yaml, and tests it: `zig build`, `zig build test`. Written for Zig 0.17.
const std = @import("std");

pub fn build(b: *std.Build) void {
    const target = b.standardTargetOptions(.{});
    const how = "How it is optimised; `debug` is many times slower";
    const optimize = b.option(std.builtin.Optimize, "optimize", how) orelse .safe;

    // The contract, as Zig sees it.
    const header = b.addTranslateC(.{
        .root_source_file = b.path("include/prony_plugin.h"),
        .target = target,
        .optimize = optimize,
    });
    const plugin = b.createModule(.{
        .root_source_file = b.path("plugin.zig"),
        .target = target,
        .optimize = optimize,
        .link_libc = true,
    });
    const prony = header.createModule();
    plugin.addImport("prony", prony);

    // The name of a library is that of its entry in plugins.yaml: libexample_vendor_zig_service.so.
    const library = b.addLibrary(.{ .name = "example_vendor_zig_service", .linkage = .dynamic, .root_module = plugin });
    const beside = b.addInstallArtifact(library, .{ .dest_dir = .{ .override = .{ .custom = ".." } } });
    b.getInstallStep().dependOn(&beside.step);

    const check = b.createModule(.{
        .root_source_file = b.path("check.zig"),
        .target = target,
        .optimize = optimize,
        .link_libc = true,
    });
    check.addImport("prony", prony);
    const tests = b.addRunArtifact(b.addTest(.{ .root_module = check }));
    b.step("test", "Try what it counts").dependOn(&tests.step);
}
