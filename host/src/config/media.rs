//! Generated media: what each request shows and plays, from what is asked for and from what the API format cannot do without.
//!
//! Knows the settings and the manifest's metadata; encodes nothing.

use prony_plugin_api::metadata::EndpointMetadata;

use super::{
    content,
    error::{ConfigError, Said},
    flags::ImageSource,
    problems::Problems,
    spec::{Origin, RunSpec, Setting},
    videos,
};
use crate::plan::{
    LengthLaw,
    media::{AudioConfig, AudioFormat, ImageConfig, MediaConfig, PictureConfig, PictureSampling},
};

/// Width and height of the image of an API format that cannot do without one, in pixels.
const SMALL_IMAGE: f64 = 64.0;

/// Length of the clip of an API format that cannot do without one, in seconds.
const SHORT_CLIP: f64 = 1.0;

/// Bits of a sample, unless the user says otherwise.
const DEPTH: u16 = 16;

/// Samples a second, unless the user says otherwise.
const SAMPLE_RATE_HZ: u32 = 16_000;

/// Samples a second that MP3 has: those of the versions 1, 2 and 2.5 of its standard.
const RATES_OF_MP3_HZ: [u32; 9] = [8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000];

/// The media that are asked for, and those that the endpoint of this name needs in every request.
pub(super) fn media(
    spec: &RunSpec,
    endpoint: &EndpointMetadata,
    name: &str,
    problems: &mut Problems,
) -> MediaConfig {
    let kinds = [
        (typed_image(spec), "images", endpoint.supports_images || endpoint.requires_images),
        (typed_audio(spec), "audio", endpoint.supports_audio || endpoint.requires_audio),
        (videos::typed(spec), "videos", endpoint.supports_videos),
    ];
    for (typed, medium, is_supported) in kinds {
        match typed {
            Some(flag) if spec.input_file.is_given() => problems.push(content::from_file(spec, flag)),
            Some(flag) if !is_supported => {
                problems.push(ConfigError::NoMedia { flag, medium, endpoint: name.to_owned() });
            }
            _ => {}
        }
    }
    let pictures = pictures(spec, problems);
    MediaConfig {
        images: images(spec, endpoint.requires_images, problems).filter(|_| pictures.is_none()),
        pictures,
        audio: audio(spec, endpoint.requires_audio, problems),
        videos: videos::videos(spec, problems),
    }
}

/// Those of a folder, as they are.
fn pictures(spec: &RunSpec, problems: &mut Problems) -> Option<PictureConfig> {
    let (source, sampling) = (&spec.image_source, &spec.image_source_sampling);
    problems.require(sampling, source);
    let Some((ImageSource::Folder(folder), by)) = source.given() else {
        let is_order = |sampling: &PictureSampling| *sampling != PictureSampling::default();
        if let (Some((_, with)), Some((_, flag))) =
            (source.given(), sampling.given().filter(|(sampling, _)| is_order(sampling)))
        {
            let (flag, with, reason) = (flag.into(), with.into(), "no two images of noise are alike");
            problems.push(ConfigError::Clash { flag, with, reason });
        }
        return None;
    };
    for flag in of_noise(spec).into_iter().flatten() {
        let (flag, with, reason) = (flag.into(), by.into(), "pictures of a folder are sent as they are");
        problems.push(ConfigError::Clash { flag, with, reason });
    }
    Some(PictureConfig {
        folder: folder.clone(),
        sampling: sampling.value().unwrap_or_default(),
        batch_size: spec.image_batch_size.value().unwrap_or(1),
    })
}

/// Settings that say how images of noise are made; those that are given.
fn of_noise(spec: &RunSpec) -> [Option<Origin>; 5] {
    [
        spec.image_width_mean.origin(),
        spec.image_width_stddev.origin(),
        spec.image_height_mean.origin(),
        spec.image_height_stddev.origin(),
        spec.image_format.origin(),
    ]
}

fn folder(spec: &RunSpec) -> Option<Origin> {
    spec.image_source.given().filter(|(source, _)| matches!(source, ImageSource::Folder(_))).map(|(_, by)| by)
}

fn images(spec: &RunSpec, is_required: bool, problems: &mut Problems) -> Option<ImageConfig> {
    let needs = |flag, other: &Setting<f64>| ConfigError::Needs { flag, needs: other.flag() };
    let (width, height) = match (wanted(&spec.image_width_mean), wanted(&spec.image_height_mean)) {
        (Some((width, _)), Some((height, _))) => (width, height),
        (Some((_, flag)), None) => {
            problems.push(needs(flag, &spec.image_height_mean));
            return None;
        }
        (None, Some((_, flag))) => {
            problems.push(needs(flag, &spec.image_width_mean));
            return None;
        }
        (None, None) if folder(spec).is_some() => return None,
        (None, None) if is_required => (SMALL_IMAGE, SMALL_IMAGE),
        (None, None) => {
            problems.note_some(details_of_images(spec).map(|flag| needs(flag, &spec.image_width_mean)));
            return None;
        }
    };
    Some(ImageConfig {
        width: LengthLaw { mean: width, stddev: spec.image_width_stddev.value().unwrap_or(0.0) },
        height: LengthLaw { mean: height, stddev: spec.image_height_stddev.value().unwrap_or(0.0) },
        format: spec.image_format.value().unwrap_or_default(),
        batch_size: spec.image_batch_size.value().unwrap_or(1),
    })
}

