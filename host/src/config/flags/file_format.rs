//! Names of the formats of a file, ours and those of other tools.

use crate::{
    config::units::Choice,
    plan::{FileFormat, SpeedBenchRows},
};

impl Choice for FileFormat {
    const NAMES: &'static [(&'static str, Self)] = Self::NAMES;
    /// AIPerf's names of the sets of SPEED-Bench: a category of a file, or all of it. Which file is for the user to name.
    const SYNONYMS: &'static [(&'static str, Self)] = &[
        ("speed-bench-qualitative", Self::SpeedBench(SpeedBenchRows::All)),
        ("speed-bench-coding", Self::SpeedBench(SpeedBenchRows::Coding)),
        ("speed-bench-humanities", Self::SpeedBench(SpeedBenchRows::Humanities)),
        ("speed-bench-math", Self::SpeedBench(SpeedBenchRows::Math)),
        ("speed-bench-multilingual", Self::SpeedBench(SpeedBenchRows::Multilingual)),
        ("speed-bench-qa", Self::SpeedBench(SpeedBenchRows::Qa)),
        ("speed-bench-rag", Self::SpeedBench(SpeedBenchRows::Rag)),
        ("speed-bench-reasoning", Self::SpeedBench(SpeedBenchRows::Reasoning)),
        ("speed-bench-roleplay", Self::SpeedBench(SpeedBenchRows::Roleplay)),
        ("speed-bench-stem", Self::SpeedBench(SpeedBenchRows::Stem)),
        ("speed-bench-summarization", Self::SpeedBench(SpeedBenchRows::Summarization)),
        ("speed-bench-writing", Self::SpeedBench(SpeedBenchRows::Writing)),
        ("speed-bench-throughput-1k", Self::SpeedBench(SpeedBenchRows::All)),
        ("speed-bench-throughput-1k-low-entropy", Self::SpeedBench(SpeedBenchRows::LowEntropy)),
        ("speed-bench-throughput-1k-mixed", Self::SpeedBench(SpeedBenchRows::Mixed)),
        ("speed-bench-throughput-1k-high-entropy", Self::SpeedBench(SpeedBenchRows::HighEntropy)),
        ("speed-bench-throughput-2k", Self::SpeedBench(SpeedBenchRows::All)),
        ("speed-bench-throughput-2k-low-entropy", Self::SpeedBench(SpeedBenchRows::LowEntropy)),
        ("speed-bench-throughput-2k-mixed", Self::SpeedBench(SpeedBenchRows::Mixed)),
        ("speed-bench-throughput-2k-high-entropy", Self::SpeedBench(SpeedBenchRows::HighEntropy)),
        ("speed-bench-throughput-8k", Self::SpeedBench(SpeedBenchRows::All)),
        ("speed-bench-throughput-8k-low-entropy", Self::SpeedBench(SpeedBenchRows::LowEntropy)),
        ("speed-bench-throughput-8k-mixed", Self::SpeedBench(SpeedBenchRows::Mixed)),
        ("speed-bench-throughput-8k-high-entropy", Self::SpeedBench(SpeedBenchRows::HighEntropy)),
        ("speed-bench-throughput-16k", Self::SpeedBench(SpeedBenchRows::All)),
        ("speed-bench-throughput-16k-low-entropy", Self::SpeedBench(SpeedBenchRows::LowEntropy)),
        ("speed-bench-throughput-16k-mixed", Self::SpeedBench(SpeedBenchRows::Mixed)),
        ("speed-bench-throughput-16k-high-entropy", Self::SpeedBench(SpeedBenchRows::HighEntropy)),
        ("speed-bench-throughput-32k", Self::SpeedBench(SpeedBenchRows::All)),
        ("speed-bench-throughput-32k-low-entropy", Self::SpeedBench(SpeedBenchRows::LowEntropy)),
        ("speed-bench-throughput-32k-mixed", Self::SpeedBench(SpeedBenchRows::Mixed)),
        ("speed-bench-throughput-32k-high-entropy", Self::SpeedBench(SpeedBenchRows::HighEntropy)),
    ];
    const NOT_BUILT: &'static [&'static str] = &["baseten-trace", "exgentic"];
}
