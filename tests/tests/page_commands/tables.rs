//! What is not typed as it stands on a page: every exception has its reason.

use prony_tests::pages::DAY;

/// A block of commands that is not run here.
pub(super) struct Left {
    pub(super) page: &'static str,
    /// What stands in it.
    pub(super) holds: &'static str,
    #[expect(dead_code, reason = "it is for who reads the table")]
    why: &'static str,
}

pub(super) const LEFT: &[Left] = &[
    Left {
        page: "docs/DOCTOR.md",
        holds: "prony selftest",
        why: "it makes runs of its own: the suite `selftest` has it",
    },
    Left {
        page: "docs/INSTALL.md",
        holds: "./target/release/prony selftest",
        why: "it begins with a build: the gate has one, and the suite `selftest`",
    },
    Left {
        page: "docs/INSTALL.md",
        holds: "ln -s /opt/prony/bin/prony",
        why: "it writes to folders of the system: the suite `install_page` unpacks such an archive elsewhere",
    },
    Left {
        page: "docs/LIVE.md",
        holds: "--api-port 9000",
        why: "it needs two terminals: the suite `page_terminals` types them",
    },
    Left {
        page: "docs/RECORD.md",
        holds: "prony record --listen",
        why: "it needs two terminals: the suite `page_terminals` types them",
    },
    Left {
        page: "docs/MANY_MACHINES.md",
        holds: "--agents 2 --concurrency 8",
        why: "it needs three terminals: the suite `page_terminals` types them",
    },
    Left {
        page: "docs/MANY_MACHINES.md",
        holds: "--nats-token TOKEN --name a",
        why: "it needs three terminals: the suite `page_terminals` types them",
    },
    Left {
        page: "docs/MANY_MACHINES.md",
        holds: "prony agent --name a",
        why: "it needs three terminals: the suite `page_terminals` types them",
    },
    Left {
        page: "docs/MANY_MACHINES.md",
        holds: "prony profile --mock --agents 1",
        why: "it needs three terminals: the suite `page_terminals` types them",
    },
    Left {
        page: "docs/MANY_MACHINES.md",
        holds: "prony agent --labels site-a",
        why: "it needs several terminals: the suite `page_terminals` types them, and a server with a certificate",
    },
    Left {
        page: "docs/MANY_MACHINES.md",
        holds: "prony profile --agents 3 --url",
        why: "it needs several terminals: the suite `page_terminals` types them, and a server with a certificate",
    },
    Left {
        page: "docs/MANY_MACHINES.md",
        holds: "--agents ssh:host1",
        why: "it needs machines that ssh reaches, and a user of one: the suite `ssh` has a server with machines of its own",
    },
    Left {
        page: "docs/MANY_MACHINES.md",
        holds: "prony collect --nats",
        why: "it needs agents that have kept a run: the suite `collect_over_nats` has them",
    },
    Left {
        page: "docs/MANY_MACHINES.md",
        holds: "prony collect from-a/RUN",
        why: "it needs the folders of agents: the suite `collect` types it with those of two",
    },
    Left {
        page: "docs/PLUGINS.md",
        holds: "cargo build --release",
        why: "it compiles a crate: the suite `vendor` does",
    },
    Left {
        page: "plugin-api/README.md",
        holds: "cargo build --release",
        why: "it compiles a crate: the suite `vendor` does",
    },
    Left {
        page: "plugins/example-vendor-c/README.md",
        holds: "prony plugins check libexample_vendor_c.so",
        why: "it needs a compiler: the suite `c_plugins` types it behind one",
    },
    Left {
        page: "plugins/example-vendor-c-service/README.md",
        holds: "prony plugins check libexample_vendor_c_service.so",
        why: "it needs a compiler: the suite `c_plugins` has it where one is",
    },
    Left {
        page: "plugins/example-vendor-cpp/README.md",
        holds: "prony plugins check libexample_vendor_cpp.so",
        why: "it needs a compiler: the suite `other_languages` has it where one is",
    },
    Left {
        page: "plugins/example-vendor-cpp-service/README.md",
        holds: "prony plugins check libexample_vendor_cpp_service.so",
        why: "it needs a compiler: the suite `other_languages` has it where one is",
    },
    Left {
        page: "plugins/example-vendor-go/README.md",
        holds: "prony plugins check libexample_vendor_go.so",
        why: "it needs a compiler: the suite `other_languages` has it where one is",
    },
    Left {
        page: "plugins/example-vendor-go-service/README.md",
        holds: "prony plugins check libexample_vendor_go_service.so",
        why: "it needs a compiler: the suite `other_languages` has it where one is",
    },
    Left {
        page: "plugins/example-vendor-zig/README.md",
        holds: "prony plugins check libexample_vendor_zig.so",
        why: "it needs a compiler: the suite `other_languages` has it where one is",
    },
    Left {
        page: "plugins/example-vendor-zig-service/README.md",
        holds: "prony plugins check libexample_vendor_zig_service.so",
        why: "it needs a compiler: the suite `other_languages` has it where one is",
    },
];

