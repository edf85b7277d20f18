//! What the build script carries into the program: `CONTRACT`, `ENDPOINT`, `SERVICE`, those `…_IN_C` and in other languages, and
//! `HEADER` are paths and contents of files, `…_DEPENDENCIES` lines of a manifest, `…_LOCK` the versions that prony itself is built with.

include!(concat!(env!("OUT_DIR"), "/vendor_kit.rs"));
