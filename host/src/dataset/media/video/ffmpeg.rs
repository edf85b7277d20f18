//! What ffmpeg is asked for to make a video: frames go in by a pipe, and sound by a file.

use std::{ffi::OsString, path::Path};

use super::canvas::RGB;
use crate::{
    dataset::media::{
        encoder::{Encoder, Stop},
        ffmpeg::{self, ALIKE, QUIETLY},
        outline::{MediaError, Product},
        scratch::Scratch,
    },
    plan::media::{VideoConfig, VideoFormat},
};

/// How a video is encoded.
pub(super) struct Encoding<'a> {
    pub(super) config: &'a VideoConfig,
    /// A WAV file.
    pub(super) sound: Option<&'a [u8]>,
}

impl Encoding<'_> {
    /// Encodes so many frames, each of which is drawn, by its number, when the one before it has been taken.
    ///
    /// # Errors
    /// There is no such program, it fails, or there is no place for files.
    pub(super) fn run(
        &self,
        what: &dyn Fn() -> String,
        frames: u64,
        draw: impl Fn(u64, &mut [u8]),
    ) -> Result<Vec<u8>, MediaError> {
        let files = |source| MediaError::Files { what: what(), source };
        let sound = self.sound.map(Scratch::with).transpose().map_err(files)?;
        let arguments = |film: &Path| self.arguments(sound.as_ref().map(Scratch::path), film);
        ffmpeg::made(what, Product::Video, arguments, |encoder| self.feed(encoder, frames, draw))
    }

    fn feed(&self, encoder: &mut Encoder, frames: u64, draw: impl Fn(u64, &mut [u8])) -> Result<(), Stop> {
        let mut pixels = vec![0; self.config.width as usize * self.config.height as usize * RGB];
        for number in 0..frames {
            draw(number, &mut pixels);
            encoder.give(&pixels)?;
        }
        Ok(())
    }

    /// What it is asked to do.
    fn arguments(&self, sound: Option<&Path>, film: &Path) -> Vec<OsString> {
        let VideoConfig { width, height, fps, codec, .. } = self.config;
        let mut words = ffmpeg::words(&format!("{QUIETLY} -f rawvideo -pixel_format rgb24"));
        words.extend(ffmpeg::words(&format!("-video_size {width}x{height} -framerate {fps} -i pipe:0")));
        if let Some(sound) = sound {
            words.extend(["-i".into(), sound.into()]);
        }
        words.extend(ffmpeg::words("-map 0:v -pix_fmt yuv420p -threads 1 -c:v"));
        words.push(codec.into());
        if codec.starts_with("libvpx") {
            // Else a second of a large video takes many seconds.
            words.extend(ffmpeg::words("-deadline realtime -cpu-used 8"));
        }
        if let Some(sound) = &self.config.sound {
            words.extend(ffmpeg::words("-map 1:a -c:a"));
            words.push((&sound.codec).into());
        }
        words.extend(ffmpeg::words(&format!("{ALIKE} -f")));
        words.push(muxer(self.config.format).into());
        words.push(film.into());
        words
    }
}

/// What ffmpeg calls a container.
fn muxer(format: VideoFormat) -> &'static str {
    match format {
        VideoFormat::Webm => "webm",
        VideoFormat::Mp4 => "mp4",
    }
}
