//! How long the input and the output of each generated request are, by its number.

use rand_chacha::ChaCha8Rng;

use super::{
    classes::Dealer,
    length::{self, Lengths},
};
use crate::{
    plan::{SequenceLaw, SequenceLengths},
    seed::Seed,
};

/// Lengths of requests. They depend on the seed and the request's number alone.
#[derive(Debug)]
pub(super) struct Sequences(Kind);

#[derive(Debug)]
enum Kind {
    Apart { input: Box<Lengths>, output: Option<Box<Lengths>> },
    Mix(Box<Mix>),
    ByClass { dealer: Dealer, classes: Vec<Sequences> },
}

#[derive(Debug)]
struct Mix {
    /// Never drawn from: each request draws its pair from a copy with its number.
    rng: ChaCha8Rng,
    /// The shares up to each pair.
    shares: Vec<f64>,
    pairs: Vec<Pair>,
}

#[derive(Debug)]
struct Pair {
    input: Lengths,
    output: Lengths,
}

impl Sequences {
    /// Lengths of these laws.
    pub(super) fn new(lengths: &SequenceLengths, seed: Seed) -> Self {
        Self(match lengths {
            SequenceLengths::Apart { isl, osl } => Kind::Apart {
                input: Box::new(length::input_lengths(isl, seed)),
                output: osl.as_ref().map(|osl| Box::new(length::output_lengths(osl, seed))),
            },
            SequenceLengths::Mix { pairs } => Kind::Mix(Box::new(Mix {
                rng: seed.stream("models.sequence.distribution"),
                shares: length::up_to_each(pairs.iter().map(|pair| pair.percent)),
                pairs: pairs
                    .iter()
                    .map(|pair| Pair {
                        input: length::input_lengths(&SequenceLaw::Normal(pair.isl), seed),
                        output: length::output_lengths(&SequenceLaw::Normal(pair.osl), seed),
                    })
                    .collect(),
            })),
            SequenceLengths::ByClass { deal, classes } => Kind::ByClass {
                dealer: Dealer::new(deal, seed),
                classes: classes.iter().map(|lengths| Self::new(lengths, seed)).collect(),
            },
        })
    }

    /// Input tokens of a text of a request.
    pub(super) fn input(&self, request: u64, text: u64) -> u64 {
        match &self.0 {
            Kind::Apart { input, .. } => input.of(text),
            Kind::Mix(mix) => mix.pair(request).map_or(1, |pair| pair.input.of(text)),
            Kind::ByClass { .. } => self.of_class(request).map_or(1, |class| class.input(request, text)),
        }
    }

    /// Output tokens that a request asks for, if it does.
    pub(super) fn output(&self, request: u64) -> Option<u64> {
        match &self.0 {
            Kind::Apart { output, .. } => output.as_ref().map(|output| output.of(request)),
            Kind::Mix(mix) => mix.pair(request).map(|pair| pair.output.of(request)),
            Kind::ByClass { .. } => self.of_class(request)?.output(request),
        }
    }

    /// The lengths of the request's class.
    fn of_class(&self, request: u64) -> Option<&Self> {
        let Kind::ByClass { dealer, classes } = &self.0 else { return None };
        classes.get(dealer.class(length::conversation_of(request)) as usize)
    }
}

impl Mix {
    fn pair(&self, request: u64) -> Option<&Pair> {
        let mut rng = self.rng.clone();
        rng.set_stream(request);
        self.pairs.get(length::place(&self.shares, &mut rng))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Deal, DealOrder, LengthLaw, LengthPair};

    fn mix(pairs: &[(f64, f64, f64)]) -> Sequences {
        let law = |mean| LengthLaw { mean, stddev: 0.0 };
        let pairs =
            pairs.iter().map(|&(isl, osl, percent)| LengthPair { isl: law(isl), osl: law(osl), percent });
        Sequences::new(&SequenceLengths::Mix { pairs: pairs.collect() }, Seed::new(42))
    }

    /// Bounds are four standard errors of a share.
    #[test]
    fn pairs_have_their_shares_and_stay_together() {
        let pairs = [(256.0, 128.0, 60.0), (512.0, 256.0, 30.0), (1024.0, 8.0, 10.0), (7.0, 7.0, 0.0)];
        let lengths = mix(&pairs);
        let drawn: Vec<(u64, u64)> = (0..20_000)
            .map(|number| (lengths.input(number, number), lengths.output(number).unwrap()))
            .collect();
        let mut found = 0;
        for (isl, osl, percent) in pairs {
            let here = drawn.iter().filter(|pair| (pair.0 as f64, pair.1 as f64) == (isl, osl)).count();
            let (share, number) = (percent / 100.0, drawn.len() as f64);
            let bound = 4.0 * (share * (1.0 - share) / number).sqrt();
            assert!((here as f64 / number - share).abs() <= bound, "{isl},{osl}: {here}");
            found += here;
        }
        assert_eq!(found, drawn.len(), "no input stands beside the output of another pair");
    }

    #[test]
    fn all_turns_of_a_conversation_have_the_lengths_of_its_class() {
        let law = |mean| SequenceLaw::Normal(LengthLaw { mean, stddev: 0.0 });
        let class = |isl, osl| SequenceLengths::Apart { isl: law(isl), osl: Some(law(osl)) };
        let deal = Deal { order: DealOrder::Even, shares: vec![0.5, 0.5] };
        let classes = vec![class(10.0, 1.0), class(20.0, 2.0)];
        let dealer = Dealer::new(&deal, Seed::new(42));
        let lengths = Sequences::new(&SequenceLengths::ByClass { deal, classes }, Seed::new(42));
        for (conversation, turn) in
            (0..50).flat_map(|conversation| (0..3).map(move |turn| (conversation, turn)))
        {
            let number = length::of_turn(conversation, turn);
            let class = u64::from(dealer.class(conversation)) + 1;
            assert_eq!((lengths.input(number, number), lengths.output(number)), (10 * class, Some(class)));
        }
    }

    #[test]
    fn all_texts_of_a_request_are_of_its_pair() {
        let lengths = mix(&[(256.0, 128.0, 50.0), (512.0, 256.0, 50.0)]);
        for request in 0..50 {
            let inputs: Vec<u64> = (0..4).map(|text| lengths.input(request, request * 4 + text)).collect();
            assert!(inputs.iter().all(|input| *input == 2 * lengths.output(request).unwrap()), "{inputs:?}");
        }
    }
}
