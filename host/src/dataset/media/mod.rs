//! Media: what requests show and play beside their texts, generated or pictures of the user's.
//!
//! All of it is made or read before the load, on all cores: an encoder on a worker's thread would take time from its streams.
//! Media are large, so that they are bounded: once those of a kind take [`BUDGET`], the scripts share what there
//! is, in turn. Each medium has a random stream of its own, and none with the texts.

mod audio;
mod duration;
mod encoder;
mod ffmpeg;
mod image;
mod mp3;
mod order;
mod outline;
mod pictures;
mod scratch;
mod video;
mod wav;

use std::sync::Arc;

use prony_plugin_api::PartKind;
use rayon::prelude::*;

pub(crate) use self::duration::seconds as clip_seconds;
use self::order::Order;
pub(crate) use self::outline::MediaError;
use self::outline::{MOST_OF_A_REQUEST, Outline};
use super::{Part, data_url::data_url};
use crate::{
    plan::media::{AudioFormat, MediaConfig},
    seed::Seed,
    stderr,
};

/// About as many bytes as all different media of a kind may take together.
const BUDGET: u64 = 512 << 20;

/// More different media of a kind are not made for a run.
const MOST: u64 = 10_000;

/// More of what ffmpeg makes are not made: it takes much longer for one than an image takes.
const MOST_OF_FFMPEG: u64 = 100;

/// More of that take so long that it is reported.
const FEW_OF_FFMPEG: usize = 10;

/// A run that may have any number of requests has the media of so many.
const SCRIPTS_OF_AN_ENDLESS_RUN: u64 = 100;

/// The media of a run.
#[derive(Debug, Default)]
pub(super) struct Media(Vec<Collection>);

/// Those of one kind.
#[derive(Debug)]
struct Collection {
    kind: PartKind,
    /// What they are called, for people.
    name: &'static str,
    /// How many a script shows.
    a_script: u64,
    /// ffmpeg makes them.
    is_of_ffmpeg: bool,
    made: Vec<Arc<str>>,
    order: Order,
    /// They are the user's: there are as many as there are.
    is_given: bool,
}

impl Media {
    /// Makes the media for so many scripts. The first ones do not change when more are asked for.
    pub(super) fn make(config: &MediaConfig, scripts: Option<u64>, seed: Seed) -> Result<Self, MediaError> {
        let mut media = Self::default();
        if let Some(images) = &config.images {
            let kind = Collection::new(PartKind::IMAGE, "images", images.batch_size);
            let noise = seed.child("dataset.image.noise");
            media.0.push(kind.make(image::outlines(images, seed), scripts, BUDGET, noise)?);
        }
        if let Some(given) = &config.pictures {
            let (made, order) = (pictures::read(given, BUDGET)?, Order::of(given.sampling, seed));
            let kind = Collection::new(PartKind::IMAGE, "pictures", given.batch_size);
            media.0.push(Collection { made, order, is_given: true, ..kind });
        }
        if let Some(audio) = &config.audio {
            let kind = Collection::new(PartKind::AUDIO, "audio clips", audio.batch_size);
            let kind = Collection { is_of_ffmpeg: audio.format == AudioFormat::Mp3, ..kind };
            let noise = seed.child("dataset.audio.data");
            media.0.push(kind.make(audio::outlines(audio, seed), scripts, BUDGET, noise)?);
        }
        if let Some(videos) = &config.videos {
            let kind = Collection::new(PartKind::VIDEO, "videos", videos.batch_size);
            let noise = seed.child("dataset.video.noise");
            let kind = Collection { is_of_ffmpeg: true, ..kind };
            media.0.push(kind.make(video::outlines(videos), scripts, BUDGET, noise)?);
        }
        Ok(media)
    }

    /// What the script with this number shows and plays.
    pub(super) fn parts(&self, number: u64) -> impl Iterator<Item = Part> {
        self.0.iter().flat_map(move |kind| kind.parts(number))
    }

    /// What the user should know when there are fewer media than these many scripts could show.
    pub(super) fn shared(&self, scripts: Option<u64>) -> Option<String> {
        let few: Vec<String> = self.0.iter().filter_map(|kind| kind.shared(scripts)).collect();
        (!few.is_empty()).then(|| {
            format!(
                "{}: more are not made. A server that keeps what it has seen answers faster",
                few.join(", ")
            )
        })
    }
}

impl Collection {
    fn new(kind: PartKind, name: &'static str, a_script: usize) -> Self {
        Self {
            kind,
            name,
            a_script: a_script as u64,
            is_of_ffmpeg: false,
            made: Vec::new(),
            order: Order::default(),
            is_given: false,
        }
    }