/// Lines that have a command of ours, which a shell of this machine would not be given, with the reason.
pub(super) const ELSEWHERE: &[(&str, &str)] =
    &[("docker run --rm --read-only", "it runs in a container, which the suite `container` looks at")];

/// Where the pages have a server of the reader's.
pub(super) const PLACES: &[&str] =
    &["http://localhost:8000", "http://127.0.0.1:8000", "http://old:8000", "http://new:8000"];

/// The same in the tables below.
pub(super) const SERVER: &str = "SERVER";

/// Flags that every run has, which a page leaves out.
pub(super) const LEFT_OUT: &str = "…";

/// What a page says, and what a test says in its place, with the reason.
pub(super) const REPLACED: &[(&str, &str, &str, &str)] = &[
    ("docs/CLASSES.md", "--url HOST", "--url SERVER", "the reader's server"),
    (
        "docs/CONFIG.md",
        "prony profile -f run.yaml --concurrency",
        "prony profile -f run.yaml --url SERVER --model llama --concurrency",
        "the reader writes both into the file",
    ),
    (
        "docs/CONFIG.md",
        "prony profile -f run.yaml --mock",
        "prony profile -f run.yaml --mock --request-count 4",
        "the reader leaves the number of the file",
    ),
    (
        "docs/CI.md",
        "prony search -f run.yaml",
        "prony search -f run.yaml --benchmark-duration 1s --max-runs 3",
        "a run of a search takes 30 s",
    ),
    (
        "docs/SEARCH.md",
        "--range 1..200 --benchmark-duration 30s",
        "--range 1..200 --benchmark-duration 30s --max-runs 3",
        "a search has as many runs as it takes",
    ),
    (
        "docs/SEARCH.md",
        "--max-runs 8",
        "--max-runs 2 --benchmark-duration 1s",
        "without a number of requests, a run lasts 30 s",
    ),
    ("docs/EXPERIMENTS.md", "--num-profile-runs 3", "--num-profile-runs 1", "four cells show the table"),
    (
        "docs/COMPARE.md",
        "http://new:8000 -f run.yaml",
        "http://new:8000 -f run.yaml --repeats 2",
        "without `--repeats`, it makes more runs than a test has time for",
    ),
    (
        "docs/METRICS.md",
        "prony profile …",
        "prony profile … --class 'chat:share=100'",
        "the class of the example",
    ),
    (
        "docs/TELEMETRY.md",
        "http://gpu7:9400/metrics gpu8:9400",
        "SERVER/dcgm/metrics 127.0.0.1:9",
        "the mock server has two GPUs; nobody else has",
    ),
    ("docs/TELEMETRY.md", "http://localhost:4318", "SERVER", "the reader's collector"),
    ("README.md", "profile --mock", "profile --mock --request-count 2", "two requests show that it works"),
    (
        "plugins/example-vendor/README.md",
        "profile --mock ",
        "profile --mock --request-count 2 ",
        "two requests show that it works",
    ),
    (
        "plugins/example-vendor-service/README.md",
        "profile --mock",
        "profile --mock --request-count 2",
        "two requests show that it works",
    ),
    ("plugin-api/README.md", "--seed random", "--seed 7", "a test that fails can be made again"),
    (
        "plugin-api/README.md",
        "libacme_chat.so --replay",
        "libacme_chat.so --exclude speed --replay",
        "to measure a library takes seconds: the suite `check` does",
    ),
    (
        "plugin-api/README.md",
        "--deny-warnings --json",
        "--exclude speed --deny-warnings --json",
        "to measure a library takes seconds: the suite `check` does",
    ),
    (
        "plugins/example-vendor/README.md",
        "libexample_vendor.so --replay",
        "libexample_vendor.so --exclude speed --replay",
        "to measure a library takes seconds: the suite `check` does",
    ),
    (
        "plugins/example-vendor-service/README.md",
        "libexample_vendor_service.so",
        "libexample_vendor_service.so --exclude speed",
        "to measure a library takes seconds: the suite `check` does",
    ),
    (
        "plugin-api/README.md",
        "plugins endpoint acme_chat",
        "plugins endpoint example_vendor",
        "the library that stands for the reader's has this name",
    ),
];

/// The most that a flag with a number is given.
pub(super) const MOST: &[(&str, u32)] =
    &[("--request-count", 12), ("--warmup-request-count", 2), ("--num-profile-runs", 2), ("--repeats", 2)];