fn audio(spec: &RunSpec, is_required: bool, problems: &mut Problems) -> Option<AudioConfig> {
    let length = match wanted(&spec.audio_length_mean) {
        Some((length, _)) => length,
        None if is_required => SHORT_CLIP,
        None => {
            let needs = spec.audio_length_mean.flag();
            problems.note_some(details_of_audio(spec).map(|flag| ConfigError::Needs { flag, needs }));
            return None;
        }
    };
    check_mp3(spec, problems);
    Some(AudioConfig {
        length_s: LengthLaw { mean: length, stddev: spec.audio_length_stddev.value().unwrap_or(0.0) },
        format: spec.audio_format.value().unwrap_or_default(),
        depths: or_default(spec.audio_depths.list(), DEPTH),
        sample_rates_hz: or_default(spec.audio_sample_rates.list(), SAMPLE_RATE_HZ),
        channels: spec.audio_num_channels.value().unwrap_or(1),
        batch_size: spec.audio_batch_size.value().unwrap_or(1),
    })
}

/// MP3 has these rates only, and ffmpeg would silently take another one.
fn check_mp3(spec: &RunSpec, problems: &mut Problems) {
    let Some((AudioFormat::Mp3, format)) = spec.audio_format.given() else { return };
    let Some((rates_hz, flag)) = spec.audio_sample_rates.given() else { return };
    if rates_hz.iter().any(|rate_hz| !RATES_OF_MP3_HZ.contains(rate_hz)) {
        let reason = "MP3 has 8, 11.025, 12, 16, 22.05, 24, 32, 44.1 or 48 kHz";
        let with = Said::with_value(format, "mp3");
        problems.push(ConfigError::Clash { flag: flag.into(), with, reason });
    }
}

/// A mean that switches a medium on; 0 does not.
fn wanted(mean: &Setting<f64>) -> Option<(f64, Origin)> {
    mean.given().map(|(mean, origin)| (*mean, origin)).filter(|(mean, _)| *mean > 0.0)
}

fn or_default<T: Copy>(list: &[T], default: T) -> Vec<T> {
    if list.is_empty() { vec![default] } else { list.to_vec() }
}

/// The first of the settings about images that is given; one that only switches them on comes last.
fn typed_image(spec: &RunSpec) -> Option<Origin> {
    let switches = [&spec.image_width_mean, &spec.image_height_mean];
    details_of_images(spec)
        .or_else(|| folder(spec))
        .or_else(|| switches.into_iter().find_map(wanted).map(|(_, origin)| origin))
}

/// The same of those about audio.
fn typed_audio(spec: &RunSpec) -> Option<Origin> {
    details_of_audio(spec).or_else(|| wanted(&spec.audio_length_mean).map(|(_, origin)| origin))
}

fn details_of_images(spec: &RunSpec) -> Option<Origin> {
    let details = [
        spec.image_width_stddev.origin(),
        spec.image_height_stddev.origin(),
        spec.image_format.origin(),
        spec.image_batch_size.origin(),
    ];
    details.into_iter().flatten().next()
}