    /// Makes them, each from a random stream of its own.
    fn make(
        self,
        outlines: impl Iterator<Item = impl Outline + Send>,
        scripts: Option<u64>,
        budget: u64,
        seed: Seed,
    ) -> Result<Self, MediaError> {
        let outlines = self.affordable(outlines, scripts, budget)?;
        if self.is_of_ffmpeg && outlines.len() > FEW_OF_FFMPEG {
            let (count, name) = (outlines.len(), self.name);
            stderr::write(format!("encoding {count} {name} with ffmpeg before the load\n"));
        }
        let made = outlines
            .par_iter()
            .enumerate()
            .map(|(number, outline)| Ok(data_url(outline.encode(seed.child(&number.to_string()))?)))
            .collect::<Result<_, _>>()?;
        Ok(Self { made, ..self })
    }

    /// As many as are shown, or as fit into the budget. Those of the first script always do.
    fn affordable<T: Outline>(
        &self,
        outlines: impl Iterator<Item = T>,
        scripts: Option<u64>,
        budget: u64,
    ) -> Result<Vec<T>, MediaError> {
        let (mut affordable, mut bytes) = (Vec::new(), 0_u64);
        let most = self.shown(scripts.unwrap_or(SCRIPTS_OF_AN_ENDLESS_RUN)).min(self.most());
        for outline in outlines.take(usize::try_from(most).unwrap_or(usize::MAX)) {
            let of_a_script = outline.size().saturating_mul(self.a_script);
            if of_a_script > MOST_OF_A_REQUEST {
                return Err(MediaError::TooLarge { what: outline.what(), bytes: of_a_script });
            }
            bytes = bytes.saturating_add(outline.size());
            if bytes > budget && affordable.len() as u64 >= self.a_script {
                break;
            }
            affordable.push(outline);
        }
        Ok(affordable)
    }

    /// More different ones are not made, unless one script shows more.
    fn most(&self) -> u64 {
        let most = if self.is_of_ffmpeg { MOST_OF_FFMPEG } else { MOST };
        most.max(self.a_script)
    }

    /// How many so many scripts show together.
    fn shown(&self, scripts: u64) -> u64 {
        scripts.saturating_mul(self.a_script)
    }

    fn parts(&self, number: u64) -> impl Iterator<Item = Part> {
        let first = number.wrapping_mul(self.a_script);
        let places = (0..self.a_script).map(move |place| first.wrapping_add(place));
        let data = places.filter_map(|place| self.made.get(self.order.at(place, self.made.len())?).cloned());
        data.map(|data| Part { kind: self.kind, name: String::new(), data })
    }

