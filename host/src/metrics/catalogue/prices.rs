//! What a run costs, by `--price`. Tokens are those of successful requests.

use super::super::metric::{
    Metric,
    Need::{OutputTokens, Price},
    PhaseFact, Source, row,
};

#[rustfmt::skip]
pub(super) const ROWS: &[Metric] = &[
    row("total_price", "Total Price", "$", Source::Phase(PhaseFact::Price),
        "What the phase costs by `--price`: tokens of the input and `total_osl` by the prices of a million tokens, and `benchmark_duration` \
         by the price of an hour. Tokens of the input are `total_usage_prompt_tokens` where the server says them of all requests, else \
         `total_isl`.")
        .needs(&[Price]),
    row("price_per_request", "Price per Request", "$/request", Source::Phase(PhaseFact::PriceOfRequest),
        "`total_price` divided by `request_count`.")
        .needs(&[Price]).shown(),
    row("price_per_good_request", "Price per Good Request", "$/request", Source::Phase(PhaseFact::PriceOfGood),
        "`total_price` divided by `good_request_count`.")
        .needs(&[Price]).shown(),
    row("price_per_million_output_tokens", "Price per Million Output Tokens", "$/million tokens",
        Source::Phase(PhaseFact::PriceOfOutput),
        "`total_price` divided by `total_osl`, by 1,000,000 tokens: the input is paid with it.")
        .needs(&[Price, OutputTokens]).shown(),
    row("price_per_million_tokens", "Price per Million Tokens", "$/million tokens", Source::Phase(PhaseFact::PriceOfTokens),
        "`total_price` divided by the tokens of the input that it has and `total_osl` together, by 1,000,000 tokens.")
        .needs(&[Price, OutputTokens]),
];
