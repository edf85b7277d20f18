//! What a plugin is written in, and how such a folder is built.

use clap::ValueEnum;

/// What it is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Language {
    /// A crate, which cargo builds.
    Rust,
    /// A file in C99, which make builds.
    C,
    /// Classes in C++17, which cmake builds.
    Cpp,
    /// A package in Go, which make builds by `go build`.
    Go,
    /// Files in Zig, which `zig build` builds.
    Zig,
}

/// How a folder is built.
pub(super) struct Steps {
    /// Commands, each on a line of its own.
    pub(super) commands: &'static [&'static str],
    /// The folder of the built library, with a slash at its end; empty where that is the plugin's own.
    pub(super) place: &'static str,
    /// What the commands need.
    pub(super) needs: &'static str,
}

impl Language {
    /// How a folder in it is built and tested.
    pub(super) fn steps(self) -> Steps {
        match self {
            Self::Rust => Steps {
                commands: &["cargo test", "cargo build --release"],
                place: "target/release/",
                needs: "The first build downloads the packages of its Cargo.lock from crates.io, unless cargo has them already.",
            },
            Self::C => Steps {
                commands: &["make", "make check"],
                place: "",
                needs: "It needs make and a C compiler, and no library.",
            },
            Self::Cpp => Steps {
                commands: &["cmake -B build", "cmake --build build", "ctest --test-dir build"],
                place: "",
                needs: "It needs cmake and a compiler for C++17, and no library.",
            },
            Self::Go => Steps {
                commands: &["make", "make check"],
                place: "",
                needs: "It needs Go from 1.19 on, make and a C compiler, and no package. The first build takes half a minute, later \
                        ones a second.",
            },
            Self::Zig => Steps {
                commands: &["zig build", "zig build test"],
                place: "",
                needs: "It needs Zig 0.17, and no package. Where pip has installed it (`pip install 'ziglang==0.17.*'`), say \
                        `python3 -m ziglang build` instead of `zig build`. The first build takes a minute, later ones a second.",
            },
        }
    }
}