    fn shared(&self, scripts: Option<u64>) -> Option<String> {
        if self.is_given {
            return None;
        }
        let (made, name) = (self.made.len(), self.name);
        match scripts.map(|scripts| self.shown(scripts)) {
            Some(shown) => {
                (shown > made as u64).then(|| format!("{made} different {name} are sent in {shown} places"))
            }
            None => Some(format!("{made} different {name} are sent in turn")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, io::Cursor};

    use base64::{Engine as _, engine::general_purpose::STANDARD};

    use rstest::rstest;
    use zune_jpeg::zune_core::bytestream::ZCursor;

    use super::*;
    use crate::{
        dataset::{Script, open::tests::scripts, open_locked},
        explain::Explain,
        plan::{
            ContextConfig, DatasetConfig, DialogueConfig, LengthLaw, PromptCorpus, SequenceLaw,
            SequenceLengths, SessionOrder,
            media::{AudioConfig, ImageConfig, ImageFormat},
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

    fn built(entries: usize, media: MediaConfig) -> Vec<Script> {
        let isl = SequenceLaw::Normal(law(12.0, 0.0));
        let config = DatasetConfig::Synthetic {
            entries: Some(entries),
            lengths: SequenceLengths::Apart { isl, osl: None },
            batch_size: 1,
            media,
            dialogue: DialogueConfig::default(),
            context: ContextConfig::default(),
            corpus: PromptCorpus::default(),
        };
        scripts(&config, None, SEED)
    }

    fn parts(scripts: &[Script], kind: PartKind) -> Vec<&str> {
        let parts = scripts.iter().flat_map(|script| &script.steps[0].messages[0].parts);
        parts.filter(|part| part.kind == kind).map(|part| &*part.data).collect()
    }

    /// Its media type, and its bytes.
    fn taken_apart(url: &str) -> (&str, Vec<u8>) {
        let (media_type, data) = url.strip_prefix("data:").unwrap().split_once(";base64,").unwrap();
        (media_type, STANDARD.decode(data).unwrap())
    }

    /// Width and height of an image that a decoder reads to its end.
    fn decoded(media_type: &str, file: &[u8]) -> (usize, usize) {
        let (width, height, pixels) = if media_type == "image/png" {
            let mut reader = png::Decoder::new(Cursor::new(file)).read_info().unwrap();
            let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
            let frame = reader.next_frame(&mut pixels).unwrap();
            reader.finish().unwrap();
            (frame.width as usize, frame.height as usize, pixels)
        } else {
            let mut decoder = zune_jpeg::JpegDecoder::new(ZCursor::new(file));
            let pixels = decoder.decode().unwrap();
            let (width, height) = decoder.dimensions().unwrap();
            (width, height, pixels)
        };
        assert_eq!(pixels.len(), width * height * 3, "red, green and blue");
        assert!(pixels.iter().collect::<HashSet<_>>().len() > 200, "no noise");
        (width, height)
    }

    #[rstest]
    #[case::png(ImageFormat::Png, &["image/png"])]
    #[case::jpeg(ImageFormat::Jpeg, &["image/jpeg"])]
    #[case::random(ImageFormat::Random, &["image/jpeg", "image/png"])]
    fn images_have_the_sizes_and_the_format_that_were_asked_for(
        #[case] format: ImageFormat,
        #[case] expected: &[&str],
    ) {
        let media = MediaConfig { images: Some(images(format)), audio: None, videos: None, pictures: None };
        let scripts = built(20, media);
        let urls = parts(&scripts, PartKind::IMAGE);
        assert_eq!(urls.len(), 40);
        let (mut types, mut widths) = (HashSet::new(), HashSet::new());
        for url in &urls {
            let (media_type, bytes) = taken_apart(url);
            let (width, height) = decoded(media_type, &bytes);
            assert_eq!(height, 30);
            // Noise does not get small.
            let pixels = width * height;
            assert!(bytes.len() > pixels, "{} bytes of {pixels} pixels", bytes.len());
            types.insert(media_type);
            widths.insert(width);
        }
        let mut types: Vec<_> = types.into_iter().collect();
        types.sort_unstable();
        assert_eq!(types, expected);
        assert!(widths.len() > 5, "{widths:?}");
        assert_eq!(urls.iter().collect::<HashSet<_>>().len(), 40, "two images are the same");
    }

    #[rstest]
    fn clips_are_as_long_as_they_say(#[values(8, 16, 24, 32)] depth: u16) {
        let scripts =
            built(20, MediaConfig { images: None, audio: Some(clips(depth)), videos: None, pictures: None });
        let (mut rates, mut lengths) = (HashSet::new(), HashSet::new());
        for url in parts(&scripts, PartKind::AUDIO) {
            let (media_type, bytes) = taken_apart(url);
            let mut reader = hound::WavReader::new(&*bytes).unwrap();
            let (spec, frames) = (reader.spec(), reader.duration());
            assert_eq!((media_type, spec.channels, spec.bits_per_sample), ("audio/wav", 2, depth));
            let seconds = f64::from(frames) / f64::from(spec.sample_rate);
            assert!((0.2..0.9).contains(&seconds), "{seconds}");
            assert!((clip_seconds(url).unwrap() - seconds).abs() < 1e-9);
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
        let both = built(
            6,
            MediaConfig { images: pictures(), audio: Some(clips(16)), videos: None, pictures: None },
        );
        let texts = built(6, MediaConfig::default());
        let seen = built(9, MediaConfig { images: pictures(), audio: None, videos: None, pictures: None });
        let heard =
            built(6, MediaConfig { images: None, audio: Some(clips(16)), videos: None, pictures: None });
        assert_eq!(parts(&both, PartKind::TEXT), parts(&texts, PartKind::TEXT));
        assert_eq!(parts(&both, PartKind::IMAGE), parts(&seen[..6], PartKind::IMAGE));
        assert_eq!(parts(&both, PartKind::AUDIO), parts(&heard, PartKind::AUDIO));
    }

    #[test]
    fn a_seed_gives_its_media_forever() {
        let scripts = built(
            1,
            MediaConfig {
                images: Some(images(ImageFormat::Png)),
                audio: Some(clips(16)),
                videos: None,
                pictures: None,
            },
        );
        let (image, clip) = (parts(&scripts, PartKind::IMAGE)[0], parts(&scripts, PartKind::AUDIO)[0]);
        insta::assert_snapshot!(&image[..120], @"data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAC8AAAAeCAIAAAAzY9DzAAAQr0lEQVR4AQGkEFvvADXlEPlRtL0WwtB+UuG3PuSUVvif2FAUw0");
        insta::assert_snapshot!(&clip[..120], @"data:audio/wav;base64,UklGRnw8AABXQVZFZm10IBAAAAABAAIAQB8AAAB9AAAEABAAZGF0YVg8AACe6L7tJy3EBokMdRW234gAkwMG5av2DBjTN5XACM");
    }

    #[rstest]
    fn an_image_takes_about_as_much_as_was_planned_for_it(
        #[values(ImageFormat::Png, ImageFormat::Jpeg)] format: ImageFormat,
    ) {
        let config = ImageConfig { width: law(640.0, 0.0), height: law(480.0, 0.0), format, batch_size: 1 };
        let outline = image::outlines(&config, SEED).next().unwrap();
        let (planned, taken) = (outline.size(), data_url(outline.encode(SEED).unwrap()).len() as u64);
        assert!(planned.abs_diff(taken) < planned / 20, "{taken} bytes, and {planned} were planned");
    }

    /// Images for so many scripts, two each, within a budget.
    fn pictures(scripts: Option<u64>, a_script: usize, budget: u64) -> Media {
        let outlines = image::outlines(&images(ImageFormat::Png), SEED);
        let kind = Collection::new(PartKind::IMAGE, "images", a_script);
        Media(vec![kind.make(outlines, scripts, budget, SEED).unwrap()])
    }

    fn shown(media: &Media, scripts: u64) -> Vec<Arc<str>> {
        (0..scripts).flat_map(|number| media.parts(number)).map(|part| part.data).collect()
    }

    #[test]
    fn what_does_not_fit_is_shared_in_turn() {
        let outlines = image::outlines(&images(ImageFormat::Png), SEED);
        let media = pictures(Some(6), 2, outlines.take(5).map(|outline| outline.size()).sum());
        let urls = shown(&media, 6);
        assert_eq!(urls.len(), 12);
        assert!(urls.iter().zip(&urls[5..]).all(|(one, later)| Arc::ptr_eq(one, later)));
        assert_eq!(urls[..5].iter().collect::<HashSet<_>>().len(), 5);
        insta::assert_snapshot!(
            media.shared(Some(6)).unwrap(),
            @"5 different images are sent in 12 places: more are not made. A server that keeps what it has seen answers faster"
        );
    }

    #[test]
    fn a_request_has_all_its_media_even_beyond_the_budget() {
        let urls = shown(&pictures(Some(3), 4, 0), 3);
        assert_eq!((urls.len(), urls.iter().collect::<HashSet<_>>().len()), (12, 4));
    }

    #[rstest]
    #[case::as_many(Some(3), None)]
    #[case::without_end(None, Some("5 different images are sent in turn"))]
    fn media_that_are_all_different_need_no_word(#[case] scripts: Option<u64>, #[case] said: Option<&str>) {
        let outlines = image::outlines(&images(ImageFormat::Png), SEED);
        let budget = outlines.take(if scripts.is_some() { 6 } else { 5 }).map(|outline| outline.size()).sum();
        let media = pictures(scripts, 2, budget);
        assert_eq!(media.shared(scripts).as_deref().and_then(|text| text.split(':').next()), said);
    }

    #[rstest]
    #[case::an_image(
        MediaConfig { images: Some(ImageConfig { width: law(1e5, 0.0), height: law(1e4, 0.0), ..images(ImageFormat::Png) }), audio: None, videos: None, pictures: None },
        "make an image of 100000 x 10000 pixels: the media of one request would take 8000000000 bytes, and may take 134217728"
    )]
    #[case::a_clip(
        MediaConfig { images: None, audio: Some(AudioConfig { length_s: law(1e9, 0.0), sample_rates_hz: vec![16_000], ..clips(16) }), videos: None, pictures: None },
        "make an audio clip of 1000000000.0 s at 16000 Hz and 16 bits: the media of one request would take 85333333333333 bytes, and may take 134217728"
    )]
    fn media_that_would_eat_the_machine_are_refused(#[case] media: MediaConfig, #[case] text: &str) {
        let config = DatasetConfig::Synthetic {
            entries: Some(5),
            lengths: SequenceLengths::Apart { isl: SequenceLaw::Normal(law(5.0, 0.0)), osl: None },
            batch_size: 1,
            media,
            dialogue: DialogueConfig::default(),
            context: ContextConfig::default(),
            corpus: PromptCorpus::default(),
        };
        let error = open_locked(&config, SessionOrder::default(), None, SEED, None).unwrap_err();
        assert_eq!(error.to_string(), text);
        assert!(!error.hint().is_empty());
    }
}
