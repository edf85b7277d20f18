//! Generated videos: what each request shows of them.

use super::{
    error::ConfigError,
    problems::Problems,
    spec::{Origin, RunSpec},
};
use crate::plan::media::{SoundtrackConfig, VideoConfig, VideoFormat};

const LENGTH_S: f64 = 5.0;
const FPS: u32 = 4;
const CODEC: &str = "libvpx-vp9";
const SAMPLE_RATE_HZ: u32 = 44_100;
const DEPTH: u16 = 16;

/// How the user asks for the usual encoder of sounds in a container.
const AUTO: &str = "auto";

/// The videos that are asked for.
pub(super) fn videos(spec: &RunSpec, problems: &mut Problems) -> Option<VideoConfig> {
    let (width, height) = (&spec.video_width, &spec.video_height);
    problems.require(width, height);
    problems.require(height, width);
    let (Some(width), Some(height)) = (width.value(), height.value()) else {
        if !width.is_given() && !height.is_given() {
            let needs = width.flag();
            problems.note_some(details(spec).map(|flag| ConfigError::Needs { flag, needs }));
        }
        return None;
    };
    let format = spec.video_format.value().unwrap_or_default();
    Some(VideoConfig {
        width,
        height,
        length_s: spec.video_duration.value().unwrap_or(LENGTH_S),
        fps: spec.video_fps.value().unwrap_or(FPS),
        content: spec.video_synth_type.value().unwrap_or_default(),
        format,
        codec: spec.video_codec.get().cloned().unwrap_or_else(|| CODEC.to_owned()),
        sound: sound(spec, format, problems),
        batch_size: spec.video_batch_size.value().unwrap_or(1),
    })
}

/// The first of the settings about videos that is given; those that only switch them on come last.
pub(super) fn typed(spec: &RunSpec) -> Option<Origin> {
    details(spec).or(spec.video_width.origin()).or(spec.video_height.origin())
}

fn sound(spec: &RunSpec, format: VideoFormat, problems: &mut Problems) -> Option<SoundtrackConfig> {
    let Some(channels) = spec.video_audio_num_channels.value().filter(|channels| *channels > 0) else {
        let needs = spec.video_audio_num_channels.flag();
        problems.note_some(details_of_sound(spec).map(|flag| ConfigError::Needs { flag, needs }));
        return None;
    };
    let codec = spec.video_audio_codec.get().filter(|codec| *codec != AUTO).cloned();
    Some(SoundtrackConfig {
        channels,
        sample_rate_hz: spec.video_audio_sample_rate.value().unwrap_or(SAMPLE_RATE_HZ),
        depth: spec.video_audio_depth.value().unwrap_or(DEPTH),
        codec: codec.unwrap_or_else(|| usual_codec(format).to_owned()),
    })
}

/// The encoder of sounds that goes with a container.
fn usual_codec(format: VideoFormat) -> &'static str {
    match format {
        VideoFormat::Webm => "libvorbis",
        VideoFormat::Mp4 => "aac",
    }
}

fn details(spec: &RunSpec) -> Option<Origin> {
    let details = [
        spec.video_duration.origin(),
        spec.video_fps.origin(),
        spec.video_synth_type.origin(),
        spec.video_format.origin(),
        spec.video_codec.origin(),
        spec.video_batch_size.origin(),
        spec.video_audio_num_channels.origin().filter(|_| spec.video_audio_num_channels.value() > Some(0)),
    ];
    details.into_iter().flatten().next().or_else(|| details_of_sound(spec))
}

fn details_of_sound(spec: &RunSpec) -> Option<Origin> {
    let details = [
        spec.video_audio_sample_rate.origin(),
        spec.video_audio_codec.origin(),
        spec.video_audio_depth.origin(),
    ];
    details.into_iter().flatten().next()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::{
        config::{error::ConfigErrors, flags::tests::flags, spec::tests::spec},
        plan::media::VideoContent,
    };

    fn resolved(line: &str) -> Result<Option<VideoConfig>, ConfigErrors> {
        let mut problems = Problems::default();
        let videos = videos(&spec(line), &mut problems);
        problems.finish().map(|()| videos)
    }

    #[test]
    fn a_size_is_enough() {
        let expected = VideoConfig {
            width: 640,
            height: 360,
            length_s: 5.0,
            fps: 4,
            content: VideoContent::MovingShapes,
            format: VideoFormat::Webm,
            codec: "libvpx-vp9".into(),
            sound: None,
            batch_size: 1,
        };
        assert_eq!(resolved("--video-width 640 --video-height 360").unwrap(), Some(expected));
        assert_eq!(resolved("").unwrap(), None);
    }

    #[test]
    fn videos_are_made_as_they_were_asked_for() {
        let line = "--video-width 64 --video-height 32 --video-duration 1.5 --video-fps 10 --video-synth-type GRID_CLOCK \
                    --video-format mp4 --video-codec libx264 --batch-size-video 3 --video-audio-num-channels 2 \
                    --video-audio-sample-rate 48 --video-audio-depth 24";
        let sound = SoundtrackConfig { channels: 2, sample_rate_hz: 48_000, depth: 24, codec: "aac".into() };
        let expected = VideoConfig {
            width: 64,
            height: 32,
            length_s: 1.5,
            fps: 10,
            content: VideoContent::GridClock,
            format: VideoFormat::Mp4,
            codec: "libx264".into(),
            sound: Some(sound),
            batch_size: 3,
        };
        assert_eq!(resolved(line).unwrap(), Some(expected));
    }

    #[rstest]
    #[case("webm", "auto", "libvorbis")]
    #[case("webm", "libopus", "libopus")]
    #[case("mp4", "auto", "aac")]
    fn sounds_have_the_encoder_of_their_container(
        #[case] format: &str,
        #[case] codec: &str,
        #[case] expected: &str,
    ) {
        let line = format!(
            "--video-width 8 --video-height 8 --video-format {format} --video-audio-num-channels 1 --video-audio-codec {codec}"
        );
        assert_eq!(resolved(&line).unwrap().unwrap().sound.unwrap().codec, expected);
    }

    #[rstest]
    #[case("--video-width 5", "`--video-width` requires `--video-height`")]
    #[case("--video-height 5", "`--video-height` requires `--video-width`")]
    #[case("--video-fps 5", "`--video-fps` requires `--video-width`")]
    #[case(
        "--video-width 8 --video-height 8 --video-audio-depth 8",
        "`--video-audio-depth` requires `--video-audio-num-channels`"
    )]
    #[case(
        "--video-width 8 --video-height 8 --video-audio-depth 8 --video-audio-num-channels 0",
        "`--video-audio-depth` requires `--video-audio-num-channels`"
    )]
    fn flags_without_effect_are_refused(#[case] line: &str, #[case] text: &str) {
        assert_eq!(resolved(line).unwrap_err().to_string(), text);
    }

    #[rstest]
    #[case("--video-width 0")]
    #[case("--video-duration 0")]
    #[case("--video-fps 0.5")]
    #[case("--video-batch-size 0")]
    #[case("--video-format avi")]
    #[case("--video-synth-type clouds")]
    #[case("--video-audio-num-channels 3")]
    #[case("--video-audio-depth 12")]
    fn values_out_of_range_are_refused(#[case] line: &str) {
        assert!(flags(line).is_err());
    }
}