/// Other values of flags, and what they are here.
pub(super) const SMALLER: &[(&str, &str)] = &[
    ("--concurrency 1..64x2", "--concurrency 1..2x2"),
    ("--range 1..200", "--range 20..40"),
    ("plugins check ", "plugins check --mutations 50 "),
];

/// Files of the reader's.
pub(super) const FILES: &[(&str, &str)] = &[
    ("run.yaml", "model: llama\nurl: http://localhost:8000\nstreaming: true\nrequest_count: 4\n"),
    ("bodies.jsonl", "{\"model\": \"m\", \"input\": \"Hello\", \"stream\": true}\n"),
    // As the page shows it.
    (
        "talks.jsonl",
        "{\"turns\": [{\"text\": \"Plan a day in Oslo.\"}, {\"text\": \"Now with rain.\", \"delay\": 1500}]}\n",
    ),
    ("day.jsonl", DAY),
    ("rates.json", "{\"points\": [{\"time_s\": 0, \"qps\": 5}, {\"time_s\": 60, \"qps\": 20}]}\n"),
];

/// Which of them the reader of a page has, by their paths. A page that makes a file gets none.
pub(super) const GIVEN: &[(&str, &[&str])] = &[
    ("docs/CI.md", &["run.yaml", "perf/run.yaml"]),
    ("docs/COMPARE.md", &["run.yaml"]),
    ("docs/CONVERSATIONS.md", &["talks.jsonl"]),
    ("docs/LOADS.md", &["rates.json"]),
    ("docs/TRACES.md", &["day.jsonl"]),
    ("host/API_FORMATS.md", &["bodies.jsonl"]),
];

/// What the reader of a page has done before a block that has this in it, with the reason.
pub(super) const BEFORE: &[(&str, &str, &str, &str)] = &[
    (
        "README.md",
        "cargo build --release && ",
        "mkdir -p target/release && cp \"$(command -v prony)\" target/release/",
        "it begins with a build",
    ),
    (
        "docs/CI.md",
        "prony compare before after",
        "prony profile -f perf/run.yaml --num-profile-runs 2 --artifact-dir before",
        "the last good build was measured",
    ),
    (
        "docs/RECORDS_PARQUET.md",
        "prony export",
        "prony profile --url SERVER --model llama --request-count 4 --artifact-dir artifacts/RUN",
        "a run is exported",
    ),
    (
        "plugin-api/README.md",
        "--replay tests/answer.json",
        "mkdir -p target/release pack && cp \"$LIBRARY\" target/release/libacme_chat.so \
         && cp -r \"$ROOT/plugins/example-vendor/tests\" . \
         && cp \"$LIBRARY\" \"$ROOT/plugins/example-vendor/plugins.yaml\" pack && prony plugins add pack",
        "the library is built, and the user has installed it",
    ),
    (
        "plugins/example-vendor/README.md",
        "cargo test",
        "mkdir -p target/release && cp \"$LIBRARY\" target/release \
         && cd \"$ROOT/plugins/example-vendor\" && cp -r Cargo.toml plugins.yaml tests \"$OLDPWD\"",
        "these are the files of its folder, and the library is built",
    ),
    (
        "plugins/example-vendor-service/README.md",
        "cargo test",
        "mkdir -p target/release && cp \"$SERVICE\" target/release \
         && cd \"$ROOT/plugins/example-vendor-service\" && cp -r Cargo.toml plugins.yaml tests \"$OLDPWD\"",
        "these are the files of its folder, and the library is built",
    ),
];

/// Programs that a page names, which a machine may lack or which would do too much, and what they do here.
pub(super) const STAND_INS: &[(&str, &str)] = &[
    ("cargo", "exit 0"),
    ("docker", "exit 0"),
    ("nvidia-smi", "exit 0"),
    // The real one, where it is: it is asked whether the machine was equal to the load, and may deny it.
    ("jq", "jq=$(PATH=${PATH#*:}; command -v jq) || exec cat\n\"$jq\" \"$@\" || test $? -eq 1"),
];

/// How commands that have this in them may end, where it is not 0 alone, with the reason.
pub(super) const ENDS: &[(&str, &[i32], &str)] = &[
    ("p50 < 60s", &[0], "the text says that it is kept"),
    ("p50 < 1ms", &[5], "the text says that it is broken"),
    ("report measured", &[0, 5, 6], "it says of the objectives of that run what the run said"),
    ("--slo", &[0, 5, 6], "a dozen requests carry no p99, and the machine may be busy"),
    ("--gate", &[0, 5, 6], "two runs tell of no difference, and the machine may be busy"),
    ("doctor", &[0, 1], "it speaks of the machine of the test"),
    (
        "--deny-warnings",
        &[0, 3],
        "the libraries of the tests are debug builds, which it warns of; the next blocks check the same one without it",
    ),
];
