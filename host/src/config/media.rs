//! Generated media: what each request shows and plays, from the flags and from what the dialect cannot do without.
//!
//! Knows the flags and the manifest's metadata; encodes nothing.

use prony_plugin_api::metadata::EndpointMetadata;

use super::{
    error::ConfigError,
    flags::{MediaFlags, ProfileFlags},
};
use crate::plan::{
    LengthLaw,
    media::{AudioConfig, ImageConfig, MediaConfig},
};

/// Width and height of the image of a dialect that cannot do without one, in pixels.
const SMALL_IMAGE: f64 = 64.0;

/// Length of the clip of a dialect that cannot do without one, in seconds.
const SHORT_CLIP: f64 = 1.0;

/// Bits of a sample, unless the user says otherwise.
const DEPTH: u16 = 16;

/// Samples a second, unless the user says otherwise.
const SAMPLE_RATE_HZ: u32 = 16_000;

/// Why flags about a medium stay without effect.
const FROM_FILE: &str = "the file says what is sent";

/// The media that the flags ask for, and those that the endpoint of this name needs in every request.
pub(super) fn media(
    flags: &ProfileFlags,
    endpoint: &EndpointMetadata,
    name: &str,
) -> Result<MediaConfig, ConfigError> {
    let wish = &flags.media;
    let kinds = [
        (typed_image(wish), "images", endpoint.supports_images || endpoint.requires_images),
        (typed_audio(wish), "audio", endpoint.supports_audio || endpoint.requires_audio),
    ];
    for (typed, medium, is_supported) in kinds {
        match typed {
            Some(flag) if flags.input_file.is_some() => {
                return Err(ConfigError::Clash { flag, with: "--input-file", reason: FROM_FILE });
            }
            Some(flag) if !is_supported => {
                return Err(ConfigError::NoMedia { flag, medium, endpoint: name.to_owned() });
            }
            _ => {}
        }
    }
    Ok(MediaConfig {
        images: images(wish, endpoint.requires_images)?,
        audio: audio(wish, endpoint.requires_audio)?,
    })
}

fn images(wish: &MediaFlags, is_required: bool) -> Result<Option<ImageConfig>, ConfigError> {
    let positive = |mean: Option<f64>| mean.filter(|mean| *mean > 0.0);
    let (width, height) = match (positive(wish.image_width_mean), positive(wish.image_height_mean)) {
        (Some(width), Some(height)) => (width, height),
        (Some(_), None) => {
            return Err(ConfigError::Needs { flag: "--image-width-mean", needs: "--image-height-mean" });
        }
        (None, Some(_)) => {
            return Err(ConfigError::Needs { flag: "--image-height-mean", needs: "--image-width-mean" });
        }
        (None, None) if is_required => (SMALL_IMAGE, SMALL_IMAGE),
        (None, None) => {
            let flag = typed_image(wish).filter(|flag| !flag.ends_with("-mean"));
            return match flag {
                Some(flag) => Err(ConfigError::Needs { flag, needs: "--image-width-mean" }),
                None => Ok(None),
            };
        }
    };
    Ok(Some(ImageConfig {
        width: LengthLaw { mean: width, stddev: wish.image_width_stddev.unwrap_or(0.0) },
        height: LengthLaw { mean: height, stddev: wish.image_height_stddev.unwrap_or(0.0) },
        format: wish.image_format.unwrap_or_default(),
        batch_size: wish.image_batch_size.unwrap_or(1),
    }))
}

fn audio(wish: &MediaFlags, is_required: bool) -> Result<Option<AudioConfig>, ConfigError> {
    let length = match wish.audio_length_mean.filter(|mean| *mean > 0.0) {
        Some(length) => length,
        None if is_required => SHORT_CLIP,
        None => {
            let flag = typed_audio(wish).filter(|flag| !flag.ends_with("-mean"));
            return match flag {
                Some(flag) => Err(ConfigError::Needs { flag, needs: "--audio-length-mean" }),
                None => Ok(None),
            };
        }
    };
    Ok(Some(AudioConfig {
        length_s: LengthLaw { mean: length, stddev: wish.audio_length_stddev.unwrap_or(0.0) },
        format: wish.audio_format.unwrap_or_default(),
        depths: or_default(&wish.audio_depths, DEPTH),
        sample_rates_hz: or_default(&wish.audio_sample_rates, SAMPLE_RATE_HZ),
        channels: wish.audio_num_channels.unwrap_or(1),
        batch_size: wish.audio_batch_size.unwrap_or(1),
    }))
}

