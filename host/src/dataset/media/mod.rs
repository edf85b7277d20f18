//! Generated media: what requests show and play beside their texts.
//!
//! All of it is made before the load, on all cores: an encoder on a worker's thread would take time from its streams.
//! Media are large, so that they are bounded: once those of a kind take [`BUDGET`], the conversations share what there
//! is, in turn. Each medium has a random stream of its own, and none with the texts.

mod audio;
mod image;
mod outline;
mod wav;

use std::{collections::HashSet, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use prony_plugin_api::PartKind;
use rayon::prelude::*;

pub(crate) use self::outline::MediaError;
use self::outline::{MOST_OF_A_REQUEST, Outline};
pub(crate) use self::wav::seconds as wav_seconds;
use super::{Conversation, Part};
use crate::{plan::media::MediaConfig, seed::Seed};

/// About as many bytes as all different media of a kind may take together.
const BUDGET: u64 = 512 << 20;

/// Adds the media to every conversation. The first ones do not change when more are asked for.
pub(super) fn add(
    conversations: &mut [Conversation],
    config: &MediaConfig,
    seed: Seed,
) -> Result<(), MediaError> {
    if let Some(images) = &config.images {
        let batch =
            Batch { kind: PartKind::IMAGE, size: images.batch_size, seed: seed.child("dataset.image.noise") };
        batch.add(conversations, image::outlines(images, seed), BUDGET)?;
    }
    if let Some(audio) = &config.audio {
        let batch =
            Batch { kind: PartKind::AUDIO, size: audio.batch_size, seed: seed.child("dataset.audio.data") };
        batch.add(conversations, audio::outlines(audio, seed), BUDGET)?;
    }
    Ok(())
}

/// The media of one kind in each conversation.
struct Batch {
    kind: PartKind,
    /// How many.
    size: usize,
    /// Of what is in them; a stream for each.
    seed: Seed,
}

impl Batch {
    fn add(
        &self,
        conversations: &mut [Conversation],
        outlines: impl Iterator<Item = impl Outline + Send>,
        budget: u64,
    ) -> Result<(), MediaError> {
        let outlines = self.affordable(outlines, conversations.len().saturating_mul(self.size), budget)?;
        let made: Vec<Arc<str>> = outlines
            .par_iter()
            .enumerate()
            .map(|(number, outline)| Ok(data_url(outline.encode(self.seed.child(&number.to_string()))?)))
            .collect::<Result<_, _>>()?;
        let mut media = made.iter().cycle();
        for turn in conversations.iter_mut().flat_map(|conversation| &mut conversation.turns) {
            let data = media.by_ref().take(self.size).cloned();
            turn.parts.extend(data.map(|data| Part { kind: self.kind, name: String::new(), data }));
        }
        Ok(())
    }

    /// As many as there are places for, or as fit into the budget. Those of the first request always do.
    fn affordable<T: Outline>(
        &self,
        outlines: impl Iterator<Item = T>,
        places: usize,
        budget: u64,
    ) -> Result<Vec<T>, MediaError> {
        let (mut affordable, mut bytes) = (Vec::new(), 0_u64);
        for outline in outlines.take(places) {
            let of_a_request = outline.size().saturating_mul(self.size as u64);
            if of_a_request > MOST_OF_A_REQUEST {
                return Err(MediaError::TooLarge { what: outline.what(), bytes: of_a_request });
            }
            bytes = bytes.saturating_add(outline.size());
            if bytes > budget && affordable.len() >= self.size {
                break;
            }
            affordable.push(outline);
        }
        Ok(affordable)
    }
}

fn data_url((media_type, bytes): (&str, Vec<u8>)) -> Arc<str> {
    let mut url = format!("data:{media_type};base64,");
    STANDARD.encode_string(bytes, &mut url);
    url.into()
}

/// What the user should know when there are fewer media than places for them.
pub(crate) fn shared(conversations: &[Conversation]) -> Option<String> {
    let kinds = [(PartKind::IMAGE, "images"), (PartKind::AUDIO, "audio clips")];
    let sentences = kinds.into_iter().filter_map(|(kind, name)| {
        let parts = conversations.iter().flat_map(|conversation| &conversation.turns[0].parts);
        let of_kind = parts.filter(|part| part.kind == kind);
        let (mut places, mut different) = (0_usize, HashSet::new());
        for part in of_kind {
            places += 1;
            different.insert(part.data.as_ptr());
        }
        let few = different.len() < places;
        few.then(|| format!("{} different {name} are sent in {places} places", different.len()))
    });
    let sentences: Vec<String> = sentences.collect();
    (!sentences.is_empty()).then(|| {
        let limit = BUDGET >> 20;
        format!(
            "{}: more would take over {limit} MiB. A server that keeps what it has seen answers faster",
            sentences.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use ::image::ImageFormat as Format;
    use rstest::rstest;

    use super::*;
    use crate::{
        dataset::build,
        plan::{
            DatasetConfig, LengthLaw,
            media::{AudioConfig, AudioFormat, ImageConfig, ImageFormat},
        },
    };

    const SEED: Seed = Seed::new(42);

    fn law(mean: f64, stddev: f64) -> LengthLaw {
        LengthLaw { mean, stddev }
    }

    fn images(format: ImageFormat) -> ImageConfig {
        ImageConfig { width: law(40.0, 8.0), height: law(30.0, 0.0), format, batch_size: 2 }
    }

    fn clips(depth: u16) -> AudioConfig {
        AudioConfig {
            length_s: law(0.5, 0.1),
            format: AudioFormat::Wav,
            depths: vec![depth],
            sample_rates_hz: vec![8_000, 16_000],
            channels: 2,
            batch_size: 1,
        }
    }

    fn built(entries: usize, media: MediaConfig) -> Vec<Conversation> {
        let isl = law(12.0, 0.0);
        let config = DatasetConfig::Synthetic { entries, isl, osl: None, batch_size: 1, media };
        build(&config, None, SEED).unwrap()
    }

    fn parts(conversations: &[Conversation], kind: PartKind) -> Vec<&str> {
        let parts = conversations.iter().flat_map(|conversation| &conversation.turns[0].parts);
        parts.filter(|part| part.kind == kind).map(|part| &*part.data).collect()
    }

    /// Its media type, and its bytes.
    fn taken_apart(url: &str) -> (&str, Vec<u8>) {
        let (media_type, data) = url.strip_prefix("data:").unwrap().split_once(";base64,").unwrap();
        (media_type, STANDARD.decode(data).unwrap())
    }

    #[rstest]
    #[case::png(ImageFormat::Png, &["image/png"])]
    #[case::jpeg(ImageFormat::Jpeg, &["image/jpeg"])]
    #[case::random(ImageFormat::Random, &["image/jpeg", "image/png"])]
    fn images_have_the_sizes_and_the_format_that_were_asked_for(
        #[case] format: ImageFormat,
        #[case] expected: &[&str],
    ) {
        let media = MediaConfig { images: Some(images(format)), audio: None };
        let conversations = built(20, media);
        let urls = parts(&conversations, PartKind::IMAGE);
        assert_eq!(urls.len(), 40);
        let (mut types, mut widths) = (HashSet::new(), HashSet::new());
        for url in &urls {
            let (media_type, bytes) = taken_apart(url);
            let format = Format::from_mime_type(media_type).unwrap();
            let image = ::image::load(Cursor::new(&bytes), format).unwrap();
            assert_eq!(image.height(), 30);
            // Noise does not get small.
            let pixels = (image.width() * image.height()) as usize;
            assert!(bytes.len() > pixels, "{} bytes of {pixels} pixels", bytes.len());
            types.insert(media_type);
            widths.insert(image.width());
        }
        let mut types: Vec<_> = types.into_iter().collect();
        types.sort_unstable();
        assert_eq!(types, expected);
        assert!(widths.len() > 5, "{widths:?}");
        assert_eq!(urls.iter().collect::<HashSet<_>>().len(), 40, "two images are the same");
    }

    #[rstest]
    fn clips_are_as_long_as_they_say(#[values(8, 16, 24, 32)] depth: u16) {
        let conversations = built(20, MediaConfig { images: None, audio: Some(clips(depth)) });
        let (mut rates, mut lengths) = (HashSet::new(), HashSet::new());
        for url in parts(&conversations, PartKind::AUDIO) {
            let (media_type, bytes) = taken_apart(url);
            let mut reader = hound::WavReader::new(&*bytes).unwrap();
            let (spec, frames) = (reader.spec(), reader.duration());
            assert_eq!((media_type, spec.channels, spec.bits_per_sample), ("audio/wav", 2, depth));
            let seconds = f64::from(frames) / f64::from(spec.sample_rate);
            assert!((0.2..0.9).contains(&seconds), "{seconds}");
            assert!((wav_seconds(url).unwrap() - seconds).abs() < 1e-9);
            let loudest = f64::from(i32::MAX >> (32 - depth));
            let samples: Vec<f64> =
                reader.samples::<i32>().map(|sample| f64::from(sample.unwrap()) / loudest).collect();
            let power = samples.iter().map(|sample| sample * sample).sum::<f64>() / samples.len() as f64;
            assert!((power.sqrt() - LOUDNESS).abs() < 0.03, "{}", power.sqrt());
            rates.insert(spec.sample_rate);
            lengths.insert(frames);
        }
        assert_eq!((rates.len(), lengths.len()), (2, 20));
    }

    const LOUDNESS: f64 = 0.3;

    #[test]
    fn a_medium_changes_neither_the_texts_nor_another_medium() {
        let pictures = || Some(images(ImageFormat::Png));
        let both = built(6, MediaConfig { images: pictures(), audio: Some(clips(16)) });
        let texts = built(6, MediaConfig::default());
        let seen = built(9, MediaConfig { images: pictures(), audio: None });
        let heard = built(6, MediaConfig { images: None, audio: Some(clips(16)) });
        assert_eq!(parts(&both, PartKind::TEXT), parts(&texts, PartKind::TEXT));
        assert_eq!(parts(&both, PartKind::IMAGE), parts(&seen[..6], PartKind::IMAGE));
        assert_eq!(parts(&both, PartKind::AUDIO), parts(&heard, PartKind::AUDIO));
    }

    #[test]
    fn a_seed_gives_its_media_forever() {
        let conversations =
            built(1, MediaConfig { images: Some(images(ImageFormat::Png)), audio: Some(clips(16)) });
        let (image, clip) =
            (parts(&conversations, PartKind::IMAGE)[0], parts(&conversations, PartKind::AUDIO)[0]);
        insta::assert_snapshot!(&image[..120], @"data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAC8AAAAeCAIAAAAzY9DzAAAQr0lEQVR4AQGkEFvvADXlEPlRtL0WwtB+UuG3PuSUVvif2FAUw0");
        insta::assert_snapshot!(&clip[..120], @"data:audio/wav;base64,UklGRnw8AABXQVZFZm10IBAAAAABAAIAQB8AAAB9AAAEABAAZGF0YVg8AACe6L7tJy3EBokMdRW234gAkwMG5av2DBjTN5XACM");
    }

    #[test]
    fn what_does_not_fit_is_shared_in_turn() {
        let config = images(ImageFormat::Png);
        let mut conversations = built(6, MediaConfig::default());
        let batch = Batch { kind: PartKind::IMAGE, size: 2, seed: SEED };
        let sizes: Vec<u64> = image::outlines(&config, SEED).take(5).map(|outline| outline.size()).collect();
        batch.add(&mut conversations, image::outlines(&config, SEED), sizes.iter().sum()).unwrap();
        let urls = parts(&conversations, PartKind::IMAGE);
        assert_eq!(urls.len(), 12);
        assert!(urls.iter().zip(&urls[5..]).all(|(one, later)| one.as_ptr() == later.as_ptr()));
        assert_eq!(urls[..5].iter().collect::<HashSet<_>>().len(), 5);
        insta::assert_snapshot!(
            shared(&conversations).unwrap(),
            @"5 different images are sent in 12 places: more would take over 512 MiB. A server that keeps what it has seen answers faster"
        );
    }

    #[test]
    fn a_request_has_all_its_media_even_beyond_the_budget() {
        let mut conversations = built(3, MediaConfig::default());
        let batch = Batch { kind: PartKind::IMAGE, size: 4, seed: SEED };
        batch.add(&mut conversations, image::outlines(&images(ImageFormat::Png), SEED), 0).unwrap();
        let urls = parts(&conversations, PartKind::IMAGE);
        assert_eq!((urls.len(), urls.iter().collect::<HashSet<_>>().len()), (12, 4));
    }

    #[test]
    fn media_that_are_all_different_need_no_word() {
        let conversations =
            built(3, MediaConfig { images: Some(images(ImageFormat::Png)), audio: Some(clips(8)) });
        assert_eq!(shared(&conversations), None);
    }

    #[rstest]
    #[case::an_image(
        MediaConfig { images: Some(ImageConfig { width: law(1e5, 0.0), height: law(1e4, 0.0), ..images(ImageFormat::Png) }), audio: None },
        "make an image of 100000 x 10000 pixels: the media of one request would take 8000000000 bytes, and may take 134217728"
    )]
    #[case::a_clip(
        MediaConfig { images: None, audio: Some(AudioConfig { length_s: law(1e9, 0.0), sample_rates_hz: vec![16_000], ..clips(16) }) },
        "make an audio clip of 1000000000.0 s at 16000 Hz and 16 bits: the media of one request would take 85333333333333 bytes, and may take 134217728"
    )]
    fn media_that_would_eat_the_machine_are_refused(#[case] media: MediaConfig, #[case] text: &str) {
        let config =
            DatasetConfig::Synthetic { entries: 5, isl: law(5.0, 0.0), osl: None, batch_size: 1, media };
        let error = build(&config, None, SEED).unwrap_err();
        assert_eq!(error.to_string(), text);
        assert!(!error.hint().is_empty());
    }
}
