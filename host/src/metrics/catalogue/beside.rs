//! What was measured beside the load: the energy of GPUs (`--gpu-telemetry`), and the way to the servers (`--network-latency`).
//!
//! Energy is that of all GPUs that are watched, whatever else they do. AIPerf's window is 0.67 s longer at its end.

use super::super::{
    beside::BesideFact,
    metric::{
        Metric,
        Need::{Gpus, InputTokens, NetworkLatency, OutputTokens},
        Source, row,
    },
    tags,
};

#[rustfmt::skip]
pub(super) const ROWS: &[Metric] = &[
    row("nvidia_total_gpu_energy", "Total GPU Energy", "J", Source::Beside(BesideFact::Energy),
        "Energy that all GPUs have used in `benchmark_duration`: of each the difference of its energy counter between the two ends, where it \
         has one, else its power over that time.")
        .needs(&[Gpus]).shown(),
    row("nvidia_average_gpu_power", "Average GPU Power", "W", Source::Beside(BesideFact::AveragePower),
        "`nvidia_total_gpu_energy` divided by `benchmark_duration`: that of all GPUs together.")
        .needs(&[Gpus]).shown(),
    row("nvidia_total_gpu_power", "Total GPU Power", "W", Source::Beside(BesideFact::TotalPower),
        "The sum over all GPUs of the mean power that each said it had.")
        .needs(&[Gpus]),
    row("nvidia_energy_per_output_token", "Energy per Output Token", "mJ/token",
        Source::Beside(BesideFact::EnergyOfOutputToken),
        "`nvidia_total_gpu_energy` divided by `total_osl`: the input is paid with it.")
        .needs(&[Gpus, OutputTokens]).shown(),
    row("nvidia_energy_per_total_token", "Energy per Total Token", "mJ/token", Source::Beside(BesideFact::EnergyOfToken),
        "`nvidia_total_gpu_energy` divided by `total_isl` and `total_osl` together.")
        .needs(&[Gpus, InputTokens, OutputTokens]),
    row("nvidia_energy_per_request", "Energy per Request", "joules/request", Source::Beside(BesideFact::EnergyOfRequest),
        "`nvidia_total_gpu_energy` divided by `request_count`: those that failed are paid with it.")
        .needs(&[Gpus]).shown(),
    row("nvidia_output_tokens_per_joule", "Output Tokens per Joule", "tokens/J", Source::Beside(BesideFact::TokensOfJoule),
        "`total_osl` divided by `nvidia_total_gpu_energy`.")
        .needs(&[Gpus, OutputTokens]).larger_is_better().shown(),
    row("nvidia_performance_per_watt", "Performance per Watt", "requests/sec/W",
        Source::Beside(BesideFact::ThroughputOfWatt),
        "`request_throughput` divided by `nvidia_average_gpu_power`.")
        .needs(&[Gpus]).larger_is_better(),
    row("nvidia_output_tps_per_watt", "Output Tokens per Second per Watt", "tokens/sec/W",
        Source::Beside(BesideFact::TokenThroughputOfWatt),
        "`output_token_throughput` divided by `nvidia_average_gpu_power`.")
        .needs(&[Gpus, OutputTokens]).larger_is_better(),
    row("nvidia_goodput_per_watt", "Goodput per Watt", "good-req/s/W", Source::Beside(BesideFact::GoodputOfWatt),
        "`goodput` divided by `nvidia_average_gpu_power`.")
        .needs(&[Gpus]).larger_is_better(),
    row("nvidia_energy_delay_product", "Energy Delay Product", "J*s", Source::Beside(BesideFact::EnergyDelay),
        "`nvidia_energy_per_request` times the mean of `request_latency` in seconds.")
        .needs(&[Gpus]),
    row(tags::NETWORK_RTT, "Network RTT", "ms", Source::Beside(BesideFact::RoundTrip),
        "The median time to open a TCP connection to the servers, all probes of the run together: about one round trip of the network. \
         AIPerf takes the mean, and subtracts it from latencies.")
        .needs(&[NetworkLatency]),
];