fn or_default<T: Copy>(list: &[T], default: T) -> Vec<T> {
    if list.is_empty() { vec![default] } else { list.to_vec() }
}

/// The first of the flags about images that was typed; one that only switches them on or off comes last.
fn typed_image(wish: &MediaFlags) -> Option<&'static str> {
    first_typed(&[
        ("--image-width-stddev", wish.image_width_stddev.is_some()),
        ("--image-height-stddev", wish.image_height_stddev.is_some()),
        ("--image-format", wish.image_format.is_some()),
        ("--image-batch-size", wish.image_batch_size.is_some()),
        ("--image-width-mean", wish.image_width_mean.is_some_and(|mean| mean > 0.0)),
        ("--image-height-mean", wish.image_height_mean.is_some_and(|mean| mean > 0.0)),
    ])
}

/// The same of those about audio.
fn typed_audio(wish: &MediaFlags) -> Option<&'static str> {
    first_typed(&[
        ("--audio-length-stddev", wish.audio_length_stddev.is_some()),
        ("--audio-format", wish.audio_format.is_some()),
        ("--audio-depths", !wish.audio_depths.is_empty()),
        ("--audio-sample-rates", !wish.audio_sample_rates.is_empty()),
        ("--audio-num-channels", wish.audio_num_channels.is_some()),
        ("--audio-batch-size", wish.audio_batch_size.is_some()),
        ("--audio-length-mean", wish.audio_length_mean.is_some_and(|mean| mean > 0.0)),
    ])
}

fn first_typed(flags: &[(&'static str, bool)]) -> Option<&'static str> {
    flags.iter().find(|(_, typed)| *typed).map(|(flag, _)| *flag)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::{
        config::flags::tests::flags,
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

    fn resolved(line: &str, keys: &str) -> Result<MediaConfig, ConfigError> {
        media(&flags(line).unwrap(), &endpoint(keys), "see")
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
    fn a_dialect_that_cannot_do_without_a_medium_gets_a_small_one() {
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
    #[case::half_an_image("--image-width-mean 5", "use `--image-width-mean` without `--image-height-mean`")]
    #[case::the_other_half("--image-height-mean 5", "use `--image-height-mean` without `--image-width-mean`")]
    #[case::a_format_alone("--image-format jpeg", "use `--image-format` without `--image-width-mean`")]
    #[case::a_depth_alone("--audio-depths 8", "use `--audio-depths` without `--audio-length-mean`")]
    #[case::a_file(
        "--input-file d.jsonl --audio-length-mean 2",
        "use `--audio-length-mean` together with `--input-file`: the file says what is sent"
    )]
    fn flags_without_effect_are_refused(#[case] line: &str, #[case] text: &str) {
        let error = resolved(line, ALL).unwrap_err();
        assert_eq!(error.to_string(), text);
        assert!(!error.hint().is_empty());
    }

    #[test]
    fn media_that_a_dialect_does_not_take_are_refused() {
        let error = resolved("--audio-length-mean 2", "").unwrap_err();
        assert_eq!(error.to_string(), "use `--audio-length-mean` with the endpoint `see`: it takes no audio");
        assert!(error.hint().contains("prony plugins endpoint NAME"), "{}", error.hint());
    }

    #[rstest]
    #[case("--audio-depths 12")]
    #[case("--audio-num-channels 3")]
    #[case("--audio-sample-rates 0.5")]
    #[case("--image-batch-size 0")]
    #[case("--image-width-mean -5")]
    #[case("--image-format webp")]
    #[case("--audio-format mp3")]
    fn values_out_of_range_are_refused(#[case] line: &str) {
        assert!(flags(line).is_err());
    }
}