fn details_of_audio(spec: &RunSpec) -> Option<Origin> {
    let details = [
        spec.audio_length_stddev.origin(),
        spec.audio_format.origin(),
        spec.audio_depths.origin(),
        spec.audio_sample_rates.origin(),
        spec.audio_num_channels.origin(),
        spec.audio_batch_size.origin(),
    ];
    details.into_iter().flatten().next()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::{
        config::{error::ConfigErrors, flags::tests::flags, spec::tests::spec},
        explain::Explain,
        plan::media::{AudioFormat, ImageFormat},
    };

    fn endpoint(keys: &str) -> EndpointMetadata {
        let json = format!(
            r#"{{"endpoint_path": null, "supports_streaming": true, "produces_tokens": true, "tokenizes_input": false,
                "supports_images": true{keys}}}"#
        );
        serde_json::from_str(&json).unwrap()
    }

    const ALL: &str = r#", "supports_audio": true"#;

    fn resolved(line: &str, keys: &str) -> Result<MediaConfig, ConfigErrors> {
        let mut problems = Problems::default();
        let media = media(&spec(line), &endpoint(keys), "see", &mut problems);
        problems.finish().map(|()| media)
    }

    #[test]
    fn media_are_made_as_they_were_asked_for() {
        let line = "--image-width-mean 640 --image-width-stddev 8 --image-height-mean 480 --image-height-stddev 4.5 \
                    --image-format random --batch-size-image 3 --audio-length-mean 2.5 --audio-length-stddev 0.5 \
                    --audio-depths 8,24 --audio-sample-rates 16 44100 --audio-num-channels 2 --audio-batch-size 2";
        let expected = MediaConfig {
            images: Some(ImageConfig {
                width: LengthLaw { mean: 640.0, stddev: 8.0 },
                height: LengthLaw { mean: 480.0, stddev: 4.5 },
                format: ImageFormat::Random,
                batch_size: 3,
            }),
            audio: Some(AudioConfig {
                length_s: LengthLaw { mean: 2.5, stddev: 0.5 },
                format: AudioFormat::Wav,
                depths: vec![8, 24],
                sample_rates_hz: vec![16_000, 44_100],
                channels: 2,
                batch_size: 2,
            }),
            videos: None,
            pictures: None,
        };
        assert_eq!(resolved(line, ALL).unwrap(), expected);
    }

    #[rstest]
    #[case::nothing_typed("")]
    #[case::switched_off("--image-width-mean 0 --image-height-mean 0 --audio-length-mean 0")]
    fn there_are_no_media_unless_somebody_wants_them(#[case] line: &str) {
        assert!(resolved(line, ALL).unwrap().is_empty());
    }

    #[test]
    fn an_api_format_that_cannot_do_without_a_medium_gets_a_small_one() {
        let media = resolved("--image-batch-size 4", r#", "requires_images": true"#).unwrap();
        let images = media.images.unwrap();
        let side = LengthLaw { mean: 64.0, stddev: 0.0 };
        assert_eq!((images.width, images.height, images.format), (side, side, ImageFormat::Png));
        assert_eq!((images.batch_size, media.audio), (4, None));
        let media = resolved("", r#", "requires_audio": true"#).unwrap();
        let audio = media.audio.unwrap();
        assert_eq!((audio.length_s, audio.batch_size), (LengthLaw { mean: 1.0, stddev: 0.0 }, 1));
        assert_eq!((audio.depths, audio.sample_rates_hz, audio.channels), (vec![16], vec![16_000], 1));
    }

    #[rstest]
    #[case::half_an_image("--image-width-mean 5", "`--image-width-mean` requires `--image-height-mean`")]
    #[case::the_other_half("--image-height-mean 5", "`--image-height-mean` requires `--image-width-mean`")]
    #[case::a_format_alone("--image-format jpeg", "`--image-format` requires `--image-width-mean`")]
    #[case::a_depth_alone("--audio-depths 8", "`--audio-depths` requires `--audio-length-mean`")]
    #[case::a_file(
        "--input-file d.jsonl --audio-length-mean 2",
        "use `--audio-length-mean` together with `--input-file`: the file says what is sent"
    )]
    #[case::a_rate_that_mp3_does_not_have(
        "--audio-length-mean 2 --audio-format mp3 --audio-sample-rates 16,96",
        "use `--audio-sample-rates` together with `--audio-format mp3`: MP3 has 8, 11.025, 12, 16, 22.05, 24, 32, 44.1 or 48 kHz"
    )]
    fn flags_without_effect_are_refused(#[case] line: &str, #[case] text: &str) {
        let error = resolved(line, ALL).unwrap_err();
        assert_eq!(error.to_string(), text);
        assert!(!error.first.hint().is_empty());
    }

    #[rstest]
    #[case::a_file(
        "--input-file d.jsonl --video-width 8 --video-height 8",
        "`--video-width` together with `--input-file`"
    )]
    #[case::no_form(
        "--video-width 8 --video-height 8 --video-fps 2",
        "use `--video-fps` with the endpoint `see`: it takes no videos"
    )]
    fn videos_are_refused_as_images_are(#[case] line: &str, #[case] text: &str) {
        let error = resolved(line, ALL).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }

    #[test]
    fn media_that_a_api_format_does_not_take_are_refused() {
        let error = resolved("--audio-length-mean 2", "").unwrap_err();
        assert_eq!(error.to_string(), "use `--audio-length-mean` with the endpoint `see`: it takes no audio");
        assert!(error.first.hint().contains("prony plugins endpoint NAME"), "{error:?}");
    }

    #[rstest]
    #[case("--audio-depths 12")]
    #[case("--audio-num-channels 3")]
    #[case("--audio-sample-rates 0.5")]
    #[case("--image-batch-size 0")]
    #[case("--image-width-mean -5")]
    #[case("--image-format webp")]
    #[case("--audio-format flac")]
    fn values_out_of_range_are_refused(#[case] line: &str) {
        assert!(flags(line).is_err());
    }
}
